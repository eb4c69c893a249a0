"""Tasks of requests: where one is now, and one that goes on when its request is over.

In: a waiter, a coroutine or a task. Out: frames and tracebacks.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, FrameType, TracebackType
from typing import Any

from apiroutes.event_loop.calls import in_request_thread
from apiroutes.event_loop.waiters import Waiter
from apiroutes.threads import traceback_of

__all__ = ["AbandonedTask", "end_or_event", "frames_awaited_by", "is_being_cancelled"]


def frames_awaited_by(waiter: Waiter) -> list[FrameType]:
    """Return the frames of the coroutine that a thread waits for, the outermost first."""
    coroutine: Any = None if waiter.task is None else waiter.task.get_coro()
    if getattr(coroutine, "cr_running", False):
        return _running_frames(waiter)
    return _waiting_frames(coroutine)


def _waiting_frames(coroutine: Any) -> list[FrameType]:
    """Return the frames of a coroutine that waits, the outermost first, and of what it waits for."""
    frames: list[FrameType] = []
    while True:
        frame = _waiting_frame(coroutine)
        if frame is None:
            return frames
        code = frame.f_code
        if code is end_or_event.__code__:
            coroutine = frame.f_locals["task"].get_coro()
            continue
        if code is not Waiter.main.__code__:
            frames.append(frame)
        if code is in_request_thread.__code__ and (call := frame.f_locals.get("call")) is not None:
            inside: list[FrameType] = call.current_frames()
            if inside:
                return frames + inside
        is_coroutine = isinstance(coroutine, CoroutineType)
        awaited = coroutine.cr_await if is_coroutine else coroutine.ag_await
        if not isinstance(awaited, CoroutineType):  # as `anext` returns it, which does not tell of what
            generators = [value for value in frame.f_locals.values() if isinstance(value, AsyncGeneratorType)]
            awaited = next((generator for generator in generators if generator.ag_running), awaited)
        coroutine = awaited


def _waiting_frame(coroutine: Any) -> FrameType | None:
    """Return the frame of a coroutine, or of an async generator, unless it is executed now."""
    if isinstance(coroutine, CoroutineType):
        return None if coroutine.cr_running else coroutine.cr_frame
    return coroutine.ag_frame if isinstance(coroutine, AsyncGeneratorType) else None


def _running_frames(waiter: Waiter) -> list[FrameType]:
    """Return the frames that the loop executes now, from the coroutine of a request inward."""
    frames: list[FrameType] = []
    thread = waiter.loop.thread if waiter.loop is not None else None
    frame = sys._current_frames().get(thread or 0)
    while frame is not None and frame.f_code is not Waiter.main.__code__:
        frames.insert(0, frame)
        frame = frame.f_back
    return frames if frame is not None else []


async def end_or_event(task: asyncio.Task[Any], event: asyncio.Future[Any]) -> BaseException | None:
    """Wait until a task has ended, or a future is done. Cancellations are the task's; return the last one."""
    cancellation: BaseException | None = None
    while not (task.done() or event.done()):
        try:
            await asyncio.wait((task, event), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            cancellation = error
            task.cancel()
    try:
        return cancellation
    finally:
        del cancellation  # whose traceback leads here: a cycle would wait for the collector


def is_being_cancelled() -> bool:
    """Return whether a CancelledError ends the current task, rather than one that it awaits.

    Before Python 3.11 tasks do not tell, and it counts as the current one's.
    """
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is None or cancelling() > 0


class AbandonedTask:
    """A task on an event loop whose request is over."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._task.done()

    def current_traceback(self) -> TracebackType | None:
        """Return where the task waits, as a traceback from its coroutine inward."""
        return traceback_of(_waiting_frames(self._task.get_coro()))

    def end(self) -> None:
        """Cancel it. On its loop."""
        self._task.add_done_callback(_ignore_result)
        self._task.cancel()

    def call_at_end(self, function: Callable[[], object]) -> None:
        """Have a function called once when it has ended. On its loop."""
        self._task.add_done_callback(lambda task: function())


def _ignore_result(task: asyncio.Task[Any]) -> None:
    """Look at the error, which asyncio would report because nobody has."""
    if not task.cancelled():
        task.exception()
