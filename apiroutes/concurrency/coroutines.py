"""Coroutines beside WSGI's threads, on the one event loop of the process.

In: a coroutine or another awaitable. Out: its result, for the thread that waits for it. Raises its
error, ApiError 503 while the loop is blocked, and RuntimeError in a thread that would wait for itself.
A client, a pool, a lock or a task that one request creates works in every other. A coroutine has a copy
of its request's context. A plain function that it has to wait for, such as sync middleware between async
ones, runs in the request's own thread, never on the loop.

The functions import the room `event_loop` when they need it: asyncio takes 15 ms, which a project without
coroutines never pays. Files that only run where asyncio is imported anyway use that room directly.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from apiroutes.threads import current_waiter, waiting

__all__ = [
    "async_chunks_of",
    "call_before_head",
    "call_off_the_loop",
    "cancel",
    "cancelled_error",
    "configure",
    "coroutine_frames",
    "in_background",
    "in_request_thread",
    "is_on_server_loop",
    "iterate",
    "run",
    "run_within",
    "runner",
    "thread_caller",
]

_Result = TypeVar("_Result")
_Chunk = TypeVar("_Chunk")


def configure(*, abandon_timeout: float, reports_blocking: bool, on_blocked: Callable[[str], object]) -> None:
    """Set how many seconds a loop may stand still before it counts as blocked, and what is called then."""
    settings = waiting.settings
    settings.abandon_timeout = abandon_timeout
    settings.reports_blocking = settings.reports_blocking or reports_blocking
    settings.on_blocked = on_blocked
    if settings.on_change is not None:
        settings.on_change()


def runner() -> Callable[[Awaitable[Any]], Any]:
    """Return the function that `run` calls, for code that runs coroutines often.

    It imports asyncio at the start of a project with async handlers: before a server forks, and before the
    first request.
    """
    from apiroutes.event_loop import run

    return run


def run(awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable to its end on the loop, in a copy of the current context, and wait for it."""
    from apiroutes.event_loop import run

    return run(awaitable)


def run_within(seconds: float, awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable as `run` does, for at most so many seconds. Raises TimeoutError."""
    from apiroutes.event_loop import run, within

    begun = False

    def begin() -> Awaitable[_Result]:
        nonlocal begun
        begun = True
        return awaitable

    try:
        return run(within(seconds, begin))
    finally:
        close = getattr(awaitable, "close", None)
        if not begun and close is not None:  # no loop has taken it
            close()


def thread_caller() -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return the function that `in_request_thread` calls, for the same code."""
    from apiroutes.event_loop import in_request_thread

    return in_request_thread


def in_background(
    context: contextvars.Context,
    function: Callable[[], Awaitable[object]],
    on_end: Callable[[BaseException | None], object],
) -> Any:
    """Return a BackgroundTask of a coroutine function, for which nobody waits."""
    from apiroutes.event_loop import BackgroundTask

    return BackgroundTask(context, function, on_end)


def iterate(chunks: AsyncIterable[_Chunk]) -> Iterator[_Chunk]:
    """Return a plain iterator over an async iterable; closing it closes the iterable."""
    from apiroutes.event_loop import AsyncChunks

    return AsyncChunks(chunks)


def cancel(thread: int) -> bool:
    """Cancel everything that a thread waits for; return whether it waits for anything.

    A coroutine notices when it next awaits.
    """
    waiters = waiting.waiters_of(thread)
    for waiter in waiters:
        waiter.cancel()
    return bool(waiters)


def cancelled_error(message: str) -> BaseException:
    """Return asyncio's CancelledError."""
    import asyncio

    return asyncio.CancelledError(message)


def coroutine_frames(thread: int) -> list[FrameType]:
    """Return the frames of the coroutine that a thread waits for, the outermost first; [] without one."""
    waiters = waiting.waiters_of(thread)
    if not waiters:
        return []
    from apiroutes.event_loop import frames_awaited_by

    return frames_awaited_by(waiters[-1])


# -- for code that may run on a loop -----------------------------------------------------------


def in_request_thread(
    function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], object] | None = None
) -> Coroutine[Any, Any, _Result]:
    """Call a plain function in the thread that waits for the current request, in this context.

    A cancellation calls `on_cancel`, cancels the coroutines that the function waits for, and is raised
    when the function has ended. Where no thread waits, the function gets one of its own.
    """
    from apiroutes.event_loop import in_request_thread

    return in_request_thread(function, *arguments, on_cancel=on_cancel)


def call_off_the_loop(function: Callable[[], object]) -> None:
    """Call a function that does not raise here, or, on an event loop, soon in the request's own thread.

    There it is called before the thread takes the coroutine's result.
    """
    if not waiting.is_on_loop():
        function()
        return
    from apiroutes.event_loop import call_soon_in_thread

    call_soon_in_thread(function)


def is_on_server_loop() -> bool:
    """Return whether this code runs on a server's loop, in a request that no thread waits for."""
    if not waiting.is_on_loop():
        return False
    from apiroutes.event_loop import is_in_server_request

    return is_in_server_request()


def call_before_head(function: Callable[[], object]) -> None:
    """Call a function in the request's thread before the head leaves that `write` sends on a server's loop.

    It may raise OSError: then the head does not leave.
    """
    current_waiter.get().before_head = function


def async_chunks_of(stream: object) -> Any:
    """Return what a stream takes its chunks from, an AsyncChunks, if that is an async iterable, or None."""
    chunks = getattr(stream, "async_chunks", None)
    if chunks is None:
        return None
    from apiroutes.event_loop import AsyncChunks

    return chunks if isinstance(chunks, AsyncChunks) else None
