"""`bearer`: whose token is it, as middleware and as a dependency."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apiroutes.middleware import bearer
from tests.security.steps import OTHER, SECRET, USERS, bearer_header
from tests.support import Answer, app_of, call

VERIFIERS = {
    "plain": "def verify(token):\n    asked.append(token)\n    return {'good': 'ada'}.get(token)\n",
    "async": "async def verify(token):\n    asked.append(token)\n    return {'good': 'ada'}.get(token)\n",
    "returns a coroutine": """
async def look_up(token):
    asked.append(token)
    return {'good': 'ada'}.get(token)
def verify(token):
    return look_up(token)
""",
    "takes the request": """
def verify(token, req):
    asked.append(token)
    return 'ada' if token == 'good' and req.path == '/api/x' else False
""",
    "takes the request, async": """
async def verify(token, req):
    asked.append(token)
    return 'ada' if token == 'good' and req.path == '/api/x' else False
""",
    "an object": """
class Tokens:
    async def __call__(self, token):
        asked.append(token)
        return 'ada' if token == 'good' else None
verify = Tokens()
""",
    "with a default": """
def verify(token, users={'good': 'ada'}):
    asked.append(token)
    return users.get(token)
""",
}
STEP = "current_user = bearer(verify)\n"
ANSWER = "DEFGET(req):\n    return {'user': req.context['user'], 'asked': asked}\n"
TYPED = ANSWER.replace("req)", "user: Annotated[str, Depends(current_user)])").replace(
    "req.context['user']", "user"
)
PLACES = {
    "middleware": "middleware = [current_user]\n" + ANSWER,
    "use": "@use(current_user)\n" + ANSWER,
    "parameter": TYPED,
    "dependencies": "dependencies = [Depends(current_user)]\n" + ANSWER,
    "all": "middleware = [current_user]\ndependencies = [Depends(current_user)]\n" + TYPED,
}


@pytest.mark.parametrize("verify", VERIFIERS.values(), ids=VERIFIERS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("define", ["def ", "async def "])
def test_a_step_signs_in_once_wherever_it_is_used(
    tmp_path: Path, verify: str, place: str, define: str
) -> None:
    app = app_of(tmp_path, USERS + verify + STEP + place.replace("DEF", define))
    assert call(app, headers=bearer_header("good")).json() == {"user": "ada", "asked": ["good"]}
    assert call(app, headers=bearer_header("bad")).status == 401


HANDLER = "middleware = [current_user]\ndef GET(req):\n    return [req.context['user']]\n"
KNOWN = USERS + "current_user = bearer({'ada': SECRET, 'bob': [OTHER, SECRET[::-1]]})\n" + HANDLER
MISSING, WRONG = 'Bearer realm="api"', 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        (f"Bearer {SECRET}", "ada"),
        (f"bearer {SECRET}", "ada"),
        (f"BEARER  {SECRET}", "ada"),
        (f"Bearer {OTHER}", "bob"),
        (f"Bearer {SECRET[::-1]}", "bob"),
    ],
)
def test_a_token_belongs_to_its_client(tmp_path: Path, authorization: str, user: str) -> None:
    assert call(app_of(tmp_path, KNOWN), headers=[("Authorization", authorization)]).json() == [user]


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, MISSING),
        ("", MISSING),
        ("Basic YTpi", MISSING),
        (SECRET, MISSING),
        (f"Token {SECRET}", MISSING),
        (f"Bearer\t{SECRET}", MISSING),
        ("Bearer", WRONG),
        ("Bearer ", WRONG),
        (f"Bearer {SECRET}x", WRONG),
        (f"Bearer {SECRET[:-1]}", WRONG),
        (f"Bearer {SECRET} {SECRET}", WRONG),
        (f"Bearer {SECRET},Bearer {SECRET}", WRONG),
        (f"Bearer {SECRET}, Bearer {SECRET}", WRONG),
        (f'Bearer "{SECRET}"', WRONG),
        (f"Bearer {SECRET}\n", WRONG),
        ("Bearer =", WRONG),
        ("Bearer \xe9\xff", WRONG),
        ("Bearer \x00", WRONG),
        ("Bearer " + "a" * 9000, WRONG),
        ("Bearer " + " " * 9000 + SECRET, WRONG),
    ],
)
def test_anything_else_is_a_401_with_a_challenge(
    tmp_path: Path, authorization: str | None, challenge: str
) -> None:
    answer = call(app_of(tmp_path, KNOWN), HTTP_AUTHORIZATION=authorization)
    assert answer.status == 401
    assert answer.all("WWW-Authenticate") == [challenge]
    assert answer.header("Cache-Control") == "no-store"


@pytest.mark.parametrize(
    ("authorization", "outcome"),
    [
        (None, [None]),
        ("Basic YTpi", [None]),
        (f"Bearer {SECRET}", ["ada"]),
        (f"Bearer {SECRET}x", WRONG),
        ("Bearer a b", WRONG),
        ("Bearer", WRONG),
    ],
)
def test_an_optional_token_may_be_missing_and_not_be_wrong(
    tmp_path: Path, authorization: str | None, outcome: object
) -> None:
    app = app_of(tmp_path, KNOWN.replace("]})", "]}, optional=True)"))
    answer = call(app, HTTP_AUTHORIZATION=authorization)
    assert (answer.header("WWW-Authenticate") if answer.status == 401 else answer.json()) == outcome


@pytest.mark.parametrize("secrets", [SECRET, [OTHER, SECRET]])
def test_tokens_without_a_name_are_one_clients(tmp_path: Path, secrets: object) -> None:
    source = USERS + f"current_user = bearer({secrets!r}, scheme_name='deploy')\n" + HANDLER
    assert call(app_of(tmp_path, source), headers=bearer_header(SECRET)).json() == ["deploy"]


def test_a_user_may_be_false_in_a_condition(tmp_path: Path) -> None:
    app = app_of(tmp_path, USERS + "current_user = bearer(lambda token: 0)\n" + HANDLER)
    assert call(app, headers=bearer_header("x")).json() == [0]


def test_an_error_of_verify_is_a_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = app_of(tmp_path, USERS + "current_user = bearer(lambda token: users[token])\n" + HANDLER)
    assert call(app, headers=bearer_header("x")).status == 500
    assert "NameError" in caplog.text


def test_verify_may_answer_itself(tmp_path: Path) -> None:
    source = "def verify(token):\n    raise ApiError(503, 'later')\ncurrent_user = bearer(verify)\n"
    assert call(app_of(tmp_path, USERS + source + HANDLER), headers=bearer_header("x")).status == 503


def generator(token: str) -> Iterator[str]:
    yield token


async def async_generator(token: str) -> AsyncIterator[str]:
    yield token


@pytest.mark.parametrize(
    ("verify", "error", "message"),
    [
        (None, TypeError, "is its environment variable set"),
        ({"ada": None}, TypeError, "of 'ada' is None"),
        ("", ValueError, "is empty"),
        ("short", ValueError, "fewer than 22 characters"),
        ([SECRET, "short"], ValueError, "secret 2 of 2 has fewer than 22 characters"),
        ([], ValueError, "empty"),
        ({}, ValueError, "empty dict"),
        ({"ada": []}, ValueError, "of 'ada' is empty"),
        ({"": SECRET}, TypeError, "name"),
        ("a" * 40, ValueError, "repeats itself"),
        ("change-me-please-change-me", ValueError, "placeholder"),
        (SECRET + " " + OTHER, ValueError, "a request cannot carry"),
        (SECRET + "é", ValueError, "a request cannot carry"),
        ({"ada": SECRET, "bob": SECRET}, ValueError, "the same"),
        (5, TypeError, "neither a string nor a list"),
        (lambda: None, TypeError, "cannot be called with the token"),
        (lambda token, req, db: None, TypeError, r"def verify\(token, req\)"),
        (lambda *, token: None, TypeError, "cannot be called with the token"),
        (str, TypeError, "`str` is a class"),
        (generator, TypeError, "is a generator"),
        (async_generator, TypeError, "is a generator"),
    ],
)
def test_what_can_verify_nothing_is_refused(verify: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        bearer(verify)  # type: ignore[call-overload]
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("realm", ["", "é", "a\nb", None])
def test_a_realm_is_a_text_that_a_header_can_carry(realm: str) -> None:
    with pytest.raises(ValueError, match="realm"):
        bearer(SECRET, realm=realm)


def test_a_realm_is_quoted(tmp_path: Path) -> None:
    source = USERS + "current_user = bearer(SECRET, realm='a \"b\" \\\\c')\n" + HANDLER
    assert call(app_of(tmp_path, source)).header("WWW-Authenticate") == r'Bearer realm="a \"b\" \\c"'


def test_no_text_of_a_step_shows_its_tokens() -> None:
    step = bearer({"ada": SECRET})
    seen = repr(step) + repr(vars(step)) + repr(step.schemes)
    assert SECRET not in seen


def test_a_client_that_prefers_json_gets_a_problem_document(tmp_path: Path) -> None:
    answer = call(app_of(tmp_path, KNOWN), headers=[("Accept", "application/json")])
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["detail"] == "Credentials are missing"


def _vary(answer: Answer) -> str | None:
    return answer.header("Vary")


def test_answers_vary_by_the_credentials(tmp_path: Path) -> None:
    assert _vary(call(app_of(tmp_path, KNOWN), headers=bearer_header(SECRET))) == "Authorization"
