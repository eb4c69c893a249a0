"""Async iterables that are streamed by a thread."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes.concurrency import coroutines
from apiroutes.errors import ResponseAborted
from tests.concurrency.support import async_app
from tests.support import call, environ

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
    app = async_app(tmp_path, f"return apiroutes.stream({source})", before=STREAM)
    assert call(app).body == b"ab"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_async_stream_without_chunks_is_empty(tmp_path: Path, seen: list[Any], method: str) -> None:
    app = async_app(tmp_path, "return apiroutes.stream(chunks())", before=STREAM)
    answer = call(app, method)
    assert (answer.status, answer.body) == (200, b"")


def test_an_async_stream_is_closed_at_its_end(tmp_path: Path, seen: list[Any]) -> None:
    call(async_app(tmp_path, "return apiroutes.stream(chunks('a'))", before=STREAM))
    assert seen == ["closed"]


def test_an_async_stream_is_closed_when_the_client_leaves(tmp_path: Path, seen: list[Any]) -> None:
    app = async_app(tmp_path, "return apiroutes.stream(chunks('a', 'b'))", before=STREAM)
    answer: Any = app(environ(), lambda *arguments: print)
    assert (next(answer), seen) == (b"a", [])
    answer.close()
    assert seen == ["closed"]


def test_an_async_stream_whose_first_chunk_fails_is_500(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = async_app(tmp_path, "return apiroutes.stream(chunks(ValueError('x')))", before=STREAM)
    assert (call(app).status, seen, len(caplog.records)) == (500, ["closed"], 1)


def test_an_async_stream_that_fails_later_aborts_the_response(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = async_app(tmp_path, "return apiroutes.stream(chunks('a', ValueError('x')))", before=STREAM)
    with pytest.raises(ResponseAborted):
        call(app)
    assert (seen, len(caplog.records)) == (["closed"], 1)


@pytest.mark.parametrize("line", ["res.send(chunks('a'))", "return chunks('a')"])
def test_an_async_generator_is_streamed_like_an_iterator(tmp_path: Path, seen: list[Any], line: str) -> None:
    assert call(async_app(tmp_path, line, before=STREAM)).body == b"a"


def test_a_stream_is_entered_and_left_in_one_task(tmp_path: Path, seen: list[Any]) -> None:
    before = (
        "async def tasks():\n"
        "    try:\n"
        "        for _ in range(3):\n"
        "            logging.seen.append(asyncio.current_task())\n            yield 'x'\n"
        "    finally:\n        logging.seen.append(asyncio.current_task())\n"
    )
    assert call(async_app(tmp_path, "return apiroutes.stream(tasks())", before=before)).body == b"xxx"
    assert len(set(map(id, seen))) == 1


def test_a_dropped_stream_is_closed() -> None:
    closed = threading.Event()

    async def chunks() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.set()

    stream: Any = coroutines.iterate(chunks())
    assert next(stream) == "x"
    del stream
    assert closed.wait(30)
