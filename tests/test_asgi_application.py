"""The App as an ASGI application: what runs where, and what is not a request."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.asgi_server import Connection, ask, http_scope, run
from tests.support import HELLO, app_of, environ, project

# -- what is not a request -----------------------------------------------------------------


async def forbidden(*arguments: Any) -> Any:
    raise AssertionError("not to be called")


def talk(app: Any, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """Call an application with these messages to receive; return what it sends."""
    waiting, sent = list(messages), []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    run(app(scope, receive, send))
    return sent


def test_the_lifespan_is_answered(tmp_path: Path) -> None:
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert talk(app_of(tmp_path, HELLO).asgi, {"type": "lifespan"}, *events) == [
        {"type": "lifespan.startup.complete"},
        {"type": "lifespan.shutdown.complete"},
    ]


def test_a_websocket_is_refused_before_it_is_accepted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Servers answer 403 to a close that comes before an accept."""
    scope = {"type": "websocket", "path": "/api/x\n" + "a" * 1000}
    (sent,) = talk(app_of(tmp_path, HELLO).asgi, scope, {"type": "websocket.connect"})
    assert sent["type"] == "websocket.close"
    assert "WebSocket" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]
    assert len(caplog.messages[0]) < 400


def test_a_scope_of_an_unknown_type_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="'mail'"):
        talk(app_of(tmp_path, HELLO).asgi, {"type": "mail"})


# -- fallbacks -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["http", "websocket", "mail"])
def test_an_asgi_fallback_gets_the_call_as_it_came(tmp_path: Path, kind: str) -> None:
    calls: list[Any] = []

    async def fallback(scope: Any, receive: Any, send: Any) -> None:
        calls.append((scope, receive, send))

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback).asgi
    call = http_scope("GET", "/elsewhere", type=kind), forbidden, forbidden
    run(app(*call))
    assert calls == [call]
    assert calls[0][0] is call[0]


def test_an_asgi_fallback_gets_no_path_of_ours(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=forbidden)
    assert ask(app.asgi, http_scope()).status == 200
    assert ask(app.asgi, http_scope("BREW")).status == 200


def test_an_asgi_fallback_cannot_answer_wsgi(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=forbidden)
    with pytest.raises(TypeError, match=r"app\.asgi"):
        app(environ(target="/elsewhere"), lambda *head: lambda chunk: None)


def test_a_fault_of_an_asgi_fallback_is_the_servers(tmp_path: Path) -> None:
    async def fallback(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("of the fallback")

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback)
    with pytest.raises(LookupError):
        ask(app.asgi, http_scope("GET", "/elsewhere"))


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


# -- a client that leaves ------------------------------------------------------------------

NOTE = "import asyncio, logging\n"
LEFT = {
    "a plain stream": (
        "def chunks():\n    try:\n        while True:\n            yield b'x'\n"
        "    finally:\n        logging.seen.append('closed')\n"
        "{define} GET():\n    return chunks()\n"
    ),
    "an async stream": (
        "async def chunks():\n    try:\n        while True:\n            yield b'x'\n"
        "            await asyncio.sleep(0)\n"
        "    finally:\n        await asyncio.sleep(0)\n        logging.seen.append('closed')\n"
        "{define} GET():\n    return chunks()\n"
    ),
    "an async stream that waits": (
        "async def chunks():\n    try:\n        yield b'x'\n        await asyncio.Event().wait()\n"
        "    finally:\n        logging.seen.append('closed')\n"
        "{define} GET():\n    return chunks()\n"
    ),
    "events": (
        "from apiroutes import event_stream\n"
        "async def events():\n    try:\n        yield 'x'\n        await asyncio.Event().wait()\n"
        "    finally:\n        logging.seen.append('closed')\n"
        "{define} GET():\n    return event_stream(events())\n"
    ),
    "res.write": (
        "def GET(req, res):\n    try:\n        while True:\n            res.write('x')\n"
        "    finally:\n        logging.seen.append('closed')\n"
    ),
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A list to which handlers append as `logging.seen`."""
    values: list[Any] = []
    monkeypatch.setattr(logging, "seen", values, raising=False)
    return values


class Leaving(Connection):
    """A client that leaves after some messages of the response."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        await asyncio.sleep(0)
        if len(self.sent) == 3 or (len(self.sent) == 2 and b"x" in self.sent[1]["body"]):
            self.leave()


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize("name", LEFT)
def test_what_makes_a_response_ends_when_the_client_leaves(
    tmp_path: Path, seen: list[Any], name: str, define: str, is_told: bool
) -> None:
    app = app_of(tmp_path, NOTE + LEFT[name].replace("{define}", define)).asgi
    connection = Leaving()
    connection.is_told = is_told

    async def respond() -> None:
        await asyncio.wait_for(app(http_scope(), connection.receive, connection.send), 10)
        # A thread that sends learns of it by its next chunk.
        while not seen:
            await asyncio.sleep(0.01)

    run(respond())
    assert (seen, connection.is_complete) == (["closed"], False)


@pytest.mark.parametrize("define", ["def", "async def"])
def test_a_client_that_leaves_before_the_response_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, define: str
) -> None:
    connection = Connection()
    connection.leave()
    app = app_of(tmp_path, f"{define} GET(): return 1\n").asgi
    run(app(http_scope(), connection.receive, connection.send))
    assert (connection.sent, caplog.records) == ([], [])


# -- back-pressure -------------------------------------------------------------------------

COUNT = (
    "def chunks():\n    for count in range(100):\n        logging.seen.append(count)\n        yield b'x'\n"
)
MADE = {"plain": COUNT, "async": "async " + COUNT}


@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize("kind", MADE)
def test_a_client_that_reads_slowly_holds_the_stream(
    tmp_path: Path, seen: list[Any], kind: str, define: str
) -> None:
    app = app_of(tmp_path, f"{NOTE}{MADE[kind]}{define} GET():\n    return chunks()\n").asgi
    gate = asyncio.Event()

    class Slow(Connection):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if len(self.sent) == 3:
                await gate.wait()

    connection = Slow()

    async def respond() -> None:
        responding = asyncio.ensure_future(app(http_scope(), connection.receive, connection.send))
        while len(connection.sent) < 3:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert len(seen) <= 3
        gate.set()
        await responding

    run(respond())
    assert (connection.body, len(seen)) == (b"x" * 100, 100)


# -- cancellation by the server ------------------------------------------------------------


def test_a_cancelled_request_cancels_its_handler_and_sends_nothing(tmp_path: Path, seen: list[Any]) -> None:
    source = (
        f"{NOTE}async def GET():\n    logging.seen.append('begun')\n"
        "    try:\n        await asyncio.Event().wait()\n"
        "    except BaseException as error:\n"
        "        logging.seen.append(type(error).__name__)\n        raise\n"
    )
    app, connection = app_of(tmp_path, source).asgi, Connection()

    async def respond() -> None:
        responding = asyncio.ensure_future(app(http_scope(), connection.receive, connection.send))
        while not seen:
            await asyncio.sleep(0.01)
        responding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await responding

    run(respond())
    assert (seen, connection.sent) == (["begun", "CancelledError"], [])


def test_a_cancelled_request_ends_what_a_thread_writes(tmp_path: Path, seen: list[Any]) -> None:
    source = (
        f"{NOTE}def GET(req, res):\n    try:\n        while True:\n            res.write('x')\n"
        "    except BaseException as error:\n"
        "        logging.seen.append(type(error).__name__)\n        raise\n"
    )
    app, connection = app_of(tmp_path, source).asgi, Connection()

    async def respond() -> None:
        responding = asyncio.ensure_future(app(http_scope(), connection.receive, connection.send))
        while not connection.body:
            await asyncio.sleep(0.01)
        responding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await responding
        while not seen:
            await asyncio.sleep(0.01)

    run(respond())
    assert (seen, connection.is_complete) == (["ResponseAborted"], False)


# -- threads -------------------------------------------------------------------------------

SANDWICH = """
import logging
def outer(req, res, next): next()
async def inner(req, res, next): await next()
middleware = [outer, inner, outer, inner]
def GET(): return "ok"
"""


def test_nested_work_does_not_wait_for_the_pool(tmp_path: Path) -> None:
    app = app_of(tmp_path, SANDWICH, threads=1).asgi

    async def respond() -> list[Connection]:
        connections = [Connection() for _ in range(5)]
        await asyncio.wait_for(
            asyncio.gather(*(app(http_scope(), each.receive, each.send) for each in connections)), 10
        )
        return connections

    assert [connection.body for connection in run(respond())] == [b"ok"] * 5


def test_a_handler_that_holds_the_pool_may_wait_for_a_route_of_the_loop(tmp_path: Path) -> None:
    """The other route's plain stream has a thread of its own."""
    shared = "import asyncio\nsent = asyncio.Event()\n"
    holding = (
        "from shared import sent\ndef GET(): return wait()\n"
        "async def wait():\n    await sent.wait()\n    return 'held'\n"
    )
    streaming = (
        "import asyncio\nfrom shared import sent\n"
        "def chunks(loop):\n    yield b'a'\n    loop.call_soon_threadsafe(sent.set)\n    yield b'b'\n"
        "async def GET():\n    return chunks(asyncio.get_running_loop())\n"
    )
    files = {"shared.py": shared, "pages/api/x.py": holding, "pages/api/stream.py": streaming}
    app = App(project(tmp_path, files), threads=1).asgi
    held, streamed = Connection(), Connection()

    async def respond() -> None:
        holds = asyncio.ensure_future(app(http_scope(), held.receive, held.send))
        await asyncio.sleep(0.05)
        scope = http_scope(target="/api/stream")
        await asyncio.wait_for(app(scope, streamed.receive, streamed.send), 10)
        await asyncio.wait_for(holds, 10)

    run(respond())
    assert (held.body, streamed.body) == (b"held", b"ab")


def test_sync_steps_of_a_request_share_a_thread_and_async_ones_the_servers_loop(tmp_path: Path) -> None:
    source = """
import threading
from threading import get_ident
def first(req, res, next):
    req.context["threads"] = [get_ident()]
    next()
async def second(req, res, next):
    req.context["loop"] = get_ident()
    await next()
def third(req, res, next):
    req.context["threads"].append(get_ident())
    next()
middleware = [first, second, third]
async def GET(context): return [*context["threads"], context["loop"], get_ident()]
"""
    first, third, second, handler = json.loads(ask(app_of(tmp_path, source).asgi, http_scope()).body)
    assert first == third != second == handler == threading.get_ident()


# -- contexts, and the one loop ------------------------------------------------------------

CONTEXTS = """
import contextvars
variable = contextvars.ContextVar("variable", default="unset")
{outer} outer(req, res, next):
    variable.set("outer")
    {wait_outer}next()
{inner} inner(req, res, next):
    seen = variable.get()
    variable.set("inner")
    req.context["seen"] = seen
    {wait_inner}next()
middleware = [outer, inner]
{handler} GET(context): return [context["seen"], variable.get()]
"""


@pytest.mark.parametrize("handler", ["def", "async def"])
@pytest.mark.parametrize("inner", ["def", "async def"])
@pytest.mark.parametrize("outer", ["def", "async def"])
def test_a_variable_that_middleware_sets_is_seen_inside(
    tmp_path: Path, outer: str, inner: str, handler: str
) -> None:
    waits = {"def": "", "async def": "await "}
    source = CONTEXTS.format(
        outer=outer, inner=inner, handler=handler, wait_outer=waits[outer], wait_inner=waits[inner]
    )
    app = app_of(tmp_path, source).asgi
    assert [json.loads(ask(app, http_scope()).body) for _ in range(2)] == [["outer", "inner"]] * 2


MEETING = {
    "pages/api/plain.py": (
        "import asyncio\nfrom meeting import lock, queue\n"
        "def GET(): return take()\n"
        "async def take():\n    async with lock:\n        return await queue.get()\n"
    ),
    "pages/api/coroutine.py": (
        "import asyncio\nfrom meeting import queue\n"
        "async def GET():\n    global task\n"
        "    task = asyncio.create_task(queue.put('met'))\n    return 'put'\n"
    ),
    "meeting.py": "import asyncio\nlock, queue = asyncio.Lock(), asyncio.Queue()\n",
}


def test_sync_and_async_routes_share_one_loop(tmp_path: Path) -> None:
    app = App(project(tmp_path, MEETING)).asgi
    plain, coroutine = Connection(), Connection()

    async def respond() -> None:
        taking = asyncio.ensure_future(app(http_scope(target="/api/plain"), plain.receive, plain.send))
        await asyncio.sleep(0.01)
        await app(http_scope(target="/api/coroutine"), coroutine.receive, coroutine.send)
        await asyncio.wait_for(taking, 10)

    run(respond())
    assert (plain.body, coroutine.body) == (b"met", b"put")
