"""Calls between a request's thread and its coroutine, in either direction.

`apiroutes.concurrency.coroutines` says what they do; code of other rooms calls them there.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from types import CoroutineType
from typing import Any, TypeVar

from apiroutes.event_loop.waiters import Waiter, running_loop
from apiroutes.threads import waiting

__all__ = ["call_soon_in_thread", "in_request_thread", "run"]

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


def call_soon_in_thread(function: Callable[[], object]) -> None:
    """Call a function that does not raise soon in the request's own thread.

    It is called before the thread takes the coroutine's result.
    """
    waiter = waiting.current_waiter.get(None)
    if waiter is None or not waiter.post_in_context(function):
        asyncio.get_running_loop().run_in_executor(None, function)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
