"""With `debug_exceptions`, a debugger around the App gets the exceptions of handlers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.testclient import TestClient
from werkzeug.debug import DebuggedApplication

from apiroutes import App
from apiroutes.testing import Client
from tests.support import call, project

FAULTS = {
    "a handler": "def GET(): return 1 / 0",
    "an async handler": "async def GET(): return 1 / 0",
    "a stream before its first chunk": "def GET():\n    yield 1 / 0",
    "middleware": "def step(req, res, next): 1 / 0\nmiddleware = [step]\ndef GET(): ...",
    "middleware after next()": (
        "def step(req, res, next):\n    next()\n    1 / 0\nmiddleware = [step]\ndef GET(): return 'x'"
    ),
    "a deadline's thread": "maxDuration = 5\ndef GET(): return 1 / 0",
}


def app_with(root: Path, source: str, **settings: Any) -> App:
    return App(project(root, {"pages/api/x.py": source + "\n"}), **settings)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_reaches_the_caller(tmp_path: Path, name: str) -> None:
    app = app_with(tmp_path, FAULTS[name], debug_exceptions=True)
    with pytest.raises(ZeroDivisionError):
        Client(app).get("/api/x")


@pytest.mark.parametrize("name", FAULTS)
def test_without_the_setting_it_does_not(tmp_path: Path, name: str) -> None:
    assert call(app_with(tmp_path, FAULTS[name])).status == 500


def test_the_debugger_logs_it_and_we_do_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = app_with(tmp_path, FAULTS["a handler"], debug_exceptions=True)
    with caplog.at_level(logging.INFO, "apiroutes"), pytest.raises(ZeroDivisionError):
        Client(app).get("/api/x")
    assert caplog.records == []


ANSWERED = {
    "an ApiError": ("from apiroutes import ApiError\ndef GET(): raise ApiError(409, 'taken')", 409),
    "an abort": ("from werkzeug.exceptions import NotFound\ndef GET(): raise NotFound()", 404),
    "a parameter that does not fit": ("def GET(page: int): ...", 422),
    "a deadline": (
        "import threading\nmaxDuration = 0.05\nhold = threading.Event()\ndef GET(): hold.wait(0.5)",
        504,
    ),
    "what middleware catches": (
        "def step(req, res, next):\n"
        "    try: next()\n"
        "    except ZeroDivisionError: res.status(418).end('caught')\n"
        "middleware = [step]\ndef GET(): 1 / 0",
        418,
    ),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_not_a_fault_is_answered_as_ever(tmp_path: Path, name: str) -> None:
    source, status = ANSWERED[name]
    assert call(app_with(tmp_path, source, debug_exceptions=True)).status == status


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_werkzeugs_debugger_shows_it(tmp_path: Path) -> None:
    app = app_with(tmp_path, FAULTS["a handler"], debug_exceptions=True)
    answer = call(DebuggedApplication(app), headers=[("Accept", "text/html")])
    assert answer.status == 500
    assert b"ZeroDivisionError" in answer.body
    assert b"return 1 / 0" in answer.body


@pytest.mark.parametrize("name", ["a handler", "an async handler", "a stream before its first chunk"])
def test_starlettes_debugger_shows_it(tmp_path: Path, name: str) -> None:
    app = app_with(tmp_path, FAULTS[name], debug_exceptions=True)
    client = TestClient(ServerErrorMiddleware(app.asgi, debug=True), raise_server_exceptions=False)
    response = client.get("/api/x", headers={"Accept": "text/html"})
    assert response.status_code == 500
    assert "ZeroDivisionError" in response.text
