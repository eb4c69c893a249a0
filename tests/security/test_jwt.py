"""`jwt` as a step: users, scopes, dependencies, OpenAPI, and where it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.security.tokens import ISSUER, SECRET, send, token
from tests.support import app_of, call

BEFORE = f"""
from typing import Annotated
from apiroutes import ApiError, Depends, use
from apiroutes.middleware import bearer, jwt, require
asked = []
SECRET, RULES = {SECRET!r}, dict(audience="api", issuer={ISSUER!r})
def step_of(**options):
    return jwt(SECRET, algorithms=["HS256"], **RULES, **options)
"""


def project(root: Path, source: str) -> App:
    return app_of(root, BEFORE + source)


HANDLERS = {
    "middleware": "@use(step)\ndef GET(req):\n    return {'user': req.context['user']}",
    "async middleware": "@use(step)\nasync def GET(req):\n    return {'user': req.context['user']}",
    "a dependency": "def GET(user: Annotated[object, Depends(step)]):\n    return {'user': user}",
    "an async one": "async def GET(user: Annotated[object, Depends(step)]):\n    return {'user': user}",
}
USERS: dict[str, tuple[str, str, Any]] = {
    "claims": ("step = step_of()", "", {"sub": "ada"}),
    "plain": ("step = step_of(user=lambda claims: claims['sub'].upper())", "", "ADA"),
    "with the request": ("step = step_of(user=lambda claims, req: req.path)", "", "/api/x"),
    "async": ("step = step_of(user=find)", "async def find(claims):\n    return claims['sub']", "ada"),
    "a coroutine": (
        "step = step_of(user=lambda claims: find(claims))",
        "async def find(c):\n    return 1",
        1,
    ),
}


@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_the_user_is_what_the_project_makes_of_the_claims(
    tmp_path: Path, handler: str, user: tuple[str, str, Any]
) -> None:
    step, function, expected = user
    found = send(project(tmp_path, f"{function}\n{step}\n{handler}\n"), token()).json()["user"]
    assert (found["sub"] if isinstance(expected, dict) else found) == (
        "ada" if isinstance(expected, dict) else expected
    )


REFUSING = ["lambda claims: None", "lambda claims: False", "nobody", "lambda claims: nobody(claims)"]


@pytest.mark.parametrize("user", REFUSING)
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_a_user_that_is_not_there_is_a_401(tmp_path: Path, user: str, handler: str) -> None:
    source = f"async def nobody(claims):\n    return None\nstep = step_of(user={user})\n{handler}\n"
    answer = send(project(tmp_path, source), token())
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Bearer realm="api", error="invalid_token"'


def test_what_the_function_of_the_user_raises_is_the_answer(tmp_path: Path) -> None:
    source = """
def find(claims):
    raise ApiError(403, "blocked")
@use(step_of(user=find))
def GET(req):
    return {}
"""
    assert send(project(tmp_path, source), token()).status == 403


def test_the_claims_cannot_be_changed(tmp_path: Path) -> None:
    source = """
@use(step_of())
def GET(req):
    try:
        req.context["user"]["sub"] = "root"
    except TypeError:
        return {"user": req.context["user"]}
"""
    assert send(project(tmp_path, source), token()).json()["user"]["sub"] == "ada"


@pytest.mark.parametrize(("text", "status"), [(None, 200), ("", 401), ("a.b.c", 401), (token(), 200)])
def test_an_optional_token_may_be_absent_but_not_wrong(tmp_path: Path, text: str | None, status: int) -> None:
    source = "@use(step_of(optional=True))\ndef GET(req):\n    return {'user': req.context['user']}\n"
    answer = send(project(tmp_path, source), text)
    assert answer.status == status
    assert answer.status == 401 or bool(answer.json()["user"]) is (text is not None)


def test_a_token_is_verified_once_for_a_request(tmp_path: Path) -> None:
    source = """
def count(claims):
    asked.append(claims["sub"])
    return claims["sub"]
step = step_of(user=count)
def other(user: Annotated[str, Depends(step)]):
    return user
middleware = [step]
@use(step)
def GET(user: Annotated[str, Depends(step)], again: Annotated[str, Depends(other)]):
    return {"asked": asked}
"""
    assert send(project(tmp_path, source), token()).json() == {"asked": ["ada"]}


SCOPES = [
    ({"scope": "notes:read notes:write"}, 200),
    ({"scope": "notes:write"}, 200),
    ({"scp": "notes:write"}, 200),
    ({"scp": ["notes:read", "notes:write"]}, 200),
    ({"scope": ["notes:write"]}, 200),
    ({"scope": "notes:read"}, 403),
    ({"scope": "notes:write:all"}, 403),
    ({"scope": "NOTES:WRITE"}, 403),
    ({"scope": ""}, 403),
    ({"scope": None}, 403),
    ({}, 403),
    ({"scope": 5}, 401),
    ({"scope": {"notes:write": True}}, 401),
    ({"scp": [5]}, 401),
    ({"scopes": 5}, 401),
]


@pytest.mark.parametrize(("changes", "status"), SCOPES)
@pytest.mark.parametrize("user", ["None", "lambda claims: claims['sub']"])
def test_require_finds_the_scopes_of_a_token(
    tmp_path: Path, changes: dict[str, Any], status: int, user: str
) -> None:
    source = f"""
middleware = [step_of(user={user}), require(scope="notes:write")]
def GET(req):
    return {{}}
"""
    assert send(project(tmp_path, source), token(**changes)).status == status


def test_the_openapi_document_has_the_scheme(tmp_path: Path) -> None:
    app = project(tmp_path, "@use(step_of())\ndef GET(req) -> dict:\n    return {}\n")
    document = app.openapi()
    assert document["components"]["securitySchemes"] == {
        "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    assert document["paths"]["/api/x"]["get"]["security"] == [{"jwt": []}]


WHERE = [
    ("step_of()", True),
    ("step_of(user=lambda claims: claims)", False),
    ("jwt(jwks_url='https://issuer.example/jwks', algorithms=['RS256'], **RULES)", True),
]


@pytest.mark.parametrize(("step", "on_loop"), WHERE)
def test_a_step_that_never_waits_takes_no_thread(tmp_path: Path, step: str, on_loop: bool) -> None:
    """Under ASGI, where an async handler stays on the loop with it."""
    from apiroutes.chain import runs_on_loop

    scope: dict[str, Any] = {}
    exec(f"{BEFORE}\nstep = {step}\n", scope)
    assert runs_on_loop(scope["step"]) is on_loop


def test_a_value_in_a_cached_handler_stops_the_start(tmp_path: Path) -> None:
    from apiroutes import ProjectError

    source = """
step = step_of()
config = {"cache": {"revalidate": 60}}
def GET(user: Annotated[object, Depends(step)]):
    return {}
"""
    with pytest.raises(ProjectError, match="comes from credentials"):
        project(tmp_path, source)


def test_two_issuers_stand_side_by_side(tmp_path: Path) -> None:
    source = """
from apiroutes.middleware import any_of, api_key
step = any_of(step_of(), api_key({"ci": "k9TqWx3bZr8nVf2mLs7pYd"}, header="X-API-Key"))
@use(step)
def GET(req):
    return {"user": req.context["user"]}
"""
    app = project(tmp_path, source)
    assert send(app, token()).json()["user"]["sub"] == "ada"
    assert call(app, headers=[("X-API-Key", "k9TqWx3bZr8nVf2mLs7pYd")]).json() == {"user": "ci"}


@pytest.mark.parametrize(
    ("library", "missing"), [("jwt", "PyJWT"), ("cryptography", "cryptography for RS256")]
)
def test_without_the_library_the_message_says_which_and_the_remedy(library: str, missing: str) -> None:
    source = f"""
import sys
sys.modules[{library!r}] = None
from apiroutes.middleware import jwt
try:
    jwt("x", algorithms=["RS256"], audience=None, issuer=None)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == f"jwt(...) needs {missing}: pip install 'apiroutes[auth]'\n"


def test_the_remedy_names_an_extra_that_there_is() -> None:
    text = (Path(__file__).parents[2] / "setup.cfg").read_text()
    assert "\nauth =\n" in text
