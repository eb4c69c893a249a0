"""Coroutines on WSGI's threads: one event loop for each, kept between requests.

In: a coroutine or another awaitable. Out: what it returns. Raises what it raises. A handler
cannot tell how it is run: it has a current task, a running loop, and its request's context.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterable, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CoroutineType
from typing import TypeVar

__all__ = ["iterate", "run"]

_Result = TypeVar("_Result")


class _Loop:
    """An event loop that is closed when the thread that it belongs to ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()


_thread = threading.local()


def run(awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable to its end on this thread's loop, in a copy of the current context."""
    coroutine = awaitable if isinstance(awaitable, CoroutineType) else _wait_for(awaitable)
    if asyncio._get_running_loop() is not None:
        # A plain function inside a coroutine waits for another, or the App is called in somebody's
        # loop: this one gets a thread of its own, because a thread runs one loop at a time.
        with ThreadPoolExecutor(1) as pool:
            nested: _Result = pool.submit(contextvars.copy_context().run, run, coroutine).result()
            return nested
    # The copy keeps what a handler sets in a context variable from the thread's next request.
    result: _Result = contextvars.copy_context().run(_thread_loop().run_until_complete, coroutine)
    return result


async def _wait_for(awaitable: Awaitable[_Result]) -> _Result:
    return await awaitable


def _thread_loop() -> asyncio.AbstractEventLoop:
    held: _Loop | None = getattr(_thread, "held", None)
    if held is None:
        held = _thread.held = _Loop()
    return held.loop


def iterate(chunks: AsyncIterable[_Result]) -> Iterator[_Result]:
    """An async iterable as a plain one; closing it closes the other."""
    iterator = aiter(chunks)
    try:
        while True:
            try:
                chunk = run(anext(iterator))
            except StopAsyncIteration:
                return
            yield chunk
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            run(close())
