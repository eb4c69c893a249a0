"""ASGI applications that handlers return, which then respond."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from pathlib import Path

import pytest

from tests.support import app_of, call, until

# An ASGI application that sends these messages.
SENDING = """
def sending(*messages):
    async def application(scope, receive, send):
        for message in messages:
            await send(message)
    return application
START = {"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"b"), (b"X-C", b"\\xe9")]}
def body(content, more_body=False):
    return {"type": "http.response.body", "body": content, "more_body": more_body}
"""

BOTH = pytest.mark.parametrize("define", ["def", "async def"])


@BOTH
def test_a_returned_asgi_application_responds(tmp_path: Path, define: str) -> None:
    handler = f"{SENDING}\n{define} GET(req, res):\n    return sending(START, body(b'a', True), body(b'b'))\n"
    answer = call(app_of(tmp_path, handler))
    assert (answer.status, answer.body) == (201, b"ab")
    assert (answer.header("x-a"), answer.header("x-c")) == ("b", "\xe9")


def test_headers_of_middleware_are_added_to_the_applications(tmp_path: Path) -> None:
    middleware = "def tag(req, res, next):\n    res.set_header('X-Tag', '1')\n    return next()\n"
    handler = (
        f"{SENDING}\n{middleware}middleware = [tag]\ndef GET():\n    return sending(START, body(b'a'))\n"
    )
    answer = call(app_of(tmp_path, handler))
    assert (answer.header("X-Tag"), answer.header("x-a")) == ("1", "b")


def test_middleware_sees_the_applications_status(tmp_path: Path) -> None:
    middleware = (
        "async def check(req, res, next):\n"
        "    await next()\n"
        "    res.set_header('X-Seen', f'{res.status_code} {res.body}')\n"
        "middleware = [check]\n"
    )
    handler = f"{SENDING}\n{middleware}\nasync def GET():\n    return sending(START, body(b''))\n"
    assert call(app_of(tmp_path, handler)).header("X-Seen") == "201 None"


def test_it_receives_the_requests_content(tmp_path: Path) -> None:
    handler = """
async def echo(scope, receive, send):
    content = b""
    while True:
        message = await receive()
        content += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": content})
def POST(req):
    return echo
"""
    content = b"x" * 200_000
    app = app_of(tmp_path, handler)
    assert call(app, "POST", body=content, headers=[("Content-Type", "text/plain")]).body == content


def test_its_scope_is_the_requests(tmp_path: Path) -> None:
    handler = """
from apiroutes import json
async def describe(scope, receive, send):
    names = ("method", "path", "raw_path", "query_string", "root_path", "scheme", "http_version")
    text = repr([scope[name] for name in names] + [dict(scope["headers"])[b"x-a"]])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
def GET(req):
    return describe
"""
    app = app_of(tmp_path, handler, "[id].py")
    assert call(app, target="/api/a%2Fb?c=d", headers=[("X-A", "1")]).text == repr(
        ["GET", "/api/a/b", b"/api/a%2Fb", b"c=d", "", "http", "1.1", b"1"]
    )


@BOTH
@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("", "ended before its response"),
        ("body(b'a')", "sent 'http.response.body' first"),
        ("dict(START, status=99)", "sent the status 99"),
    ],
)
def test_an_application_that_violates_asgi_is_a_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, define: str, messages: str, reason: str
) -> None:
    handler = f"{SENDING}\n{define} GET():\n    return sending({messages})\n"
    assert call(app_of(tmp_path, handler)).status == 500
    assert reason in caplog.text


@BOTH
def test_an_application_that_fails_at_once_is_a_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, define: str
) -> None:
    application = "async def application(scope, receive, send):\n    raise LookupError('broken')\n"
    answer = call(app_of(tmp_path, f"{application}\n{define} GET():\n    return application\n"))
    assert (answer.status, "LookupError: broken" in caplog.text) == (500, True)


def test_head_gets_the_applications_headers(tmp_path: Path) -> None:
    handler = f"{SENDING}\ndef GET():\n    return sending(START, body(b'a'))\n"
    answer = call(app_of(tmp_path, handler), "HEAD")
    assert (answer.status, answer.header("x-a"), answer.body) == (201, "b", b"")


def test_work_after_the_response_is_done(tmp_path: Path) -> None:
    done = tmp_path / "done"
    handler = f"""
{SENDING}
import pathlib
async def application(scope, receive, send):
    await sending(START, body(b"a"))(scope, receive, send)
    pathlib.Path({str(done)!r}).touch()
def GET(req):
    return application
"""
    assert call(app_of(tmp_path, handler)).body == b"a"
    until(done.exists)


def test_a_fault_after_the_response_is_logged(tmp_path: Path) -> None:
    handler = f"""
{SENDING}
async def application(scope, receive, send):
    await sending(START, body(b"a"))(scope, receive, send)
    raise LookupError("too late")
def GET(req):
    return application
"""
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueHandler(records)
    logging.getLogger("apiroutes").addHandler(listener)
    try:
        assert call(app_of(tmp_path, handler)).body == b"a"
        assert "failed after its response" in records.get(timeout=30).getMessage()
    finally:
        logging.getLogger("apiroutes").removeHandler(listener)
