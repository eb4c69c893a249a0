"""`access_log`: a line for each request, with the status that was sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.middleware import (
    access_log,
    request_id,
)
from tests.middleware.shown import respond_through
from tests.support import call, environ, project


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 500), ("PUT", 409), ("PATCH", 405)])
def test_a_request_is_a_line_of_json(
    tmp_path: Path, log: pytest.LogCaptureFixture, method: str, status: int
) -> None:
    headers = [("Cookie", "s3cret=1"), ("Authorization", "s3cret"), ("X-Request-ID", "r1")]
    respond_through(
        tmp_path,
        request_id(),
        access_log(format="json"),
        method=method,
        target="/api/x?s3cret",
        headers=headers,
    )
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    record = json.loads(line)
    assert isinstance(record.pop("ms"), float)
    assert record == {
        "method": method,
        "route": "/api/x",
        "path": "/api/x",
        "status": status,
        "client": "127.0.0.1",
        "request_id": "r1",
    }


def test_a_line_of_text_cannot_be_forged(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    respond_through(tmp_path, access_log(), target="/api/a%E2%80%A8status=200%20x")
    (line,) = log.messages
    assert line.isprintable()
    assert "path=/api/a\\u2028status=200%20x " in line


def test_an_unknown_format_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="'text' or 'json'"):
        access_log(format="xml")


LOGGED = [
    ("GET", "/api/x", [("If-None-Match", "*")], 304),
    ("GET", "/api/x/", [], 308),
    ("GET", "/api/nope", [], 404),
    ("GET", "/api/x%01", [], 400),
    ("DELETE", "/api/x", [], 405),
    ("OPTIONS", "/api/x", [], 204),
    ("HEAD", "/api/x", [], 200),
    ("POST", "/api/x", [], 500),
    ("PUT", "/api/x", [], 409),
    ("GET", "/api/x", [("Replace", "1")], 418),
    ("PUT", "/api/x", [("Catch", "1")], 400),
]


@pytest.mark.parametrize(("method", "target", "headers", "status"), LOGGED)
def test_the_status_that_was_sent_is_logged(
    tmp_path: Path, log: pytest.LogCaptureFixture, method: str, target: str, headers: Any, status: int
) -> None:
    def outside(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except Exception:
            if "HTTP_CATCH" not in req.environ:
                raise
            res.status(400).send("caught")
        if "HTTP_REPLACE" in req.environ:
            res.status(418)

    answer = respond_through(tmp_path, outside, access_log(), method=method, target=target, headers=headers)
    assert answer.status == status
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    assert f"status={status} " in line


def test_a_stream_is_logged_when_it_has_ended(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    source = "def GET(): return iter(['a', 'b'])\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=[access_log()])
    answer: Any = app(environ(), lambda *head: lambda content: None)
    assert (list(answer), log.messages) == ([b"a", b"b"], [])
    answer.close()
    assert len(log.messages) == 1


def test_a_response_that_is_cut_off_is_logged(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    source = "def GET(res):\n    res.write('a')\n    raise ValueError\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=[access_log()])
    with pytest.raises(ConnectionResetError):
        call(app)
    (line,) = [record.getMessage() for record in log.records if record.name == "apiroutes.access"]
    assert "status=200 " in line
