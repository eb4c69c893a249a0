"""Calls between a request's thread and its coroutine, in either direction.

`apiroutes.concurrency.coroutines` says what they do; code of other rooms calls them there.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from types import CoroutineType, FrameType
from typing import Any, TypeVar

from apiroutes.event_loop.waiters import Waiter, running_loop
from apiroutes.threads import native_threads, waiting

__all__ = ["Call", "call_soon_in_thread", "in_request_thread", "run"]

_Result = TypeVar("_Result")


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


# -- from a coroutine to its request's thread --------------------------------------------------


async def in_request_thread(
    function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], object] | None = None
) -> _Result:
    """Call a plain function in the thread that waits for the current request, in this context.

    A cancellation calls `on_cancel`, cancels the coroutines that the function waits for, and is raised
    when the function has ended. Where no thread waits, the function gets one of its own.
    """
    waiter = waiting.current_waiter.get(None)
    call = Call(contextvars.copy_context() if waiter is None else waiter.context(), function, arguments)
    if waiter is None or not waiter.post(call):
        waiter = None
        asyncio.get_running_loop().run_in_executor(None, call)
    cancellation = await _end_of(call.ended, waiter, on_cancel)
    try:
        if cancellation is not None:
            call.forget()
            raise cancellation
    finally:
        del cancellation
    result: _Result = call.result()
    return result


class Call:
    """A call of a function in a context, for a thread to make, and its outcome for a coroutine.

    `ended` is a future of the loop that runs; `result` may be asked for once it is done.
    """

    def __init__(
        self, context: contextvars.Context, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self._context = context
        self._function = function
        self._arguments = arguments
        self._loop = asyncio.get_running_loop()
        self._outcome: list[tuple[Any, BaseException | None]] = []
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._find_frame: Callable[[], FrameType | None] = lambda: None  # until it begins

    def __call__(self) -> None:
        self._find_frame = native_threads.frame_finder()
        try:
            self._outcome.append((self._context.run(self._function, *self._arguments), None))
        except BaseException as error:
            self._outcome.append((None, error))
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._settle)

    def current_frames(self) -> list[FrameType]:
        """Return where the thread is now, from the function inward; [] if it is not called now."""
        frames: list[FrameType] = []
        frame = self._find_frame()
        while frame is not None and frame.f_code is not Call.__call__.__code__:
            frames.insert(0, frame)
            frame = frame.f_back
        return frames if frame is not None and frame.f_locals.get("self") is self else []

    def _settle(self) -> None:
        if self.ended.done():  # nobody waits any more
            self.forget()
        else:
            self.ended.set_result(None)

    def forget(self) -> None:
        """Drop the outcome, whose error's traceback leads here: a cycle would wait for the collector."""
        self._outcome.clear()

    def result(self) -> Any:
        """Return the function's result, once. Raises its error."""
        returned, raised = self._outcome.pop()
        try:
            if raised is not None:
                raise raised
        finally:
            del raised  # whose traceback leads here: a cycle would wait for the collector
        return returned


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


def call_soon_in_thread(function: Callable[[], object]) -> None:
    """Call a function that does not raise soon in the request's own thread.

    It is called before the thread takes the coroutine's result.
    """
    waiter = waiting.current_waiter.get(None)
    if waiter is None or not waiter.post_in_context(function):
        asyncio.get_running_loop().run_in_executor(None, function)
