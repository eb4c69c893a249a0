"""`session_user`: users by their session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, ProjectError
from apiroutes.cli import main
from apiroutes.middleware import any_of, session_user
from apiroutes.testing import Client
from tests.asgi_server import AsWSGI
from tests.security.steps import SECRET, USERS, bearer_header
from tests.sessions.session_cases import KEY, Browser
from tests.support import app_of, call, project

SESSIONS = "from apiroutes.middleware import sessions\nmiddleware = [sessions(OPTIONS)]\n"
SIGN_IN = "def POST(req):\n    req.session.rotate(owner=req.body['owner'])\n    return 'in'\n"
PEOPLE = USERS + "people = {'1': 'ada', '2': 'bob'}\n"
LOADS = {
    "plain": "def load(owner): return people.get(owner)\n",
    "async": "async def load(owner): return people.get(owner)\n",
    "with the request": "def load(owner, req): return req and people.get(owner)\n",
    "async with the request": "async def load(owner, req): return req and people.get(owner)\n",
    "of a coroutine": "async def find(owner): return people.get(owner)\n"
    "def load(owner): return find(owner)\n",
}
STEP = "current_user = session_user(load)\n"
PLACES = {
    "middleware": "middleware = [current_user]\ndef GET(req): return [req.context['user']]\n",
    "use": "@use(current_user)\ndef GET(req): return [req.context['user']]\n",
    "dependencies": "dependencies = [Depends(current_user)]\ndef GET(req): return [req.context['user']]\n",
    "parameter": "def GET(user: Annotated[str, Depends(current_user)]): return [user]\n",
    "async": "async def GET(user: Annotated[str, Depends(current_user)]): return [user]\n",
    "async inside": "middleware = [current_user]\nasync def GET(req): return [req.context['user']]\n",
    "require": "middleware = [current_user, require(anybody)]\ndef GET(req): return [req.context['user']]\n",
    "require a user": "middleware = [require(anybody, user=current_user)]\n"
    "def GET(req): return [req.context['user']]\n",
    "requirement": "one = require(anybody, user=current_user)\n"
    "def GET(user: Annotated[str, Depends(one)]): return [user]\n",
}
CHALLENGE = 'Session realm="api"'


def app_with(root: Path, source: str, options: str = "", **settings: Any) -> App:
    files = {
        "middleware.py": SESSIONS.replace("OPTIONS", options),
        "pages/api/sign-in.py": SIGN_IN,
        "pages/api/x.py": source,
    }
    return App(project(root, files), **{"secret_key": KEY, **settings})


def browser_of(app: Any, owner: str | None = None) -> Browser:
    browser = Browser(app)
    if owner is not None:
        content = json.dumps({"owner": owner}).encode()
        browser.call("POST", "/api/sign-in", body=content, headers=[("Content-Type", "application/json")])
    return browser


@pytest.mark.parametrize(
    ("options", "interface"), [("", "wsgi"), ("store='sqlite'", "wsgi"), ("store='sqlite'", "asgi")]
)
@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_owner_of_the_session_is_the_user(
    tmp_path: Path, options: str, interface: str, load: str, place: str
) -> None:
    app = app_with(tmp_path, PEOPLE + load + STEP + place, options)
    called = AsWSGI(app.asgi) if interface == "asgi" else app
    answers = [browser_of(called, owner).call(target="/api/x") for owner in ("1", "2", None, "gone")]
    assert [answer.status for answer in answers] == [200, 200, 401, 401]
    assert [answer.json() for answer in answers[:2]] == [["ada"], ["bob"]]
    for refused in answers[2:]:
        assert (refused.all("WWW-Authenticate"), refused.header("Vary")) == ([CHALLENGE], "Cookie")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_without_a_function_the_owner_is_the_user(tmp_path: Path, place: str) -> None:
    app = app_with(tmp_path, PEOPLE + "current_user = session_user()\n" + place)
    assert browser_of(app, "gone").call(target="/api/x").json() == ["gone"]
    assert call(app).status == 401


OPTIONAL = (
    PEOPLE + LOADS["plain"] + "current_user = session_user(load, optional=True)\n" + PLACES["parameter"]
)


@pytest.mark.parametrize(("owner", "user"), [("1", "ada"), (None, None), ("gone", None)])
def test_an_optional_user_may_be_nobody_or_gone(tmp_path: Path, owner: str | None, user: str | None) -> None:
    assert browser_of(app_with(tmp_path, OPTIONAL), owner).call(target="/api/x").json() == [user]


EITHER = "current_user = any_of(session_user(load), bearer({'ci': SECRET}))\n"


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_session_or_a_token_will_do(tmp_path: Path, load: str, place: str) -> None:
    app = app_with(tmp_path, PEOPLE + load + EITHER + place)
    assert browser_of(app, "1").call(target="/api/x").json() == ["ada"]
    assert browser_of(app).call(target="/api/x", headers=bearer_header(SECRET)).json() == ["ci"]
    refused = browser_of(app).call(target="/api/x")
    assert (refused.status, refused.all("WWW-Authenticate")) == (401, [CHALLENGE, 'Bearer realm="api"'])


def test_a_test_puts_a_user_in_its_place(tmp_path: Path) -> None:
    source = PEOPLE + LOADS["plain"] + STEP + PLACES["require"]
    app = app_with(tmp_path, source)
    with Client(app) as client:
        client.override(app.resources["pages/api/x.py"].middleware[-2], lambda: "cy")
        assert client.get("/api/x").json == ["cy"]


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ("ada", "load is a str, which cannot be called: write `def load"),
        (lambda: None, "cannot be called with the owner: write `def load"),
        (dict, "would let everybody in"),
    ],
)
def test_what_is_no_such_function_is_refused(load: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        session_user(load)


def test_two_of_them_cannot_be_one() -> None:
    with pytest.raises(ValueError, match="read the same credentials"):
        any_of(session_user(), session_user(len))


# -- what the project knows of it


def operation_of(root: Path, source: str, options: str = "") -> tuple[Any, Any]:
    app = app_with(root, PEOPLE + LOADS["plain"] + source, options, openapi_path="/openapi.json")
    document = call(app, target="/openapi.json").json()
    return document["paths"]["/api/x"]["get"], document["components"].get("securitySchemes")


@pytest.mark.parametrize(
    ("options", "cookie"),
    [
        ("", "__Host-session"),
        ("store='memory'", "__Host-session"),
        ("name='sid'", "sid"),
        ("secure=False", "session"),
        ("path='/api'", "session"),
    ],
)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_document_has_the_cookie(tmp_path: Path, options: str, cookie: str, place: str) -> None:
    operation, schemes = operation_of(tmp_path, STEP + place, options)
    assert operation["security"] == [{"session": []}]
    assert schemes == {"session": {"type": "apiKey", "in": "cookie", "name": cookie}}


@pytest.mark.parametrize(
    ("step", "security"),
    [
        ("session_user(load, optional=True)", [{"session": []}, {}]),
        ("session_user(load, scheme_name='people')", [{"people": []}]),
        ("any_of(session_user(load), bearer({'ci': SECRET}))", [{"session": []}, {"bearer": []}]),
    ],
)
def test_the_document_has_the_alternatives(tmp_path: Path, step: str, security: Any) -> None:
    assert operation_of(tmp_path, f"current_user = {step}\n" + PLACES["use"])[0]["security"] == security


def test_routes_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with(tmp_path, PEOPLE + LOADS["plain"] + EITHER + PLACES["middleware"])
    monkeypatch.chdir(app.root)
    monkeypatch.setenv("APIROUTES_SECRET_KEY", KEY)
    ended = CliRunner().invoke(main, ["routes", "x", "--json"], catch_exceptions=False)
    (route,) = json.loads(ended.stdout)
    assert route["middleware"] == ["csrf (added)", "sessions", "any_of(session_user, bearer)"]


@pytest.mark.parametrize("step", ["session_user()", "any_of(session_user(), bearer(SECRET))"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("around", ["", "middleware = [request_id()]\n", "middleware = [csrf()]\n"])
def test_without_sessions_the_project_does_not_start(
    tmp_path: Path, step: str, place: str, around: str
) -> None:
    files = {"middleware.py": "from apiroutes.middleware import *\n" + around}
    files["pages/api/x.py"] = PEOPLE + f"current_user = {step}\n" + place
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files if around else {"pages/api/x.py": files["pages/api/x.py"]}))
    (problem,) = raised.value.problems
    assert problem.file == "pages/api/x.py"
    assert problem.message.endswith("reads the session, but no `sessions()` is around it.")


def test_sessions_inside_of_it_come_too_late(tmp_path: Path) -> None:
    source = "middleware = [session_user(), sessions()]\ndef GET(): ...\n"
    with pytest.raises(ProjectError, match=r"no `sessions\(\)` is around it"):
        app_of(tmp_path, PEOPLE + source, secret_key=KEY)


# Middleware of the project that keeps sessions in its own way.
OWN = """
class Kept:
    owner = "1"
def keep(req, res, next):
    req.session = Kept()
    return next()
"""


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_sessions_of_the_project_itself_will_do(tmp_path: Path, place: str) -> None:
    files = {"middleware.py": OWN + "middleware = [keep]\n"}
    files["pages/api/x.py"] = PEOPLE + LOADS["plain"] + STEP + place
    assert call(App(project(tmp_path, files))).json() == ["ada"]


POST_OF = {
    "middleware": "middleware = [current_user]\ndef POST(req): return 'done'\n",
    "use": "@use(current_user)\ndef POST(req): return 'done'\n",
    "parameter": "def POST(user: Annotated[str, Depends(current_user)]): return 'done'\n",
    "requirement": "middleware = [require(anybody, user=current_user)]\ndef POST(req): return 'done'\n",
}


@pytest.mark.parametrize("step", ["session_user()", "any_of(session_user(), bearer(SECRET))"])
@pytest.mark.parametrize("place", POST_OF.values(), ids=POST_OF)
@pytest.mark.parametrize(
    ("around", "status"),
    [
        (SESSIONS.replace("OPTIONS", ""), 403),
        (SESSIONS.replace("OPTIONS", "csrf=False"), 200),
        (OWN + "middleware = [keep]\n", 403),
    ],
)
def test_requests_of_other_sites_are_checked_as_the_sessions_say(
    tmp_path: Path, step: str, place: str, around: str, status: int
) -> None:
    source = PEOPLE + f"current_user = {step}\n" + place
    files = {"middleware.py": around, "pages/api/x.py": source, "pages/api/sign-in.py": SIGN_IN}
    browser = browser_of(App(project(tmp_path, files), secret_key=KEY), "1")
    assert browser.call("POST").status == 200
    assert browser.call("POST", headers=[("Sec-Fetch-Site", "cross-site")]).status == status


@pytest.mark.parametrize("place", ["parameter", "requirement"])
def test_a_cached_handler_cannot_take_the_user(tmp_path: Path, place: str) -> None:
    with pytest.raises(ProjectError, match=r"is cached, and `user` comes from credentials"):
        app_with(tmp_path, PEOPLE + LOADS["plain"] + STEP + "revalidate = 60\n" + PLACES[place])


def test_a_guard_is_asked_for_stored_answers_too(tmp_path: Path) -> None:
    source = PEOPLE + LOADS["plain"] + STEP + "revalidate = 60\nmiddleware = [current_user]\n"
    app = app_with(tmp_path, source + "def GET(): return 'for members'\n", cache="memory")
    browsers = [browser_of(app, owner) for owner in ("1", "2", None, "gone")]
    answers = [browser.call(target="/api/x") for browser in browsers]
    assert [answer.status for answer in answers] == [200, 200, 401, 401]
    assert all("private" in str(answer.header("Cache-Control")) for answer in answers[:2])
