"""The App as an ASGI application: what runs where, and what is not a request."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.asgi_server import Connection, ask, http_scope, run
from tests.support import HELLO, app_of, project

# -- fallbacks -----------------------------------------------------------------------------


def test_a_wsgi_fallback_gets_the_content(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        content = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return [content]

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback)
    scope = http_scope("POST", "/elsewhere", [("Content-Length", "200004")])
    assert ask(app.asgi, scope, b"ab", b"c" * 200_000, b"de").body == b"ab" + b"c" * 200_000 + b"de"


# -- deadlines -----------------------------------------------------------------------------

HELD = {
    "a stream": "def chunks():\n        logging.gate.wait()\n        yield b'late'\n    return chunks()",
    "an application": (
        "def application(environ, start_response):\n        logging.gate.wait()\n        return []\n"
        "    return application"
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_a_late_function_of_an_async_handler_does_not_hold_the_504(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(logging, "gate", gate, raising=False)
    source = f"import logging\nconfig = {{'maxDuration': 0.05}}\nasync def GET(req, res):\n    {HELD[name]}\n"
    app = app_of(tmp_path, source).asgi
    connection = Connection()

    async def respond() -> None:
        try:
            await asyncio.wait_for(app(http_scope(), connection.receive, connection.send), 10)
        finally:
            gate.set()

    run(respond())
    assert (connection.status, connection.is_complete) == (504, True)


# -- streams -------------------------------------------------------------------------------


def test_a_stream_of_a_plain_handler_holds_no_thread_of_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(logging, "gate", gate, raising=False)
    source = "import logging\ndef GET():\n    yield b'begun'\n    logging.gate.wait()\n"
    files = {"pages/api/stream.py": source, "pages/api/x.py": HELLO}
    app = App(project(tmp_path, files), threads=1).asgi

    async def respond() -> None:
        stream, other = Connection(), Connection()
        streaming = asyncio.ensure_future(app(http_scope(path="/api/stream"), stream.receive, stream.send))
        try:
            await asyncio.wait_for(app(http_scope(path="/api/x"), other.receive, other.send), 10)
        finally:
            gate.set()
        await streaming
        assert (other.status, stream.body) == (200, b"begun")

    run(respond())


def test_a_client_that_leaves_an_endless_stream_is_noticed_by_a_send_that_never_waits(
    tmp_path: Path,
) -> None:
    source = (
        "async def chunks():\n    while True:\n        yield b'x'\nasync def GET():\n    return chunks()\n"
    )
    app = app_of(tmp_path, source).asgi
    left = asyncio.Event()
    count = 0

    async def receive() -> Any:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal count
        count += 1
        if count == 100:
            left.set()

    run(app(http_scope(), receive, send))
    assert 100 <= count < 200
