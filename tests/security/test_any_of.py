"""`any_of`: several ways to sign in."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes.middleware import any_of, api_key, basic, bearer
from tests.security.steps import OTHER, SECRET, USERS, basic_header, bearer_header
from tests.support import app_of, call

ASYNC = "async def find(token):\n    return {'tok': 'eve'}.get(token)\n"
STEPS = """
keys = api_key({'bob': SECRET}, header='X-Key')
both = any_of(bearer(TOKENS), keys, basic({'ada': OTHER}))
middleware = [both]
def GET(user: Annotated[str, Depends(both)]):
    return [user]
"""
SOURCES = {
    "plain": USERS + STEPS.replace("TOKENS", "lambda token: {'tok': 'eve'}.get(token)"),
    "async": USERS + ASYNC + STEPS.replace("TOKENS", "find"),
}
CHALLENGES = ['Bearer realm="api"', 'ApiKey realm="api"', 'Basic realm="api", charset="UTF-8"']
WRONG = 'Bearer realm="api", error="invalid_token"'
by_kind = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
KEY = [("X-Key", SECRET)]


@by_kind
@pytest.mark.parametrize(
    ("headers", "user"),
    [
        (bearer_header("tok"), "eve"),
        (KEY, "bob"),
        (basic_header(f"ada:{OTHER}"), "ada"),
        (KEY + bearer_header("tok"), "eve"),
        (KEY + basic_header("ada:wrong"), "bob"),
    ],
)
def test_the_first_decides_whose_credentials_came(
    tmp_path: Path, source: str, headers: list[tuple[str, str]], user: str
) -> None:
    assert call(app_of(tmp_path, source), headers=headers).json() == [user]


@by_kind
@pytest.mark.parametrize(
    ("headers", "challenges"),
    [
        ([], CHALLENGES),
        (bearer_header("bad"), [WRONG, *CHALLENGES[1:]]),
        (bearer_header("a b"), [WRONG, *CHALLENGES[1:]]),
        (KEY + bearer_header("bad"), [WRONG, *CHALLENGES[1:]]),
        ([("X-Key", "bad")], CHALLENGES),
    ],
)
def test_a_401_has_the_challenges_of_all(
    tmp_path: Path, source: str, headers: list[tuple[str, str]], challenges: list[str]
) -> None:
    answer = call(app_of(tmp_path, source), headers=headers)
    assert (answer.status, answer.all("WWW-Authenticate")) == (401, challenges)


@by_kind
def test_answers_vary_by_the_headers_of_all(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source), headers=KEY).header("Vary") == "Authorization, X-Key"


@by_kind
def test_optional_ones_may_all_be_missing(tmp_path: Path, source: str) -> None:
    app = app_of(tmp_path, source.replace("OTHER}))", "OTHER}), optional=True)"))
    assert call(app).json() == [None]
    assert call(app, headers=[("X-Key", "bad")]).status == 401


def test_steps_that_cannot_be_one_are_refused() -> None:
    one, other = bearer(SECRET), api_key(SECRET, header="X-Key")
    with pytest.raises(TypeError, match="at least two steps"):
        any_of(one)
    with pytest.raises(TypeError, match="not a step that signs in"):
        any_of(one, print)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="read the same credentials, Authorization"):
        any_of(one, bearer(OTHER))
    with pytest.raises(ValueError, match="read the same credentials, x-key"):
        any_of(other, api_key(OTHER, header="x-key"))
    with pytest.raises(ValueError, match="optional=True"):
        any_of(other, bearer(OTHER, optional=True))
    assert any_of(api_key(SECRET, cookie="key"), api_key(OTHER, cookie="KEY"))
    assert any_of(one, other, basic({"ada": OTHER}), api_key(OTHER, header="X-Other"))
