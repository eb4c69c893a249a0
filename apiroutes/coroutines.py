"""Coroutines on WSGI's threads: one event loop for each, kept between requests.

In: a coroutine or another awaitable. Out: what it returns. Raises what it raises. A handler
cannot tell how it is run: it has a current task, a running loop, and its request's context.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import weakref
from collections.abc import AsyncIterable, Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CoroutineType, FrameType
from typing import Any, TypeVar

__all__ = ["cancel", "iterate", "run", "suspended_frames"]

_Result = TypeVar("_Result")


class _Loop:
    """An event loop that is closed when the thread that it belongs to ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.coroutine: Any = None  # that it ran last
        _loops[threading.get_ident()] = self

    def __del__(self) -> None:
        self.loop.close()


# By thread, for whoever wants to end what another one runs.
_loops: weakref.WeakValueDictionary[int, _Loop] = weakref.WeakValueDictionary()
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
    held = _loop_of_thread()
    held.coroutine = coroutine
    result: _Result = contextvars.copy_context().run(held.loop.run_until_complete, coroutine)
    return result


async def _wait_for(awaitable: Awaitable[_Result]) -> _Result:
    return await awaitable


def _loop_of_thread() -> _Loop:
    held: _Loop | None = getattr(_thread, "held", None)
    if held is None:
        held = _thread.held = _Loop()
    return held


def cancel(thread: int, within: float) -> bool:
    """Cancel what the loop of another thread runs; whether it heard of it within some seconds.

    A loop does not hear when what it runs does not wait for anything.
    """
    held = _loops.get(thread)
    if held is None or not held.loop.is_running():
        return False
    loop, heard = held.loop, threading.Event()

    def cancel_all() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        heard.set()

    loop.call_soon_threadsafe(cancel_all)
    return heard.wait(within)


def suspended_frames(thread: int) -> list[FrameType]:
    """Where the coroutine that another thread runs waits, the outermost first; none if it does not."""
    held = _loops.get(thread)
    waiting = held.coroutine if held is not None and held.loop.is_running() else None
    frames: list[FrameType] = []
    while isinstance(waiting, CoroutineType) and waiting.cr_frame is not None and not waiting.cr_running:
        frames.append(waiting.cr_frame)
        waiting = waiting.cr_await
    return frames


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
