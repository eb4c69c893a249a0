"""The middleware that comes with the framework, all of it around every kind of response."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.middleware import (
    access_log,
    cors,
    from_wsgi,
    request_id,
    security_headers,
)
from tests.support import call, project

ORIGIN = "https://example.com"
ENDS = {
    "json": ("res.json(1)", 200),
    "vary set": ("res.set_header('Vary', 'Accept').json(1)", 200),
    "vary removed": ("res.remove_header('Vary').json(1)", 200),
    "written": ("res.write('a')", 200),
    "a stream": ("return iter('ab')", 200),
    "an application with its own": ("return lambda e, s: (s('201 X', [('Vary', 'Cookie')]), [b'a'])[1]", 201),
    "an error": ("raise ApiError(409, 'no', {'Vary': 'Accept'})", 409),
    "a fault": ("raise ValueError", 500),
    "a status without content": ("res.status(204)", 204),
    "a redirect": ("res.redirect('/x')", 307),
    "a deadline": ("import time; time.sleep(0.3)", 504),
}


def wipe(application: Any) -> Any:
    """WSGI middleware that answers with headers of its own."""

    def middleware(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [("Content-Type", "text/plain"), ("Vary", "Cookie")])

        return application(environ, start)

    return middleware


def replace(req: Any, res: Any, next: Any) -> Any:
    next()
    return "mine"


INSIDE: dict[str, list[Any]] = {
    "nothing": [],
    "WSGI middleware": [from_wsgi(wipe)],
    "a step that replaces": [replace],
}


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize(("line", "status"), ENDS.values(), ids=ENDS)
def test_the_headers_of_built_in_middleware_are_on_every_response(
    tmp_path: Path, log: pytest.LogCaptureFixture, line: str, status: int, inside: str
) -> None:
    config = "config = {'maxDuration': 0.1}\n" if status == 504 else ""
    source = f"from apiroutes import ApiError\n{config}def GET(req, res):\n    {line}\n"
    steps = [access_log(format="json"), cors([ORIGIN]), security_headers(), request_id(), *INSIDE[inside]]
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=steps)
    answer = call(app, HTTP_ORIGIN=ORIGIN)
    if inside == "a step that replaces" and status < 400 and line != "res.write('a')":
        status = 200
    assert answer.status == status
    members = [member.strip() for value in answer.all("Vary") for member in value.split(",")]
    assert members.count("Origin") == 1
    assert (answer.header("Access-Control-Allow-Origin"), answer.header("X-Frame-Options")) == (
        ORIGIN,
        "DENY",
    )
    assert re.fullmatch("[0-9a-f]{32}", answer.header("X-Request-ID") or "")
    (logged,) = [
        json.loads(record.getMessage()) for record in log.records if record.name == "apiroutes.access"
    ]
    assert (logged["status"], logged["request_id"]) == (status, answer.header("X-Request-ID"))
