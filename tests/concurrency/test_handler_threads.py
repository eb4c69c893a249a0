"""The threads of handlers with a `maxDuration`: reused, abandoned, counted, shown in the log."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import readiness
from apiroutes.errors import ResponseAborted
from tests.concurrency.support import LONG, SECONDS, timed
from tests.support import call, until


@pytest.fixture
def shared() -> Iterator[dict[str, Any]]:
    """Objects that a handler shares with its test, as `req.environ["shared"]`."""
    gate = threading.Event()
    yield {"gate": gate}
    gate.set()


def test_threads_are_used_again(tmp_path: Path) -> None:
    handler = """
        import threading
        def handler(req, res): res.json(threading.get_ident())
    """
    app = timed(tmp_path, handler, LONG)
    assert len({call(app).json() for _ in range(5)}) == 1


LEFT = {
    "an application that fails": """
        def application(environ, start_response):
            1 / 0
        def handler(req, res):
            return application
    """,
    "an application that was not called": """
        def after(req, res, next):
            next()
            1 / 0
        middleware = [after]
        def handler(req, res):
            return lambda environ, start_response: [b""]
    """,
    "a stream that was not sent": """
        def after(req, res, next):
            next()
            1 / 0
        middleware = [after]
        def handler(req, res):
            res.send(iter([b"a"]))
    """,
    "a stream that fails": """
        def handler(req, res):
            def chunks():
                yield b"a"
                1 / 0
            res.send(chunks())
    """,
    "a stream whose closing fails": """
        def handler(req, res):
            def chunks():
                try:
                    yield b""
                finally:
                    1 / 0
            res.send(chunks())
    """,
}


@pytest.mark.parametrize("name", LEFT)
def test_no_response_keeps_a_thread(tmp_path: Path, name: str) -> None:
    app = timed(tmp_path, LEFT[name], LONG)
    before = set(threading.enumerate())  # of which some may end
    counts = []
    for _ in range(5):
        with contextlib.suppress(ResponseAborted, ZeroDivisionError):
            call(app)
        counts.append(len(set(threading.enumerate()) - before))
    assert len(set(counts)) == 1


WAITS = """
    def handler(req, res):
        if req.query:
            req.environ["shared"]["gate"].wait()
        res.json(1)
"""


def test_abandoned_handlers_are_limited(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, WAITS, max_abandoned_handlers=2)
    assert [call(app, target="/api/x?wait", shared=shared).status for _ in range(3)] == [504, 504, 503]


def test_an_abandoned_handler_that_ends_makes_room(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, WAITS, max_abandoned_handlers=1)
    before = threading.enumerate()
    assert call(app, target="/api/x?wait", shared=shared).status == 504
    [abandoned] = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name == "apiroutes-handler"
    ]
    shared["gate"].set()
    abandoned.join(SECONDS)
    assert call(app, shared=shared).status == 200


ENDLESS = """
    def handler(req, res):
        req.environ["shared"]["gate"].wait()
"""


def test_a_thread_that_runs_on_has_the_worker_replaced(
    tmp_path: Path, shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Event()
    monkeypatch.setattr(readiness, "_state", readiness._State())
    readiness.replace_by(asked.set)
    call(timed(tmp_path, ENDLESS, abandon_timeout=0.05), shared=shared)
    assert asked.wait(SECONDS)
    until(lambda: "is being replaced" in caplog.text)  # or the next test would find it in its log


def test_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    app = timed(tmp_path, "def handler(req, res): res.json(1)", LONG)
    assert call(app).status == 200
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, str(call(app).status).encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"200"
    os.waitpid(child, 0)


def test_the_log_shows_once_where_a_late_handler_is(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        def handler(req, res):
            wait(req.environ["shared"]["gate"])
        def wait(gate):
            gate.wait()  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "GET /api/x (pages/api/x.py)" in record.getMessage()
    assert "gate.wait()  # here" in logging.Formatter().format(record)


def test_the_log_shows_where_a_coroutine_waits(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        import asyncio
        async def handler(req, res):
            await inner()
        async def inner():
            await asyncio.sleep(3600)  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    assert "await asyncio.sleep(3600)  # here" in logging.Formatter().format(caplog.records[-1])


def test_the_log_shows_where_a_coroutine_blocks(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        async def handler(req, res):
            hold(req.environ["shared"]["gate"])
        def hold(gate):
            gate.wait()  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    assert "gate.wait()  # here" in logging.Formatter().format(caplog.records[-1])
