"""`require`: what a user has to have."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes.middleware import api_key, bearer, require
from tests.security.steps import SECRET, USERS, bearer_header
from tests.support import app_of, call

PEOPLE = """
@dataclass
class User:
    name: str
    scopes: object = None
people = {
    "text": User("ada", "notes:read notes:write"),
    "list": User("bob", ["notes:write", "notes:read"]),
    "set": User("cy", {"notes:read", "notes:write"}),
    "dict": {"name": "di", "scope": "notes:read notes:write"},
    "reader": User("eve", "notes:read"),
    "prefix": User("flo", "notes:read notes:writes"),
    "none": User("gus"),
    "dict without": {"name": "hal"},
    "name": "ira",
    "empty": User("jo", ""),
}
"""
VERIFY = {
    "plain": "def find(token):\n    return people.get(token.replace('-', ' '))\n",
    "async": "async def find(token):\n    return people.get(token.replace('-', ' '))\n",
}
STEP = "current_user = bearer(find)\n"
WRITES = "require(scope=['notes:read', 'notes:write'])"
PLACES = {
    "middleware": "middleware = [current_user, REQUIRE]\nDEFGET(req):\n    return 'done'\n",
    "use": "@use(current_user, REQUIRE)\nDEFGET(req):\n    return 'done'\n",
    "alone": "middleware = [REQUIRE_OF]\nDEFGET(req):\n    return 'done'\n",
    "dependency": "DEFGET(user: Annotated[object, Depends(REQUIRE_OF)]):\n    return 'done'\n",
    "dependencies": """
dependencies = [Depends(current_user), Depends(REQUIRE)]
DEFGET(req):
    return 'done'
""",
    "mixed": """
middleware = [current_user]
DEFGET(user: Annotated[object, Depends(REQUIRE)]):
    return 'done'
""",
}


def source_of(verify: str, place: str, define: str, required: str = WRITES) -> str:
    of_user = required[:-1] + ", user=current_user)"
    handler = place.replace("REQUIRE_OF", of_user).replace("REQUIRE", required).replace("DEF", define)
    return USERS + PEOPLE + verify + STEP + handler


@pytest.mark.parametrize("verify", VERIFY.values(), ids=VERIFY)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("define", ["def ", "async def "])
def test_scopes_are_required_wherever_it_is_used(
    tmp_path: Path, verify: str, place: str, define: str
) -> None:
    app = app_of(tmp_path, source_of(verify, place, define))
    assert [call(app, headers=bearer_header(token)).status for token in ("text", "reader", "bad")] == [
        200,
        403,
        401,
    ]
    assert call(app).status == 401


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("text", 200),
        ("list", 200),
        ("set", 200),
        ("dict", 200),
        ("reader", 403),
        ("prefix", 403),
        ("none", 403),
        ("dict-without", 403),
        ("name", 403),
        ("empty", 403),
    ],
)
def test_a_users_scopes_are_a_text_or_a_collection(tmp_path: Path, token: str, status: int) -> None:
    app = app_of(tmp_path, source_of(VERIFY["plain"], PLACES["middleware"], "def "))
    answer = call(app, headers=bearer_header(token))
    assert answer.status == status
    if status == 403:
        assert answer.all("WWW-Authenticate") == [
            'Bearer realm="api", error="insufficient_scope", scope="notes:read notes:write"'
        ]
        assert answer.header("Cache-Control") == "no-store"


CHECKS = {
    "plain": "def check(user):\n    return user.name == 'ada'\n",
    "async": "async def check(user):\n    return user.name == 'ada'\n",
    "takes the request": "def check(user, req):\n    return user.name == 'ada' and req.path == '/api/x'\n",
    "async, takes the request": "async def check(user, req):\n    return user.name == 'ada' and req.path\n",
    "returns a coroutine": """
async def ask(user):
    return user.name == 'ada'
def check(user):
    return ask(user)
""",
}


@pytest.mark.parametrize("verify", VERIFY.values(), ids=VERIFY)
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_function_may_ask_for_anything(tmp_path: Path, verify: str, check: str, place: str) -> None:
    app = app_of(tmp_path, source_of(verify + check, place, "def ", "require(check)"))
    answers = [call(app, headers=bearer_header(token)) for token in ("text", "list")]
    assert [answer.status for answer in answers] == [200, 403]
    assert answers[1].all("WWW-Authenticate") == []


def test_both_may_be_required(tmp_path: Path) -> None:
    source = source_of(
        VERIFY["plain"] + CHECKS["plain"], PLACES["use"], "def ", "require(check, scope='notes:write')"
    )
    app = app_of(tmp_path, source)
    assert [call(app, headers=bearer_header(token)).status for token in ("text", "list", "reader")] == [
        200,
        403,
        403,
    ]


def test_a_check_without_an_answer_refuses(tmp_path: Path) -> None:
    check = "def check(user):\n    user.name == 'ada'\n"
    app = app_of(tmp_path, source_of(VERIFY["plain"] + check, PLACES["use"], "def ", "require(check)"))
    assert call(app, headers=bearer_header("text")).status == 403


def test_a_key_without_its_scope_is_told_nothing_of_tokens(tmp_path: Path) -> None:
    source = """
middleware = [api_key({'ada': SECRET}, header='X-Key'), require(scope='a')]
def GET(req):
    return 'done'
"""
    answer = call(app_of(tmp_path, USERS + source), headers=[("X-Key", SECRET)])
    assert (answer.status, answer.all("WWW-Authenticate")) == (403, [])


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_nobody_is_asked_to_sign_in(tmp_path: Path, place: str) -> None:
    source = source_of(VERIFY["plain"], place, "def ").replace("bearer(find)", "bearer(find, optional=True)")
    answer = call(app_of(tmp_path, source))
    assert (answer.status, answer.all("WWW-Authenticate")) == (401, ['Bearer realm="api"'])


OWN = """
def signed_in(req, res, next):
    req.context['user'] = people.get(req.headers.get('X-User'))
    return next()
middleware = [signed_in, require(scope='notes:write')]
def GET(req):
    return 'done'
"""


@pytest.mark.parametrize(("user", "status"), [("text", 200), ("reader", 403), ("bad", 401)])
def test_middleware_of_the_project_may_sign_in(tmp_path: Path, user: str, status: int) -> None:
    answer = call(app_of(tmp_path, USERS + PEOPLE + OWN), headers=[("X-User", user)])
    assert answer.status == status
    assert (answer.header("WWW-Authenticate") is not None) == (status == 401)


def test_without_a_step_before_it_is_a_fault_that_names_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = "def noted(req, res, next):\n    return next()\n" + (
        "middleware = [noted, require(scope='a')]\ndef GET(req):\n    return 'done'\n"
    )
    assert call(app_of(tmp_path, USERS + source)).status == 500
    assert "`middleware = [current_user, require(...)]`" in caplog.text


def test_scopes_of_another_type_are_a_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    people = PEOPLE.replace('"empty": User("jo", "")', '"empty": User("jo", 5)')
    source = source_of(VERIFY["plain"], PLACES["use"], "def ").replace(PEOPLE, people)
    assert call(app_of(tmp_path, source), headers=bearer_header("empty")).status == 500
    assert "the scopes of a user are a int" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, TypeError, "nothing to check"),
        ({"scope": ""}, ValueError, "is empty"),
        ({"scope": []}, ValueError, "is empty"),
        ({"scope": ["a b"]}, ValueError, "cannot be a scope"),
        ({"scope": 'a"b'}, ValueError, "cannot be a scope"),
        ({"scope": 5}, TypeError, "list of strings"),
        ({"check": "notes:write"}, TypeError, r"require\(scope='notes:write'\)"),
        ({"check": lambda: True}, TypeError, "cannot be called with the user"),
        ({"scope": "a", "user": print}, TypeError, "not a step that signs in"),
    ],
)
def test_what_asks_for_nothing_is_refused(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        require(**arguments)  # type: ignore[arg-type]


def test_what_never_waits_may_run_on_a_loop() -> None:
    known = bearer(SECRET)
    asked = api_key(lambda key: key, header="X-Key")
    assert [require(scope="a", user=step).never_waits for step in (known, asked)] == [True, False]
    assert [require(scope="a").never_waits, require(lambda user: True).never_waits] == [True, False]
