"""Coroutines on WSGI's threads: loops, contexts, and async streams."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.coroutines import run
from apiroutes.errors import ResponseAborted
from tests.support import Answer, app_of, call, environ

BEFORE = """
import asyncio, contextvars, logging, threading
import apiroutes
variable = contextvars.ContextVar("variable", default="unset")
"""


def awaited(root: Path, *lines: str, before: str = "", name: str = "x.py") -> App:
    body = "\n    ".join(lines)
    return app_of(root, f"{BEFORE}{before}\nasync def handler(req, res):\n    {body}\n", name)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What handlers put here can be looked at after the request."""
    found: list[Any] = []
    monkeypatch.setattr(logging, "seen", found, raising=False)
    return found


# -- a handler cannot tell how it is run

FACTS = {
    "it is a task": "asyncio.current_task() is not None",
    "its loop runs": "asyncio.get_running_loop().is_running()",
    "tasks run beside it": "await asyncio.gather(one(), one()) == [1, 1]",
    "a task can be made": "await asyncio.create_task(one()) == 1",
    "a time limit passes": "await asyncio.wait_for(one(), 60) == 1",
    "a time limit ends": "await limited()",
    "a thread can be awaited": "await asyncio.to_thread(lambda: 1) == 1",
    "a future can be awaited": "await asyncio.get_running_loop().run_in_executor(None, lambda: 1) == 1",
    "the lock is the loop's": "await locked()",
}
HELPERS = """
async def one():
    await asyncio.sleep(0)
    return 1
async def limited():
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except asyncio.TimeoutError:
        return True
async def locked():
    async with asyncio.Lock():
        return True
"""


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_a_coroutine_has_all_of_asyncio(tmp_path: Path, fact: str) -> None:
    assert call(awaited(tmp_path, f"res.json({fact})", before=HELPERS)).json() is True


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with 3.11")
def test_a_block_can_have_a_time_limit(tmp_path: Path) -> None:
    lines = [
        "try:",
        "    async with asyncio.timeout(0.001):",
        "        await asyncio.Event().wait()",
        "except TimeoutError:",
        "    res.json('limited')",
    ]
    assert call(awaited(tmp_path, *lines)).json() == "limited"


ENDS = ["raise ValueError", "raise SystemExit(3)", "raise asyncio.CancelledError", "raise GeneratorExit"]


@pytest.mark.parametrize("line", ENDS)
def test_whatever_ends_a_coroutine_is_one_logged_500(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "await asyncio.sleep(0)", "res.set_header('X-A', '1')", line)
    answer = call(app)
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert [record.getMessage() for record in caplog.records] == ["GET /api/x (pages/api/x.py) failed"]


@pytest.mark.parametrize("line", ENDS)
def test_the_next_request_is_served_after_an_end(tmp_path: Path, line: str) -> None:
    app = awaited(tmp_path, "if 'end' in req.query:", f"    {line}", "await asyncio.sleep(0)", "res.json(1)")
    assert [call(app, target=target).status for target in ("/api/x?end", "/api/x")] == [500, 200]


def test_a_keyboard_interrupt_travels_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        call(awaited(tmp_path, "raise KeyboardInterrupt"))


def test_an_api_error_is_its_answer(tmp_path: Path) -> None:
    answer = call(awaited(tmp_path, "raise apiroutes.ApiError(404, 'none')"))
    assert (answer.status, answer.body) == (404, b"none")


# -- contexts and loops


def test_what_a_request_sets_stays_in_it(tmp_path: Path) -> None:
    lines = ["before = variable.get()", "variable.set('set')", "await asyncio.sleep(0)"]
    app = awaited(tmp_path, *lines, "res.json([before, variable.get()])")
    assert [call(app).json() for _ in range(2)] == [["unset", "set"]] * 2


def test_a_coroutine_sees_the_context_it_is_run_in(tmp_path: Path) -> None:
    source = (
        f"{BEFORE}\nasync def read(res):\n    res.json(variable.get())\n"
        "def handler(req, res):\n"
        "    variable.set('outer')\n"
        "    try:\n        return read(res)\n"
        "    finally:\n        pass\n"
    )
    context = threading.Thread(target=lambda: answers.append(call(app_of(tmp_path, source)).json()))
    answers: list[Any] = []
    context.start()
    context.join()
    assert answers == ["outer"]


def test_a_threads_loop_is_closed_with_it(tmp_path: Path, seen: list[Any]) -> None:
    app = awaited(tmp_path, "logging.seen.append(asyncio.get_running_loop())", "res.json(1)")
    thread = threading.Thread(target=call, args=(app,))
    thread.start()
    thread.join()
    gc.collect()
    assert [loop.is_closed() for loop in seen] == [True]


def test_a_loop_is_kept_between_requests(tmp_path: Path, seen: list[Any]) -> None:
    app = awaited(tmp_path, "logging.seen.append(asyncio.get_running_loop())", "res.json(1)")
    call(app), call(app)
    assert seen[0] is seen[1]


def test_threads_do_not_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier = threading.Barrier(2)
    monkeypatch.setattr(logging, "barrier", barrier, raising=False)
    app = awaited(tmp_path, "logging.barrier.wait(30)", "res.json(1)")
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(call(app))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200, 200]


async def inner() -> int:
    return 1


async def outer() -> int:
    return run(inner()) + run(inner())


def test_a_plain_call_inside_a_coroutine_may_wait_for_another() -> None:
    assert run(outer()) == 2


async def failing() -> int:
    raise ValueError("inner")


async def around() -> int:
    return run(failing())


def test_a_nested_fault_reaches_the_outer_coroutine() -> None:
    with pytest.raises(ValueError, match="inner"):
        run(around())


# -- async streams

STREAM = """
class Source:
    def __init__(self, *chunks): self.chunks = list(chunks)
    def __aiter__(self): return self
    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.chunks: raise StopAsyncIteration
        chunk = self.chunks.pop(0)
        if isinstance(chunk, Exception): raise chunk
        return chunk
async def chunks(*given):
    try:
        for chunk in given:
            await asyncio.sleep(0)
            if isinstance(chunk, Exception): raise chunk
            yield chunk
    finally:
        logging.seen.append("closed")
"""
STREAMS = {
    "a generator": "chunks('a', b'b')",
    "an iterator without aclose": "Source('a', b'b')",
    "a plain iterable": "['a', b'b']",
}


@pytest.mark.parametrize("source", STREAMS.values(), ids=STREAMS)
def test_chunks_of_any_kind_are_streamed(tmp_path: Path, seen: list[Any], source: str) -> None:
    app = awaited(tmp_path, f"return apiroutes.stream({source})", before=STREAM)
    assert call(app).body == b"ab"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_async_stream_without_chunks_is_empty(tmp_path: Path, seen: list[Any], method: str) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks())", before=STREAM)
    answer = call(app, method)
    assert (answer.status, answer.body) == (200, b"")


def test_an_async_stream_is_closed_at_its_end(tmp_path: Path, seen: list[Any]) -> None:
    call(awaited(tmp_path, "return apiroutes.stream(chunks('a'))", before=STREAM))
    assert seen == ["closed"]


def test_an_async_stream_is_closed_when_the_client_leaves(tmp_path: Path, seen: list[Any]) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks('a', 'b'))", before=STREAM)
    answer: Any = app(environ(), lambda *arguments: print)
    assert (next(answer), seen) == (b"a", [])
    answer.close()
    assert seen == ["closed"]


def test_an_async_stream_whose_first_chunk_fails_is_500(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks(ValueError('x')))", before=STREAM)
    assert (call(app).status, seen, len(caplog.records)) == (500, ["closed"], 1)


def test_an_async_stream_that_fails_later_cuts_the_connection(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks('a', ValueError('x')))", before=STREAM)
    with pytest.raises(ResponseAborted):
        call(app)
    assert (seen, len(caplog.records)) == (["closed"], 1)


@pytest.mark.parametrize("line", ["res.send(chunks('a'))", "return chunks('a')"])
def test_an_async_generator_is_streamed_like_an_iterator(tmp_path: Path, seen: list[Any], line: str) -> None:
    assert call(awaited(tmp_path, line, before=STREAM)).body == b"a"


# -- inside a loop that is somebody else's


async def called(app: App) -> Answer:
    return call(app)


def test_an_app_may_be_called_inside_a_loop_of_the_caller(tmp_path: Path) -> None:
    """As an async test does, or a bridge from ASGI."""
    app = awaited(tmp_path, "await asyncio.sleep(0)", "res.json(1)")
    assert asyncio.run(called(app)).status == 200


def test_a_plain_handler_does_not_mind_a_loop_of_the_caller(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(1)\n")
    assert asyncio.run(called(app)).status == 200


def test_a_handler_may_call_another_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner_app = awaited(tmp_path / "inner", "await asyncio.sleep(0)", "res.json('inner')")
    monkeypatch.setattr(logging, "call_inner", lambda: call(inner_app).json(), raising=False)
    outer_app = awaited(tmp_path / "outer", "res.json(logging.call_inner())")
    assert call(outer_app).json() == "inner"
