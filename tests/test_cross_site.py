"""Chains that trust what browsers send by themselves get csrf(), and lists show it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes import App
from apiroutes.cli.main import main
from tests.support import call, project

# Steps that stand for sessions and sign-in by a cookie, each noting in `seen` that it was called.
STEPS = """
from typing import Annotated
from apiroutes import Depends
from apiroutes.handlers.declarations import reads_ambient_credentials
from apiroutes.middleware import cors, csrf
seen = []
@reads_ambient_credentials
def sessions(req, res, next):
    seen.append("sessions")
    return next()
def plain(req, res, next):
    seen.append("plain")
    return next()
@reads_ambient_credentials
def current_user():
    seen.append("user")
    return "ann"
def anybody():
    return "ann"
def indirect(user: Annotated[str, Depends(current_user)]):
    return user
class SignIn:
    def __init__(self):
        reads_ambient_credentials(self)
    def __call__(self, req, res, next):
        return next()
    def make_value(self):
        return "ann"
sign_in = SignIn()
"""
IMPORT = "from steps import *\nfrom apiroutes import use\n"
GET = "def GET(): return 'read'\n"
POST = "def POST(): return 'done'\n"
HANDLERS = GET + POST
HANDLER = "def handler(req, res): return 'done'\n"
FOREIGN = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://partner.example")]

Files = Mapping[str, str]


def with_steps(steps: str) -> str:
    return f"{IMPORT}middleware = {steps}\n"


def depending_on(function: str) -> str:
    return f"{IMPORT}{GET}def POST(user: Annotated[str, Depends({function})]): return 'done'\n"


@pytest.fixture(autouse=True)
def _fresh_steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "steps", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))


def app_with(root: Path, files: Files) -> App:
    return App(project(root, {"steps.py": STEPS, **files}))


def shown(root: Path, *arguments: str) -> list[dict[str, object]]:
    done = CliRunner().invoke(main, ["routes", "--root", str(root), "--json", *arguments])
    assert done.exit_code == 0, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


ROUTE = "pages/api/x.py"
PROTECTED = {
    "the project": {"middleware.py": with_steps("[plain, sessions]"), ROUTE: HANDLERS},
    "a directory": {"pages/api/_middleware.py": with_steps("[plain, sessions]"), ROUTE: HANDLERS},
    "the module": {ROUTE: with_steps("[plain, sessions]") + HANDLERS},
    "a method": {ROUTE: f"{IMPORT}{GET}@use(plain, sessions)\n{POST}"},
    "a dependency": {ROUTE: depending_on("current_user")},
    "a dependency's dependency": {ROUTE: depending_on("indirect")},
    "a dependency of the module": {ROUTE: IMPORT + "dependencies = [Depends(current_user)]\n" + HANDLERS},
    "a dependency of a directory": {
        "pages/api/_middleware.py": IMPORT + "dependencies = [Depends(current_user)]\n",
        ROUTE: HANDLERS,
    },
    "an object as a dependency": {ROUTE: depending_on("sign_in")},
    "an object as middleware": {ROUTE: with_steps("sign_in") + HANDLERS},
    "one handler": {ROUTE: with_steps("sessions") + HANDLER},
    "one async handler": {ROUTE: with_steps("sessions") + f"async {HANDLER}"},
}


@pytest.mark.parametrize("files", PROTECTED.values(), ids=PROTECTED)
def test_a_marked_step_brings_csrf(tmp_path: Path, files: Files) -> None:
    app = app_with(tmp_path, files)
    assert call(app, "POST", headers=FOREIGN).status == 403
    assert call(app, "POST").text == "done"
    assert call(app, "GET", headers=FOREIGN).status == 200


@pytest.mark.parametrize("files", PROTECTED.values(), ids=PROTECTED)
def test_it_is_in_front_of_the_marked_step(tmp_path: Path, files: Files) -> None:
    app = app_with(tmp_path, files)
    call(app, "POST", headers=FOREIGN)
    seen = sys.modules["steps"].seen
    assert "sessions" not in seen
    assert "user" not in seen


UNPROTECTED = {
    "without a mark": {ROUTE: with_steps("plain") + HANDLERS},
    "an unmarked dependency": {ROUTE: depending_on("anybody")},
    "another method's middleware": {ROUTE: f"{IMPORT}@use(sessions)\n{HANDLERS}"},
    "another route's middleware": {"pages/api/y.py": with_steps("sessions") + HANDLERS, ROUTE: HANDLERS},
}


@pytest.mark.parametrize("files", UNPROTECTED.values(), ids=UNPROTECTED)
def test_without_a_marked_step_nothing_is_refused(tmp_path: Path, files: Files) -> None:
    assert call(app_with(tmp_path, files), "POST", headers=FOREIGN).status == 200


TRUSTS = "csrf(trusted=['https://partner.example'])"


OWN = {
    "inside": {"middleware.py": with_steps(f"[sessions, {TRUSTS}]"), ROUTE: HANDLERS},
    "outside": {"middleware.py": with_steps(f"[{TRUSTS}, sessions]"), ROUTE: HANDLERS},
    "of the project": {"middleware.py": with_steps(TRUSTS), ROUTE: with_steps("sessions") + HANDLERS},
    "of the module": {"middleware.py": with_steps("sessions"), ROUTE: with_steps(TRUSTS) + HANDLERS},
    "around a method's": {"middleware.py": with_steps(TRUSTS), **PROTECTED["a method"]},
    "around a dependency": {"middleware.py": with_steps(TRUSTS), **PROTECTED["a dependency"]},
    "of the method": {"middleware.py": with_steps("sessions"), ROUTE: f"{IMPORT}@use({TRUSTS})\n{POST}"},
    "of the handler": {"middleware.py": with_steps("sessions"), ROUTE: f"{IMPORT}@use({TRUSTS})\n{HANDLER}"},
}


@pytest.mark.parametrize("files", OWN.values(), ids=OWN)
def test_a_csrf_of_the_chain_s_own_is_the_only_one(tmp_path: Path, files: Files) -> None:
    app = app_with(tmp_path, files)
    assert call(app, "POST", headers=FOREIGN).text == "done"
    other = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")]
    assert call(app, "POST", headers=other).status == 403


def test_a_csrf_of_one_method_leaves_the_others_protected(tmp_path: Path) -> None:
    source = f"middleware = sessions\n@use({TRUSTS})\ndef POST(): return 'done'\n"
    app = app_with(tmp_path, {ROUTE: IMPORT + source + "def DELETE(): return 'gone'\n"})
    assert [call(app, method, headers=FOREIGN).status for method in ("POST", "DELETE", "PUT")] == [
        200,
        403,
        403,
    ]


CORS = "cors(['https://partner.example'], credentials=True)"


WITH_CORS = {
    "outside": {"middleware.py": with_steps(f"[{CORS}, sessions]"), ROUTE: HANDLERS},
    "inside": {"middleware.py": with_steps(f"[sessions, {CORS}]"), ROUTE: HANDLERS},
    "with a csrf of its own": {"middleware.py": with_steps(f"[{CORS}, csrf()]"), ROUTE: HANDLERS},
    "around a method's sessions": {"middleware.py": with_steps(CORS), **PROTECTED["a method"]},
    "around a method's csrf": {"middleware.py": with_steps(CORS), ROUTE: f"{IMPORT}@use(csrf())\n{POST}"},
    "of a method": {"middleware.py": with_steps("sessions"), ROUTE: f"{IMPORT}@use({CORS})\n{POST}"},
    "of a handler": {"middleware.py": with_steps("sessions"), ROUTE: f"{IMPORT}@use({CORS})\n{HANDLER}"},
}


@pytest.mark.parametrize("files", WITH_CORS.values(), ids=WITH_CORS)
def test_origins_that_cors_of_the_chain_lets_send_cookies_are_trusted(tmp_path: Path, files: Files) -> None:
    app = app_with(tmp_path, files)
    assert call(app, "POST", headers=FOREIGN).text == "done"
    other = [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")]
    assert call(app, "POST", headers=other).status == 403


def test_cors_of_one_method_or_route_trusts_for_no_other(tmp_path: Path) -> None:
    source = f"@use({CORS})\ndef PUT(): return 'done'\ndef POST(): return 'done'\n"
    files = {
        "middleware.py": with_steps("sessions"),
        ROUTE: IMPORT + source,
        "pages/api/open.py": with_steps(CORS) + HANDLERS,
    }
    app = app_with(tmp_path, files)
    assert call(app, "PUT", headers=FOREIGN).status == 200
    assert call(app, "POST", headers=FOREIGN).status == 403
    assert call(app, "POST", "/api/open", headers=FOREIGN).status == 200


def test_middleware_that_answers_unknown_paths_and_methods_is_protected(tmp_path: Path) -> None:
    app = app_with(tmp_path, {**PROTECTED["the project"]})
    assert call(app, "POST", "/api/nowhere", headers=FOREIGN).status == 403
    assert call(app, "DELETE", headers=FOREIGN).status == 403
    assert call(app, "DELETE").status == 405
    assert call(app, "POST", "/api/nowhere").status == 404


def test_a_route_s_row_shows_that_it_was_added(tmp_path: Path) -> None:
    app_with(tmp_path, {**PROTECTED["the project"], "pages/api/y.py": PROTECTED["a method"][ROUTE]})
    whole, method = shown(tmp_path)
    assert whole["middleware"] == ["plain", "csrf (added)", "sessions"]
    assert method["method_middleware"] == {"POST": ["plain", "sessions"]}


def test_a_method_s_row_shows_that_it_was_added(tmp_path: Path) -> None:
    app_with(tmp_path, PROTECTED["a method"])
    (row,) = shown(tmp_path)
    assert row["middleware"] == []
    assert row["method_middleware"] == {"POST": ["plain", "csrf (added)", "sessions"]}


def test_a_csrf_of_the_project_s_own_is_shown_as_such(tmp_path: Path) -> None:
    app_with(tmp_path, {ROUTE: with_steps(f"[{CORS}, csrf(), sessions]") + HANDLERS})
    (row,) = shown(tmp_path)
    assert row["middleware"] == ["cors", "csrf", "sessions"]


def test_it_is_shown_beside_cors_and_in_the_text(tmp_path: Path) -> None:
    app_with(tmp_path, {ROUTE: with_steps(f"[{CORS}, sessions]") + HANDLERS})
    done = CliRunner().invoke(main, ["routes", "--root", str(tmp_path)])
    assert "cors, csrf (added), sessions" in done.stdout


def test_the_answer_for_a_path_shows_it(tmp_path: Path) -> None:
    app_with(tmp_path, PROTECTED["a dependency"])
    done = CliRunner().invoke(main, ["routes", "--root", str(tmp_path), "/api/x", "--method", "POST"])
    assert "csrf (added)" in done.stdout


def test_it_keeps_an_async_chain_on_the_loop(tmp_path: Path) -> None:
    source = IMPORT + (
        "@reads_ambient_credentials\nasync def waits(req, res, next):\n    return await next()\n"
        "middleware = waits\nasync def POST(): return 'done'\n"
    )
    app_with(tmp_path, {ROUTE: source})
    (row,) = shown(tmp_path)
    assert row["middleware"] == ["csrf (added)", "waits"]
    assert row["off_loop"] == {"POST": None}


def test_the_document_says_that_other_sites_are_refused(tmp_path: Path) -> None:
    app = app_with(tmp_path, {**PROTECTED["the module"], "pages/api/y.py": PROTECTED["a dependency"][ROUTE]})
    paths = app.openapi()["paths"]
    refused = {
        (path, method): item[method]["responses"].get("403", {}).get("description")
        for path, item in paths.items()
        for method in ("get", "post")
    }
    assert refused == {
        ("/api/x", "get"): None,
        ("/api/x", "post"): "A browser sends it from another site",
        ("/api/y", "get"): None,
        ("/api/y", "post"): "A browser sends it from another site",
    }


REAL = {
    "sessions": "sessions()",
    "basic": "basic(lambda name, password: name)",
    "api_key": "api_key(lambda key: 'ann', cookie='key')",
    "any_of(bearer, api_key)": "any_of(bearer(lambda token: 1), api_key(lambda key: 1, cookie='key'))",
}
SIGN_IN = "from typing import Annotated\nfrom apiroutes import Depends\nfrom apiroutes.middleware import *\n"
KEY = "0123456789abcdef0123456789ABCDEFxyz"


@pytest.mark.parametrize(("name", "step"), REAL.items(), ids=REAL)
def test_middleware_that_trusts_browsers_brings_csrf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    monkeypatch.setenv("APIROUTES_SECRET_KEY", KEY)
    app = App(project(tmp_path, {ROUTE: f"{SIGN_IN}middleware = {step}\n{POST}"}))
    assert call(app, "POST", headers=FOREIGN).status == 403
    assert call(app, "POST").status == (200 if name == "sessions" else 401)
    (row,) = shown(tmp_path)
    assert row["middleware"] == ["csrf (added)", name]


@pytest.mark.parametrize("step", [step for name, step in REAL.items() if name != "sessions"])
def test_dependencies_that_trust_browsers_bring_csrf(tmp_path: Path, step: str) -> None:
    source = f"{SIGN_IN}step = {step}\ndef POST(user: Annotated[str, Depends(step)]): return user\n"
    app = App(project(tmp_path, {ROUTE: source}))
    assert call(app, "POST", headers=FOREIGN).status == 403
    assert call(app, "POST").status == 401
    (row,) = shown(tmp_path)
    assert row["method_middleware"] == {"POST": ["csrf (added)"]}


@pytest.mark.parametrize(
    "step",
    [
        "sessions(csrf=False)",
        "basic(lambda name, password: name, csrf=False)",
        "api_key(lambda key: 'ann', cookie='key', csrf=False)",
        "api_key(lambda key: 'ann', header='X-Key')",
        "bearer(lambda token: 'ann')",
        "webhook('github', secret='Rw7Kd2Qz9Xv4Bn1Lm6Tp')",
    ],
)
def test_those_that_do_not_bring_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setenv("APIROUTES_SECRET_KEY", KEY)
    app = App(project(tmp_path, {ROUTE: f"{SIGN_IN}middleware = {step}\n{POST}"}))
    assert call(app, "POST", headers=FOREIGN).status != 403
    (row,) = shown(tmp_path)
    assert row["middleware"] == [step.partition("(")[0]]
