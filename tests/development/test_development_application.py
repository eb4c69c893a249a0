"""Tracebacks, the report of mistakes, the guard of hosts, and the log of the development server."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import ProjectError
from apiroutes.development.application import DevelopmentApp, HostGuard, ReportApplication, RequestLog
from tests.support import Answer, call, project

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


def faulty(root: Path, accept: str | None) -> Answer:
    source = "def handler(req, res):\n    raise RuntimeError('<b>')\n"
    app = DevelopmentApp(project(root, {"pages/api/x.py": source}), mode="development")
    return call(app, HTTP_ACCEPT=accept)


def test_a_browser_gets_the_traceback_as_an_escaped_page(tmp_path: Path) -> None:
    answer = faulty(tmp_path, HTML)
    assert (answer.status, answer.header("Content-Type")) == (500, "text/html; charset=utf-8")
    assert b"RuntimeError: &lt;b&gt;" in answer.body
    assert b"<b>" not in answer.body


def test_other_clients_get_the_traceback_as_text(tmp_path: Path) -> None:
    answer = faulty(tmp_path, None)
    assert (answer.status, answer.header("Content-Type")) == (500, "text/plain; charset=utf-8")
    assert answer.body.endswith(b"RuntimeError: <b>\n")


@pytest.mark.parametrize(("accept", "media_type"), [(HTML, "text/html"), (None, "text/plain")])
def test_a_project_with_mistakes_is_served_as_their_report(
    tmp_path: Path, accept: str | None, media_type: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        DevelopmentApp(project(tmp_path, {"pages/api/x.py": ""}))
    answer = call(ReportApplication(caught.value), HTTP_ACCEPT=accept)
    assert (answer.status, answer.header("Content-Type")) == (500, f"{media_type}; charset=utf-8")
    assert b"exports no handler" in answer.body


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("201 Created", [])
    return [b"x"]


def test_a_request_is_one_line(tmp_path: Path) -> None:
    lines: list[str] = []
    call(RequestLog(plain, lines.append), "POST", "/api/x?a=1")
    assert [line.rsplit(" ", 2)[0] for line in lines] == ["POST /api/x?a=1 201"]
    assert lines[0].endswith(" ms")


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


def test_a_refused_host_gets_the_option_that_allows_it() -> None:
    answer = call(HostGuard(plain, "127.0.0.1"), HTTP_HOST="evil.example\x1b")
    assert b"--host" in answer.body
    assert b"\x1b" not in answer.body
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
