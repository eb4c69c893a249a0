"""Coroutines beside WSGI's threads, on the one event loop of the process.

In: a coroutine or another awaitable. Out: its result, for the thread that waits for it. Raises its
error, ApiError 503 while the loop is blocked, and RuntimeError in a thread that would wait for itself.
A client, a pool, a lock or a task that one request creates works in every other. A coroutine has a copy
of its request's context. A plain function that it has to wait for, such as sync middleware between async
ones, runs in the request's own thread, never on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
from collections.abc import Awaitable, Callable
from types import CoroutineType, FrameType
from typing import Any, TypeVar

from apiroutes.concurrency import watchdog
from apiroutes.concurrency.async_streams import iterate
from apiroutes.concurrency.waiters import (
    Waiter,
    current_waiter,
    running_loop,
    waiters_of,
    watch_loop,
)

__all__ = [
    "call_off_the_loop",
    "cancel",
    "configure",
    "coroutine_frames",
    "in_request_thread",
    "iterate",
    "run",
    "waiting_frames",
]

_Result = TypeVar("_Result")


def configure(*, abandon_timeout: float, reports_blocking: bool, on_blocked: Callable[[str], object]) -> None:
    """Set how many seconds a loop may stand still before it counts as blocked, and what is called then."""
    watchdog.settings.abandon_timeout = abandon_timeout
    watchdog.settings.reports_blocking = watchdog.settings.reports_blocking or reports_blocking
    watchdog.settings.on_blocked = on_blocked
    watch_loop()


def run(awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable to its end on the loop, in a copy of the current context, and wait for it."""
    coroutine: Any = awaitable if isinstance(awaitable, CoroutineType) else _wait_for(awaitable)
    try:
        loop = running_loop()
    except BaseException:
        coroutine.close()
        raise
    waiter = Waiter()
    try:
        outcome, error = waiter.wait_for(loop, waiter.start, coroutine)
    except BaseException:
        if waiter.is_expected:
            waiter.close_unless_started(loop, coroutine)
        else:
            coroutine.close()
        raise
    if error is None:
        result: _Result = outcome
        return result
    try:
        raise error
    finally:
        del error  # whose traceback leads here: a cycle would wait for the collector


async def _wait_for(awaitable: Awaitable[_Result]) -> _Result:
    return await awaitable


def cancel(thread: int) -> bool:
    """Cancel everything that a thread waits for; return whether it waits for anything.

    A coroutine notices when it next awaits.
    """
    waiters = waiters_of(thread)
    for waiter in waiters:
        waiter.cancel()
    return bool(waiters)


# -- from a coroutine to its request's thread --------------------------------------------------


async def in_request_thread(
    function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], object] | None = None
) -> _Result:
    """Call a plain function in the thread that waits for the current request, in this context.

    A cancellation calls `on_cancel`, cancels the coroutines that the function waits for, and is raised
    when the function has ended. Where no thread waits, the function gets one of its own.
    """
    waiter = current_waiter.get(None)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    outcome: list[tuple[Any, BaseException | None]] = []
    context = contextvars.copy_context() if waiter is None else waiter.context()

    def call() -> None:
        outcome.append(_outcome_of(context, function, arguments))
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, ended)

    if waiter is None or not waiter.post(call):
        waiter = None
        loop.run_in_executor(None, call)
    cancellation = await _end_of(ended, waiter, on_cancel)
    returned, raised = outcome.pop()
    try:
        if cancellation is not None:
            raise cancellation
        if raised is not None:
            raise raised
    finally:
        del cancellation, raised
    result: _Result = returned
    return result


def _outcome_of(
    context: contextvars.Context, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Any, BaseException | None]:
    """Call a function in a context; return its result and its error, one of them None."""
    try:
        return context.run(function, *arguments), None
    except BaseException as error:
        return None, error


async def _end_of(
    ended: asyncio.Future[None], waiter: Any, on_cancel: Callable[[], object] | None
) -> BaseException | None:
    """Wait for the end of a function in spite of cancellations; return the first of them."""
    cancellation: BaseException | None = None
    while not ended.done():
        try:
            await asyncio.wait((ended,))
        except asyncio.CancelledError as error:
            if cancellation is None:
                cancellation = error
                if on_cancel is not None:
                    on_cancel()
            if waiter is not None:
                waiter.cancel_inside()
    try:
        return cancellation
    finally:
        del cancellation  # whose traceback leads here: a cycle would wait for the collector


def call_off_the_loop(function: Callable[[], object]) -> None:
    """Call a function that does not raise here, or, on an event loop, soon in the request's own thread.

    There it is called before the thread takes the coroutine's result.
    """
    if asyncio._get_running_loop() is None:
        function()
        return
    waiter = current_waiter.get(None)
    if waiter is None or not waiter.post(function):
        asyncio.get_running_loop().run_in_executor(None, function)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


# -- where a coroutine is ----------------------------------------------------------------------


def coroutine_frames(thread: int) -> list[FrameType]:
    """Return the frames of the coroutine that a thread waits for, the outermost first; [] without one."""
    waiters = waiters_of(thread)
    task = waiters[-1].task if waiters else None
    waiting: Any = None if task is None else task.get_coro()
    if getattr(waiting, "cr_running", False):
        return _running_frames(waiters[-1])
    return waiting_frames(waiting)


def waiting_frames(waiting: Any) -> list[FrameType]:
    """Return the frames of a coroutine that waits, the outermost first."""
    frames: list[FrameType] = []
    while isinstance(waiting, CoroutineType) and waiting.cr_frame is not None and not waiting.cr_running:
        if waiting.cr_code is not Waiter.main.__code__:
            frames.append(waiting.cr_frame)
        waiting = waiting.cr_await
    return frames


def _running_frames(waiter: Waiter) -> list[FrameType]:
    """Return the frames that the loop executes now, from the coroutine of a request inward."""
    frames: list[FrameType] = []
    thread = waiter.loop.thread if waiter.loop is not None else None
    frame = sys._current_frames().get(thread or 0)
    while frame is not None and frame.f_code is not Waiter.main.__code__:
        frames.insert(0, frame)
        frame = frame.f_back
    return frames if frame is not None else []
