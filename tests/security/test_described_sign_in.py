"""What the project knows of steps that sign in: documents, listings, and mistakes that stop the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, ProjectError
from apiroutes.cli import main
from tests.security.steps import SECRET, USERS, basic_header, bearer_header
from tests.support import app_of, call, project

BEARER = {"type": "http", "scheme": "bearer"}


def document_of(root: Path, source: str) -> Any:
    return call(app_of(root, USERS + source, openapi_path="/openapi.json"), target="/openapi.json").json()


STEPS = """
current_user = bearer(lambda token: token)
either = any_of(bearer(SECRET, scheme_name='tokens'), api_key(OTHER, header='X-Key'))
in_cookie = api_key(OTHER, cookie='key', scheme_name='cookie')
named = basic({'ada': SECRET})
anyone = bearer(SECRET, scheme_name='tokens', optional=True)
required = bearer(OTHER, scheme_name='tokens')
any_way = any_of(bearer(SECRET, scheme_name='tokens'), api_key(OTHER, header='X-Key'), optional=True)
writes = require(scope='notes:write')
writes_of = require(scope=['notes:read', 'notes:write'], user=current_user)
writes_of_either = require(scope='notes:write', user=either)
anybody = bearer(lambda token: token, optional=True)
known = require(lambda user: True)
writes_of_anybody = require(scope='notes:write', user=anybody)
"""
WRITE = ["notes:write"]
BOTH = ["notes:read", "notes:write"]


@pytest.mark.parametrize(
    ("handler", "security", "statuses"),
    [
        ("middleware = [current_user]\ndef GET(req): ...\n", [{"bearer": []}], {"401"}),
        ("@use(named)\ndef GET(req): ...\n", [{"basic": []}], {"401"}),
        ("dependencies = [Depends(in_cookie)]\ndef GET(req): ...\n", [{"cookie": []}], {"401"}),
        ("def GET(user: Annotated[str, Depends(current_user)]): ...\n", [{"bearer": []}], {"401"}),
        ("middleware = [either]\ndef GET(req): ...\n", [{"tokens": []}, {"api_key": []}], {"401"}),
        (
            "middleware = [either]\ndef GET(user: Annotated[str, Depends(either)]): ...\n",
            [{"tokens": []}, {"api_key": []}],
            {"401"},
        ),
        (
            "middleware = [current_user, writes]\ndef GET(req): ...\n",
            [{"bearer": WRITE}],
            {"401", "403"},
        ),
        ("middleware = [writes_of]\ndef GET(req): ...\n", [{"bearer": BOTH}], {"401", "403"}),
        (
            "def GET(user: Annotated[str, Depends(writes_of)]): ...\n",
            [{"bearer": BOTH}],
            {"401", "403"},
        ),
        (
            "def GET(user: Annotated[str, Depends(writes_of_either)]): ...\n",
            [{"tokens": WRITE}, {"api_key": WRITE}],
            {"401", "403"},
        ),
        ("middleware = [current_user, named]\ndef GET(req): ...\n", [{"bearer": [], "basic": []}], {"401"}),
        ("middleware = [anybody]\ndef GET(req): ...\n", [{"bearer": []}, {}], {"401"}),
        ("middleware = [anyone]\ndef GET(req): ...\n", [{"tokens": []}, {}], {"401"}),
        (
            "def GET(user: Annotated[str, Depends(any_way)]): ...\n",
            [{"tokens": []}, {"api_key": []}, {}],
            {"401"},
        ),
        (
            "middleware = [anybody, named]\ndef GET(req): ...\n",
            [{"bearer": [], "basic": []}, {"basic": []}],
            {"401"},
        ),
        ("middleware = [anybody, current_user]\ndef GET(req): ...\n", [{"bearer": []}], {"401"}),
        ("middleware = [anybody, writes]\ndef GET(req): ...\n", [{"bearer": WRITE}], {"401", "403"}),
        (
            "def GET(user: Annotated[str, Depends(writes_of_anybody)]): ...\n",
            [{"bearer": WRITE}],
            {"401", "403"},
        ),
        (
            "def mine(req, res, next): return next()\nmiddleware = [mine, known]\ndef GET(req): ...\n",
            None,
            {"401", "403"},
        ),
        (
            "middleware = [anyone, named]\ndef GET(req): ...\n",
            [{"tokens": [], "basic": []}, {"basic": []}],
            {"401"},
        ),
        ("middleware = [anyone, required]\ndef GET(req): ...\n", [{"tokens": []}], {"401"}),
        ("middleware = [anyone, writes]\ndef GET(req): ...\n", [{"tokens": WRITE}], {"401", "403"}),
        (
            "middleware = [require(scope='notes:write', user=anyone)]\ndef GET(req): ...\n",
            [{"tokens": WRITE}],
            {"401", "403"},
        ),
    ],
)
def test_credentials_scopes_and_refusals_are_in_the_document(
    tmp_path: Path, handler: str, security: object, statuses: set[str]
) -> None:
    operation = document_of(tmp_path, STEPS + handler)["paths"]["/api/x"]["get"]
    assert operation.get("security") == security
    assert {status for status in operation["responses"] if status in ("401", "403")} == statuses
    for status in statuses:
        schema = operation["responses"][status]["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}


def test_schemes_are_in_the_document(tmp_path: Path) -> None:
    handler = "middleware = [current_user, either, in_cookie, named]\ndef GET(req): ...\n"
    assert document_of(tmp_path, STEPS + handler)["components"]["securitySchemes"] == {
        "bearer": BEARER,
        "tokens": BEARER,
        "api_key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "key"},
        "basic": {"type": "http", "scheme": "basic"},
    }


def test_two_schemes_of_a_name_stop_the_start(tmp_path: Path) -> None:
    source = "middleware = [api_key(SECRET, header='A')]\n@use(api_key(OTHER, header='B'))\ndef GET(): ...\n"
    with pytest.raises(ProjectError, match="'api_key' is not the same for `api_key` and `api_key`"):
        app_of(tmp_path, USERS + source)


def test_routes_names_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = "middleware = [current_user, either]\n@use(writes)\n"
    handler += "def GET(user: Annotated[str, Depends(writes_of)]): ...\n"
    monkeypatch.chdir(project(tmp_path, {"pages/api/x.py": USERS + STEPS + handler}))
    ended = CliRunner().invoke(main, ["routes", "--json"], catch_exceptions=False)
    (route,) = json.loads(ended.stdout)
    assert route["middleware"] == ["bearer", "any_of(bearer, api_key)"]
    assert route["method_middleware"] == {"GET": ["require"]}
    assert route["dependencies"] == {"GET": ["bearer", "require"]}


def test_routes_shows_the_guards_of_directories_and_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = USERS + "current_user = bearer(lambda token: token)\ndependencies = [Depends(current_user)]\n"
    source = USERS + "def member(req): ...\nlimit = request_id()\ndependencies = [Depends(member)]\n"
    source += "@use(limit)\ndef GET(): ...\ndef POST(name: Annotated[str, Depends(anybody)]): ...\n"
    files = {
        "pages/api/members/_middleware.py": guard,
        "pages/api/members/x.py": source.replace("anybody", "member"),
        "pages/api/open.py": USERS + "def own(): ...\ndef GET(one: Annotated[str, Depends(own)]): ...\n",
    }
    monkeypatch.chdir(project(tmp_path, files))
    ended = CliRunner().invoke(main, ["routes", "--json"], catch_exceptions=False)
    assert [route["guards"] for route in json.loads(ended.stdout)] == [["bearer", "member"], []]
    lines = CliRunner().invoke(main, ["routes"], catch_exceptions=False).stdout.splitlines()
    assert "  GET(request_id), Depends(bearer), Depends(member)  " in lines[1]
    assert "Depends" not in lines[2]


MESSAGE = "`require` runs before every step that signs in, so it would refuse every request."
REFUSED = [
    "middleware = [require(scope='a')]\ndef GET(req): ...\n",
    "middleware = [request_id(), require(scope='a'), bearer(SECRET)]\ndef GET(req): ...\n",
    "@use(require(anybody))\ndef GET(req): ...\n",
    "dependencies = [Depends(require(scope='a'))]\ndef GET(req): ...\n",
    "def GET(user: Annotated[str, Depends(require(scope='a'))]): ...\n",
]
OWN = "def own(req, res, next):\n    return next()\n"
STARTED = [
    "middleware = [bearer(SECRET), require(scope='a')]\ndef GET(req): ...\n",
    "middleware = [bearer(SECRET)]\n@use(require(anybody))\ndef GET(req): ...\n",
    "middleware = [bearer(SECRET)]\ndef GET(user: Annotated[str, Depends(require(anybody))]): ...\n",
    "middleware = [require(anybody, user=bearer(SECRET))]\ndef GET(req): ...\n",
    OWN + "middleware = [own, require(scope='a')]\ndef GET(req): ...\n",
    OWN + "one = bearer(SECRET, optional=True)\n@use(own, require(anybody))\n"
    "def GET(user: Annotated[str, Depends(one)]): ...\n",
    "def own(req): ...\ndependencies = [Depends(own), Depends(require(anybody))]\ndef GET(req): ...\n",
]


@pytest.mark.parametrize("source", REFUSED)
def test_what_nobody_can_pass_stops_the_start(tmp_path: Path, source: str) -> None:
    with pytest.raises(ProjectError) as raised:
        app_of(tmp_path, USERS + source)
    assert [(problem.file, problem.message) for problem in raised.value.problems] == [
        ("pages/api/x.py", MESSAGE)
    ]


def test_a_step_of_many_routes_is_told_once(tmp_path: Path) -> None:
    files = {f"pages/api/{name}.py": "def GET(req): ...\n" for name in "abc"}
    files["pages/api/_middleware.py"] = USERS + "middleware = [require(scope='a')]\n"
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files))
    assert [problem.message for problem in raised.value.problems] == [MESSAGE]


@pytest.mark.parametrize(
    "source",
    [
        "@use(require(anybody))\ndef GET(user: Annotated[str, Depends(current_user)]): ...\n",
        "middleware = [require(anybody), current_user]\ndef GET(req): ...\n",
        "@use(require(anybody))\n"
        "def GET(user: Annotated[str, Depends(require(anybody, user=current_user))]): ...\n",
    ],
)
def test_a_requirement_before_the_only_step_that_signs_in_stops_the_start(
    tmp_path: Path, source: str
) -> None:
    around = OWN + "current_user = bearer(SECRET)\n@use(own)\ndef POST(req): ...\n"
    around += source.replace("middleware = [", "middleware = [own, ")
    around = around.replace("@use(require(anybody))", "@use(own, require(anybody))")
    with pytest.raises(ProjectError) as raised:
        app_of(tmp_path, USERS + around)
    (problem,) = raised.value.problems
    assert (
        problem.message == "`require` runs before `bearer`, which signs in, so it would refuse every request."
    )


@pytest.mark.parametrize("source", STARTED)
def test_what_somebody_may_pass_starts(tmp_path: Path, source: str) -> None:
    assert app_of(tmp_path, USERS + source)


@pytest.mark.parametrize(
    "name",
    ["any_of", "api_key", "basic", "bearer", "csrf", "jwt", "rate_limit", "require", "sessions", "webhook"],
)
def test_a_factory_that_was_not_called_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match=rf"`{name}`, which makes middleware.\n  Call it: `{name}\(...\)`"):
        app_of(tmp_path, USERS + f"middleware = [{name}]\ndef GET(): ...\n")


def test_a_wrong_secret_stops_the_start_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="fewer than 22 characters") as raised:
        app_of(tmp_path, USERS + "current_user = bearer('sesame')\ndef GET(req): ...\n")
    assert "sesame" not in str(raised.value)


# -- requests of other sites


AMBIENT = {
    "basic({'ada': SECRET})": True,
    "api_key({'ada': SECRET}, cookie='key')": True,
    "any_of(bearer(OTHER), basic({'ada': SECRET}))": True,
    "basic({'ada': SECRET}, csrf=False)": False,
    "api_key({'ada': SECRET}, cookie='key', csrf=False)": False,
    "api_key({'ada': SECRET}, header='X-Key')": False,
    "bearer({'ada': SECRET})": False,
    "any_of(bearer(OTHER), basic({'ada': SECRET}, csrf=False))": False,
}
WAYS = {
    "middleware": "middleware = [current_user]\ndef POST(req): return 'done'\n",
    "use": "@use(current_user)\ndef POST(req): return 'done'\n",
    "dependencies": "dependencies = [Depends(current_user)]\ndef POST(req): return 'done'\n",
    "parameter": "def POST(user: Annotated[str, Depends(current_user)]): return 'done'\n",
    "requirement": "writes = require(anybody, user=current_user)\n"
    "def POST(user: Annotated[str, Depends(writes)]): return 'done'\n",
    "requirement around": "middleware = [require(anybody, user=current_user)]\ndef POST(): return 'done'\n",
}


@pytest.mark.parametrize(("step", "is_ambient"), AMBIENT.items())
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_browsers_send_by_themselves_is_refused_from_other_sites(
    tmp_path: Path, step: str, is_ambient: bool, way: str
) -> None:
    app = app_of(tmp_path, USERS + f"current_user = {step}\n" + way)
    credentials = [*basic_header(f"ada:{SECRET}"), ("Cookie", f"key={SECRET}"), ("X-Key", SECRET)]
    if step.startswith("bearer"):
        credentials = bearer_header(SECRET)
    own = call(app, "POST", headers=[*credentials, ("Sec-Fetch-Site", "same-origin")])
    others = call(app, "POST", headers=[*credentials, ("Sec-Fetch-Site", "cross-site")])
    assert (own.status, others.status) == (200, 403 if is_ambient else 200)


# -- cached routes


GUARDED = """
current_user = bearer({'ada': SECRET})
revalidate = 60
calls = []
"""
ANSWER = "def GET():\n    calls.append(1)\n    return {'calls': len(calls)}\n"
GUARDS = {
    "middleware": "middleware = [current_user]\n",
    "use": "@use(current_user)\n",
    "dependencies": "dependencies = [Depends(current_user)]\n",
    "require": "middleware = [current_user, require(lambda user: user == 'ada')]\n",
}


@pytest.mark.parametrize("guard", GUARDS.values(), ids=GUARDS)
def test_credentials_are_asked_for_hits_too(tmp_path: Path, guard: str) -> None:
    source = USERS + GUARDED + guard + ANSWER
    app = App(project(tmp_path, {"pages/api/x.py": source}), cache="memory")
    answers = [call(app, headers=headers) for headers in (bearer_header(SECRET), bearer_header(SECRET), [])]
    assert [answer.status for answer in answers] == [200, 200, 401]
    assert "private" in str(answers[1].header("Cache-Control"))
    assert answers[2].header("Cache-Control") == "no-store"
    assert "Authorization" in str(answers[1].header("Vary"))


@pytest.mark.parametrize(
    "handler",
    [
        "def GET(user: Annotated[str, Depends(current_user)]): ...\n",
        "def GET(user: Annotated[str, Depends(require(anybody, user=current_user))]): ...\n",
        "middleware = [current_user]\ndef GET(user: Annotated[str, Depends(require(anybody))]): ...\n",
        """
def name(user: Annotated[str, Depends(current_user)]): ...
def GET(name: Annotated[str, Depends(name)]): ...
""",
    ],
)
def test_a_cached_handler_cannot_take_the_user(tmp_path: Path, handler: str) -> None:
    with pytest.raises(ProjectError, match=r"is cached, and `\w+` comes from credentials"):
        app_of(tmp_path, USERS + GUARDED + handler)


# -- keys that an issuer publishes

RULES = "algorithms=['RS256'], audience=None, issuer=None"
PUBLISHED = f"jwt(jwks_url='https://login.example.com/jwks', {RULES})"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (PUBLISHED, True),
        (f"any_of(api_key(lambda key: 'ann', header='X-Key'), {PUBLISHED})", True),
        (
            "jwt('k' + 'Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A', algorithms=['HS256'], audience=None, issuer=None)",
            False,
        ),
    ],
)
@pytest.mark.parametrize("place", ["middleware = [step]", "dependencies = [Depends(step)]"])
def test_the_document_has_the_503_of_keys_that_are_published(
    tmp_path: Path, step: str, expected: bool, place: str
) -> None:
    head = "from apiroutes import Depends\nfrom apiroutes.middleware import any_of, api_key, jwt\n"
    source = f"{head}step = {step}\n{place}\ndef GET(): return 1\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    assert ("503" in app.openapi()["paths"]["/api/x"]["get"]["responses"]) is expected
