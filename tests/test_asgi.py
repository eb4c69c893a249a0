"""A scope as the environ that handlers see, and a response as messages."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from tests.asgi_server import Connection, ask, http_scope, run
from tests.support import app_of

SHOW_ID = "def GET(params): return params\n"

# -- the path ------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, b""])
def test_invalid_utf8_is_400_where_the_server_gives_no_raw_path(tmp_path: Path, raw: bytes | None) -> None:
    app = app_of(tmp_path, SHOW_ID, "[id].py")
    scope = http_scope(path="/api/\N{REPLACEMENT CHARACTER}", raw_path=raw)
    assert ask(app.asgi, scope).status == 400


# -- the client's leaving is watched -------------------------------------------------------

PARTS = "async def parts():\n    yield b'a'\n    yield b'b'\n"
STREAMS = {
    "plain": "def GET():\n    return stream(iter([b'a', b'b']))\n",
    "plain of an async handler": "async def GET():\n    return stream(iter([b'a', b'b']))\n",
    "async": PARTS + "async def GET():\n    return stream(parts())\n",
    "in a thread": "def GET(req, res):\n    res.write(b'a')\n    res.write(b'b')\n    res.end()\n",
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_response_leaves_no_reference_cycle(tmp_path: Path, name: str) -> None:
    """The garbage collector finds nothing after a request."""
    app = app_of(tmp_path, "from apiroutes import stream\n" + STREAMS[name]).asgi

    async def respond() -> None:
        connection = Connection()
        await app(http_scope(), connection.receive, connection.send)
        assert connection.body == b"ab"

    async def count() -> int:
        await asyncio.create_task(respond())
        gc.collect()
        gc.disable()
        try:
            await asyncio.create_task(respond())
            await asyncio.sleep(0.01)  # for what was cancelled to end
            return gc.collect()
        finally:
            gc.enable()

    assert run(count()) == 0


def test_what_is_unread_is_discarded_when_nothing_else_receives(tmp_path: Path) -> None:
    source = (
        "import asyncio\nfrom apiroutes import stream\n"
        'config = {"api": {"bodyParser": False}}\n'
        "async def parts():\n    yield b'a'\n    await asyncio.sleep(0.01)\n    yield b'b'\n"
        "async def POST():\n    return stream(parts())\n"
    )
    app = app_of(tmp_path, source)

    async def respond() -> Connection:
        connection = Connection(b"one", method="POST", is_whole=False)
        scope = http_scope("POST", headers=[("Transfer-Encoding", "chunked")])
        asyncio.get_running_loop().call_later(0.1, connection.feed, b"two", False)
        await app.asgi(scope, connection.receive, connection.send)
        return connection

    connection = run(respond())
    assert (connection.body, connection.is_complete, connection.problems) == (b"ab", True, [])
