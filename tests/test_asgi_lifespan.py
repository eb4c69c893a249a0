"""The lifespan of an ASGI server: the App's, and that of a fallback inside of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, readiness
from tests.asgi_server import Connection, http_scope, run
from tests.lifespan.projects import FORMS, ROUTES, SEE, app_with, seen
from tests.support import project


class Server:
    """What an ASGI server does with a lifespan, for a test."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    async def begin(self) -> Any:
        self.task = asyncio.create_task(
            self._app({"type": "lifespan", "state": {}}, self._messages.get, self._answers.put)
        )
        return await self.say("lifespan.startup")

    async def say(self, kind: str) -> Any:
        """Send a message; return the answer, or None if the application has ended without one."""
        self._messages.put_nowait({"type": kind})
        answer = asyncio.create_task(self._answers.get())
        await asyncio.wait((answer, self.task), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        return answer.result() if answer.done() else None

    async def end(self) -> Any:
        answer = await self.say("lifespan.shutdown")
        await asyncio.wait_for(self.task, 60)
        return answer


async def get(app: Any, target: str = "/api/async") -> Any:
    connection = Connection()
    await app(http_scope("GET", target), connection.receive, connection.send)
    return connection


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["/api/x", "/api/async"])
def test_the_lifespan_starts_and_stops_the_app(tmp_path: Path, form: str, target: str) -> None:
    source, words = FORMS[form]
    app = app_with(tmp_path, source)

    async def serve() -> None:
        server = Server(app.asgi)
        assert await server.begin() == {"type": "lifespan.startup.complete"}
        assert seen(tmp_path) == ["start"]
        assert (await get(app.asgi, target)).body == b'{"a":1}'
        assert await server.end() == {"type": "lifespan.shutdown.complete"}

    run(serve())
    assert seen(tmp_path) == words


def test_an_async_register_runs_on_the_servers_loop(tmp_path: Path) -> None:
    source = "import asyncio\nasync def register():\n    yield {'loop': asyncio.get_running_loop()}\n"
    app = app_with(tmp_path, source)

    async def serve() -> None:
        server = Server(app.asgi)
        await server.begin()
        assert app._request.app["loop"] is asyncio.get_running_loop()
        await server.end()

    run(serve())


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_start_that_fails_is_told_to_the_server(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, f"{kind}def register(): raise ConnectionError('no database')\n")

    async def serve() -> Any:
        server = Server(app.asgi)
        answer = await server.begin()
        await server.task
        return answer

    answer = run(serve())
    assert answer["type"] == "lifespan.startup.failed"
    place, _, reason = answer["message"].partition(": ")  # in one line: the log has the rest
    assert place == "instrumentation.py:6"
    assert reason == "the application did not start: `register` raised ConnectionError: no database."


def test_an_end_that_fails_is_told_to_the_server(tmp_path: Path) -> None:
    app = app_with(tmp_path, "async def register():\n    yield\n    raise ConnectionError('lost')\n")

    async def serve() -> Any:
        server = Server(app.asgi)
        await server.begin()
        return await server.end()

    answer = run(serve())
    assert answer["type"] == "lifespan.shutdown.failed"
    assert "lost" in answer["message"]


@pytest.mark.parametrize("form", FORMS)
def test_without_a_lifespan_the_first_requests_start_the_app(tmp_path: Path, form: str) -> None:
    source, words = FORMS[form]
    app = app_with(tmp_path, source)

    async def serve() -> None:
        connections = await asyncio.gather(*(get(app.asgi) for _ in range(5)))
        assert [connection.body for connection in connections] == [b'{"a":1}'] * 5
        assert seen(tmp_path) == ["start"]

    run(serve())  # whose end cancels what is left on the loop
    if form != "generator":
        assert seen(tmp_path) == words
    app.stop()
    assert seen(tmp_path) == words


def test_the_first_request_does_not_hold_the_loop(tmp_path: Path) -> None:
    source = (
        "import threading\nreleased = threading.Event()\n"
        "def register():\n    released.wait(30)\n    return {'a': released}\n"
    )
    app = app_with(tmp_path, source, {"pages/api/async.py": "async def GET(req): return len(req.app)\n"})

    async def serve() -> None:
        request = asyncio.create_task(get(app.asgi))
        await asyncio.sleep(0)
        file = str(tmp_path / "instrumentation.py")
        module: Any = next(m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == file)
        module.released.set()
        assert (await request).body == b"1"

    run(serve())


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_start_that_fails_at_a_request_is_a_503_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(readiness, "_state", readiness._State())
    app = app_with(tmp_path, f"{kind}def register():\n    see('try')\n    1 / 0\n")

    async def serve() -> None:
        for target in ("/api/x", "/api/async", "/api/none"):
            assert (await get(app.asgi, target)).status == 503

    run(serve())
    assert seen(tmp_path) == ["try"]


def test_code_on_a_loop_starts_and_stops_the_app(tmp_path: Path) -> None:
    app = app_with(tmp_path, FORMS["async generator"][0])

    async def serve() -> None:
        async with app.lifespan():
            assert (await get(app.asgi)).body == b'{"a":1}'

    run(serve())
    assert seen(tmp_path) == ["start", "end"]


def test_a_stop_that_would_wait_for_its_own_loop_is_an_error(tmp_path: Path) -> None:
    app = app_with(tmp_path, FORMS["async generator"][0])

    async def serve() -> None:
        async with app.lifespan():
            with pytest.raises(RuntimeError, match=r"app\.lifespan"):
                app.stop()

    run(serve())
    assert seen(tmp_path) == ["start", "end"]


# -- a fallback


def app_in_front_of(fallback: Any, root: Path, instrumentation: str) -> Any:
    files = {**ROUTES, "instrumentation.py": SEE + instrumentation}
    return App(project(root, files), fallback=fallback).asgi


def test_a_fallback_has_its_lifespan_inside_of_the_apps(tmp_path: Path) -> None:
    words: list[str] = []

    async def fallback(scope: Any, receive: Any, send: Any) -> None:
        for event in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{event}"
            words.extend([*seen(tmp_path)[-1:], event])
            await send({"type": f"lifespan.{event}.complete"})

    async def serve() -> None:
        server = Server(app_in_front_of(fallback, tmp_path, FORMS["async generator"][0]))
        assert await server.begin() == {"type": "lifespan.startup.complete"}
        assert await server.end() == {"type": "lifespan.shutdown.complete"}

    run(serve())
    assert words == ["start", "startup", "start", "shutdown"]
    assert seen(tmp_path) == ["start", "end"]


async def _knows_none(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError(scope["type"])


async def _refuses(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    raise NotImplementedError(scope["type"])


async def _returns(scope: Any, receive: Any, send: Any) -> None:
    return


async def _starts_only(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


@pytest.mark.parametrize("fallback", [_knows_none, _refuses, _returns, _starts_only])
def test_a_fallback_without_a_lifespan_leaves_the_app_its_own(tmp_path: Path, fallback: Any) -> None:
    async def serve() -> None:
        server = Server(app_in_front_of(fallback, tmp_path, FORMS["async generator"][0]))
        assert await server.begin() == {"type": "lifespan.startup.complete"}
        assert await server.end() == {"type": "lifespan.shutdown.complete"}

    run(serve())
    assert seen(tmp_path) == ["start", "end"]


def test_a_fallback_that_does_not_start_stops_the_app(tmp_path: Path) -> None:
    async def fallback(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "theirs"})

    async def serve() -> Any:
        return await Server(app_in_front_of(fallback, tmp_path, FORMS["async generator"][0])).begin()

    assert run(serve()) == {"type": "lifespan.startup.failed", "message": "theirs"}
    assert seen(tmp_path) == ["start", "end"]


def test_a_fallback_does_not_start_when_the_app_does_not(tmp_path: Path) -> None:
    words: list[str] = []

    async def fallback(scope: Any, receive: Any, send: Any) -> None:
        try:
            words.append((await receive())["type"])
        except Exception:
            words.append("caught")

    async def serve() -> Any:
        return await Server(app_in_front_of(fallback, tmp_path, "def register(): 1 / 0\n")).begin()

    assert run(serve())["type"] == "lifespan.startup.failed"
    assert words == []
