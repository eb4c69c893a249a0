"""What is served of a project with mistakes, the guard of hosts, and the log of the development server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes.development.application import HostGuard, RequestLog, load_application
from tests.support import call, project


def quiet(line: str) -> None:
    """Take a line that the test does not look at."""


HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize(("accept", "media_type"), [(HTML, "text/html"), (None, "text/plain")])
def test_a_project_that_cannot_be_served_is_served_as_the_report(
    tmp_path: Path, accept: str | None, media_type: str
) -> None:
    said: list[str] = []
    app = load_application(
        project(tmp_path, {"pages/api/x.py": GOOD, "pyproject.toml": "[tool.apiroutes]\nport = 'x'\n"}),
        said.append,
    )
    answer = call(app, target="/api/x", HTTP_ACCEPT=accept)
    assert (answer.status, answer.header("Content-Type")) == (500, f"{media_type}; charset=utf-8")
    assert b"is not an int" in answer.body
    assert "is not an int" in said[0]


GOOD = "def GET(): return 'served'\n"
SCHEME = """
from apiroutes import security_scheme, use

@security_scheme("token", {{"type": "http", "scheme": "{}"}})
def guard(req, res, next): next()

@use(guard)
def GET(): return 'served'
"""

# The files of a project, and what the paths answer: "served", or a part of the report.
PARTLY_BROKEN = {
    "an empty file": ({"pages/api/new.py": ""}, {"/api/new": "exports no handler"}),
    "a syntax error": ({"pages/api/new.py": "def GET(:"}, {"/api/new": "SyntaxError"}),
    "a missing module": ({"pages/api/new.py": "import nope"}, {"/api/new": "No module named 'nope'"}),
    "sys.exit": ({"pages/api/new.py": "import sys; sys.exit(3)"}, {"/api/new": "SystemExit"}),
    "a wrong config": ({"pages/api/new.py": f"config = {{'x': 1}}\n{GOOD}"}, {"/api/new": "unknown key"}),
    "a dynamic route": ({"pages/api/[id].py": "1/0"}, {"/api/7": "ZeroDivisionError", "/api/x": "served"}),
    "two files for a path": (
        {"pages/api/a.py": GOOD, "pages/api/a/index.py": GOOD},
        {"/api/a": "answers /api/a already"},
    ),
    "two names of a parameter": (
        {"pages/api/u/[id].py": GOOD, "pages/api/u/[slug].py": GOOD},
        {"/api/u/1": "is called 'slug' here"},
    ),
    "a catch-all beside its bare path": (
        {"pages/api/c/index.py": GOOD, "pages/api/c/[[...all]].py": GOOD},
        {"/api/c": "served", "/api/c/1": "this optional catch-all answers too"},
    ),
    "a name that is none": ({"pages/api/[id.py": GOOD}, {}),
    "a broken guard": (
        {"pages/api/in/_middleware.py": "1/0", "pages/api/in/a.py": GOOD, "pages/api/in/b/[c].py": GOOD},
        {"/api/in/a": "in/_middleware.py:1", "/api/in/b/1": "ZeroDivisionError"},
    ),
    "a guard that is no file": (
        {"pages/api/in/_middleware.py/x.py": "", "pages/api/in/a.py": GOOD},
        {"/api/in/a": "is a directory, so it is not middleware"},
    ),
    "two schemes of a name": (
        {"pages/api/a.py": SCHEME.format("bearer"), "pages/api/b.py": SCHEME.format("basic")},
        {"/api/a": "served", "/api/b": "is not the same for"},
    ),
}


@pytest.mark.parametrize("name", PARTLY_BROKEN)
def test_a_mistake_breaks_its_own_routes_alone(tmp_path: Path, name: str) -> None:
    files, expected = PARTLY_BROKEN[name]
    said: list[str] = []
    app = load_application(project(tmp_path, {**files, "pages/api/x.py": GOOD}), said.append)
    for path, text in {"/api/x": "served", **expected}.items():
        answer = call(app, target=path)
        assert answer.status == (200 if text == "served" else 500), path
        assert text in answer.body.decode(), path
        assert text == "served" or text in said[0]
    assert len(said) == 1


def test_a_broken_route_is_inside_the_middleware_of_its_directory(tmp_path: Path) -> None:
    middleware = "def middleware(req, res, next): res.set_header('X-A', '1'); next()"
    files = {"pages/api/_middleware.py": middleware, "pages/api/x.py": ""}
    answer = call(load_application(project(tmp_path, files), quiet), target="/api/x")
    assert (answer.status, answer.header("X-A")) == (500, "1")


def test_a_broken_route_is_never_stored_by_a_cache(tmp_path: Path) -> None:
    answer = call(load_application(project(tmp_path, {"pages/api/x.py": ""}), quiet), target="/api/x")
    assert answer.header("Cache-Control") == "no-store"


def test_a_project_without_mistakes_says_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    load_application(project(tmp_path, {"pages/api/x.py": GOOD}), said.append)
    assert said == []


def test_the_document_leaves_out_broken_routes(tmp_path: Path) -> None:
    app = load_application(project(tmp_path, {"pages/api/x.py": GOOD, "pages/api/new.py": ""}), quiet)
    answer = call(app, target="/api/_docs/openapi.json")
    assert list(json.loads(answer.body)["paths"]) == ["/api/x"]


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("201 Created", [])
    return [b"x"]


def test_a_request_is_one_line(tmp_path: Path) -> None:
    lines: list[str] = []
    call(RequestLog(plain, lines.append), "POST", "/api/x?a=1")
    assert [line.rsplit(" ", 2)[0] for line in lines] == ["POST /api/x?a=1 201"]
    assert lines[0].endswith(" ms")


# Targets, and what is printed of them.
PRINTED = [
    ("/x?access_token=abc123&page=2", "/x?access_token=••••••&page=2"),
    ("/x?page=2&api%5Fkey=abc123", "/x?page=2&api%5Fkey=••••••"),
    ("/x?token=&token", "/x?token=&token"),
    ("/token=abc?keyword=b", "/token=abc?keyword=b"),
    ("/x?a=1?token=2&token=a=b?c", "/x?a=1?token=2&token=••••••"),
]


@pytest.mark.parametrize(("target", "printed"), PRINTED)
def test_the_log_hides_the_secrets_of_a_query(target: str, printed: str) -> None:
    lines: list[str] = []
    call(RequestLog(plain, lines.append), RAW_URI=target)
    assert lines[0].split()[:2] == ["GET", printed]


def test_a_client_cannot_forge_a_line() -> None:
    lines: list[str] = []
    call(RequestLog(plain, lines.append), RAW_URI="/a\r\nGET /forged 200\x1b[31m")
    assert len(lines) == 1
    assert lines[0].isprintable()


def test_a_request_that_raises_is_logged_too() -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError

    lines: list[str] = []
    with pytest.raises(RuntimeError):
        call(RequestLog(broken, lines.append))
    assert len(lines) == 1


GUARDED = [
    ("127.0.0.1", "127.0.0.1:8000", True),
    ("127.0.0.1", "localhost", True),
    ("127.0.0.1", "LOCALHOST:1", True),
    ("127.0.0.1", "localhost.:8000", True),
    ("127.0.0.1", "[::1]:8000", True),
    ("127.0.0.1", "[0:0:0:0:0:0:0:1]", True),
    ("127.0.0.1", "evil.example", False),
    ("127.0.0.1", "evil.example:8000", False),
    ("127.0.0.1", "localhost.evil.example", False),
    ("127.0.0.1", "dub.localhost:8000", True),
    ("127.0.0.1", "App.Dub.LOCALHOST.", True),
    ("127.0.0.1", "evillocalhost", False),
    ("127.0.0.1", ".localhost", False),
    ("127.0.0.1", "evil.example@localhost", False),
    ("127.0.0.1", "localhost:8000,evil.example", False),
    ("127.0.0.1", "localhost/", False),
    ("127.0.0.1", "localhost:x", False),
    ("127.0.0.1", "192.168.1.5", False),
    ("127.0.0.1", "", False),
    ("127.0.0.1", None, True),
    ("dev.example", "DEV.example:8000", True),
    ("dev.example", "localhost:8000", True),
    ("dev.example", "evil.example", False),
    ("2001:db8::1", "[2001:DB8::1]:8000", True),
    ("2001:db8::1", "[2001:db8::2]", False),
    ("0.0.0.0", "192.168.1.5:8000", True),
    ("0.0.0.0", "[fe80::1]:8000", True),
    ("0.0.0.0", socket.gethostname(), True),
    ("0.0.0.0", "evil.example", False),
    ("::", "192.168.1.5", True),
    ("::", "evil.example", False),
]


@pytest.mark.parametrize(("host", "field", "is_served"), GUARDED)
def test_only_the_served_host_and_this_machine_are_served(
    host: str, field: str | None, is_served: bool
) -> None:
    answer = call(HostGuard(plain, host), HTTP_HOST=field)
    assert answer.status == (201 if is_served else 403)


ALLOWED = [
    ("shop.example", True),
    ("SHOP.example:8000", True),
    ("app.shop.example", False),
    ("a.test", True),
    ("b.a.test", True),
    ("evil-a.test", False),
    ("localhost", True),
    ("evil.example", False),
]


@pytest.mark.parametrize(("field", "is_served"), ALLOWED)
def test_further_names_may_be_allowed_with_their_subdomains(field: str, is_served: bool) -> None:
    answer = call(HostGuard(plain, "127.0.0.1", ["Shop.example", ".a.test"]), HTTP_HOST=field)
    assert answer.status == (201 if is_served else 403)


def test_a_refused_host_gets_the_option_that_allows_it() -> None:
    answer = call(HostGuard(plain, "127.0.0.1"), HTTP_HOST="Shop.example:8000")
    assert b"apiroutes dev --allowed-host shop.example\n" in answer.body


def test_what_a_client_sends_as_its_host_cannot_move_the_cursor() -> None:
    answer = call(HostGuard(plain, "127.0.0.1"), HTTP_HOST="evil.example\x1b")
    assert b"--allowed-host NAME\n" in answer.body
    assert b"\x1b" not in answer.body
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
