"""`apiroutes routes` with a path, a URL, a text or a method."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apiroutes.cli import main
from tests.support import HELLO, project

FILES = {
    "pages/api/_middleware.py": "def outer(req, res, next): next()\nmiddleware = outer\n",
    "pages/api/users/index.py": "def GET(): ...\ndef POST(body): ...\n",
    "pages/api/users/[id].py": "from apiroutes import use\ndef check(req, res, next): next()\n"
    "def inner(req, res, next): next()\nmiddleware = inner\n"
    "def GET(id: int): ...\n@use(check)\ndef PUT(id: int): ...\n"
    "config = {'maxDuration': 5}\n",
    "pages/api/files/[...path].py": "def POST(): raise SystemExit('was called')\n",
    "pages/api/any.py": HELLO,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(project(tmp_path_factory.mktemp("project"), FILES))


def ask(root: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["routes", "--root", root, *arguments])


def answer(root: str, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(root, *arguments, "--json").stdout)
    return found


def test_the_route_of_a_path_is_told(root: str) -> None:
    result = ask(root, "/api/users/5")
    assert result.exit_code == 0
    assert result.stdout == (
        "/api/users/[id]\n"
        "  file        pages/api/users/[id].py\n"
        "  parameters  id = '5'\n"
        "  methods     GET, HEAD, PUT, OPTIONS\n"
        "  middleware  outer → inner → PUT(check)\n"
        "  runs        thread: outer\n"
        "  limits      body 1mb, response 4mb, 5 s\n"
    )


# The target; then members of the answer.
FOUND = [
    ("/api/users", {"params": {}, "redirect": None}),
    ("/api/users?page=2#top", {"target": "/api/users?page=2", "params": {}}),
    ("/api/users/", {"redirect": "/api/users"}),
    ("/api/users/5/?a=1&b=%20", {"redirect": "/api/users/5?a=1&b=%20", "params": {"id": "5"}}),
    ("/api//users", {"redirect": "/api/users"}),
    ("http://localhost:8000/api/users/7?x=1", {"target": "/api/users/7?x=1", "params": {"id": "7"}}),
    ("https://example.org/api/users", {"target": "/api/users"}),
    ("/api/users/a%2Fb", {"params": {"id": "a/b"}}),
    ("/api/users/ä", {"params": {"id": "ä"}}),
    ("/api/users/%C3%A4", {"params": {"id": "ä"}}),
    ("/api/files/a/b.txt", {"params": {"path": ["a", "b.txt"]}}),
]


@pytest.mark.parametrize(("target", "members"), FOUND)
def test_a_target_is_read_as_a_server_does(root: str, target: str, members: dict[str, Any]) -> None:
    found = answer(root, target)
    assert found["is_found"] is True
    assert {name: found[name] for name in members} == members


def test_a_handler_answers_every_method(root: str) -> None:
    methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert sorted(answer(root, "/api/any")["methods"]) == methods


# The method and a path; the function that answers, what runs around it, and the exit status.
METHODS = [
    ("GET", "/api/users/5", "GET", ["outer", "inner"], 0),
    ("get", "/api/users/5", "GET", ["outer", "inner"], 0),
    ("PUT", "/api/users/5", "PUT", ["outer", "inner", "check"], 0),
    ("HEAD", "/api/users/5", "GET", ["outer", "inner"], 0),
    ("OPTIONS", "/api/users/5", "framework", ["outer", "inner"], 0),
    ("DELETE", "/api/users/5", None, ["outer", "inner"], 1),
    ("HEAD", "/api/files/x", None, ["outer"], 1),
    ("PATCH", "/api/any", "handler", ["outer"], 0),
]


@pytest.mark.parametrize(("method", "path", "handler", "middleware", "status"), METHODS)
def test_a_method_is_answered_by_a_function_or_a_405(
    root: str, method: str, path: str, handler: str | None, middleware: list[str], status: int
) -> None:
    found = answer(root, path, "--method", method)
    assert (found["handler"], found["middleware"]) == (handler, middleware)
    result = ask(root, path, "--method", method)
    assert result.exit_code == status
    assert ("405" in result.stdout) is (status == 1)


def test_a_path_without_a_route_is_status_1_with_the_nearest(root: str) -> None:
    result = ask(root, "/api/user/5")
    assert result.exit_code == 1
    assert result.stdout == (
        "No route matches /api/user/5\n"
        "  middleware  outer\n"
        "  nearest     /api/users/[id]  (`users` for `user`)\n"
    )


NEAREST = [
    ("/api/user", "/api/users"),
    ("/users/5", "/api/users/[id]"),
    ("/api/file/a/b", "/api/files/[...path]"),
    ("/api/an", "/api/any"),
]


@pytest.mark.parametrize(("path", "nearest"), NEAREST)
def test_the_nearest_route_comes_first(root: str, path: str, nearest: str) -> None:
    found = answer(root, path)
    assert (found["is_found"], found["route"], found["nearest"][0]["pattern"]) == (False, None, nearest)


def test_what_is_near_says_why(root: str) -> None:
    (near, *_) = answer(root, "/api/user/5")["nearest"]
    assert near == {"pattern": "/api/users/[id]", "path": "/api/users/5", "reasons": ["`users` for `user`"]}


def test_a_path_like_none_has_no_nearest_route(root: str) -> None:
    assert answer(root, "/zzz")["nearest"] == []


REFUSED = ["/api/users/a%zz", "/api/users/%00", "/api/users/" + "x" * 9000]


@pytest.mark.parametrize("target", REFUSED)
def test_a_path_that_is_refused_is_status_1(root: str, target: str) -> None:
    assert (ask(root, target).exit_code, answer(root, target)["refused"] is None) == (1, False)


def test_the_paths_of_a_project_that_is_moved_begin_with_its_base(tmp_path: Path) -> None:
    files = {**FILES, "pyproject.toml": "[tool.apiroutes]\nbase_path = '/shop'\nreadiness_path = '/ready'\n"}
    root = str(project(tmp_path, files))
    assert answer(root, "/shop/api/users/5")["route"]["file"] == "pages/api/users/[id].py"
    assert answer(root, "/api/users/5")["nearest"][0]["pattern"] == "/shop/api/users/[id]"
    assert answer(root, "/ready")["builtin"] == "the readiness path"


# What is asked of a project without the setting `docs`; whether it is found.
OF_DEVELOPMENT = [
    (["/api/_docs"], True),
    (["/api/_docs/"], True),
    (["/api/_docs/openapi.json?x=1"], True),
    (["/api/_docs", "--method", "HEAD"], True),
    (["/api/_docs", "--method", "POST"], False),
]


@pytest.mark.parametrize(("arguments", "is_found"), OF_DEVELOPMENT)
def test_the_documentation_page_is_said_to_be_of_development(
    root: str, arguments: list[str], is_found: bool
) -> None:
    found = answer(root, *arguments)
    assert found["builtin"] == "the documentation page, in development alone"
    assert (found["is_found"], found["methods"], found["nearest"]) == (is_found, ["GET", "HEAD"], [])


@pytest.mark.parametrize(("setting", "builtin"), [("true", "the documentation page"), ("false", None)])
def test_the_setting_of_the_documentation_page_counts(
    tmp_path: Path, setting: str, builtin: str | None
) -> None:
    files = {**FILES, "pyproject.toml": f"[tool.apiroutes]\ndocs = {setting}\n"}
    assert answer(str(project(tmp_path, files)), "/api/_docs")["builtin"] == builtin


def test_a_path_that_the_documentation_page_lacks_is_unknown(root: str) -> None:
    assert answer(root, "/api/_docs/nope")["builtin"] is None


def test_a_fallback_is_told(tmp_path: Path) -> None:
    app = "from apiroutes import App\ndef other(environ, start_response): ...\napp = App(fallback=other)\n"
    root = str(project(tmp_path, {"pages/api/x.py": HELLO, "app.py": app}))
    try:
        found = answer(root, "/about")
    finally:
        sys.modules.pop("app", None)  # whose name other projects have too
    assert (found["is_found"], found["builtin"]) == (True, "for the fallback")


# -- the list


def listed(root: str, *arguments: str) -> list[str]:
    return [row["path"] for row in json.loads(ask(root, "--json", *arguments).stdout)]


FILTERS = [
    (["users"], ["/api/users", "/api/users/[id]"]),
    (["USERS"], ["/api/users", "/api/users/[id]"]),
    (["[id].py"], ["/api/users/[id]"]),
    (["--method", "POST"], ["/api/any", "/api/users", "/api/files/[...path]"]),
    (["--method", "put"], ["/api/any", "/api/users/[id]"]),
    (["--method", "HEAD"], ["/api/any", "/api/users", "/api/users/[id]"]),
    (["users", "--method", "POST"], ["/api/users"]),
]


@pytest.mark.parametrize(("arguments", "paths"), FILTERS)
def test_routes_are_filtered(root: str, arguments: list[str], paths: list[str]) -> None:
    assert sorted(listed(root, *arguments)) == sorted(paths)
    assert len(ask(root, *arguments).stdout.splitlines()) == 1 + len(paths)


NOTHING = [
    (["zzz"], "No route has 'zzz' in its path or file."),
    (["users", "--method", "DELETE"], "No route has 'users' in its path or file and answers DELETE."),
]


@pytest.mark.parametrize(("arguments", "message"), NOTHING)
def test_a_filter_that_finds_nothing_is_status_1(root: str, arguments: list[str], message: str) -> None:
    result = ask(root, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(message)
    assert ask(root, "--json", *arguments).stdout == "[]\n"
