"""Coroutines beside WSGI's threads: one event loop for the process, in a thread of its own.

In: a coroutine or another awaitable. Out: what it returns, for the thread that waits for it. Raises
what it raises, ApiError 503 while the loop is blocked, and RuntimeError in a thread that would wait
for itself. A client, a pool, a lock or a task that one request makes works in every other.

The loop starts with the first coroutine after a fork, and ends after the main thread. A coroutine has
a copy of its request's context. A plain function that it has to wait for, such as sync middleware
between async ones, runs in the request's own thread, never on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import queue
import sys
import threading
import traceback
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from types import CoroutineType, FrameType
from typing import Any, Generic, TypeVar

from apiroutes import greenlets
from apiroutes.errors import ApiError

__all__ = [
    "call_off_the_loop",
    "cancel",
    "configure",
    "in_request_thread",
    "iterate",
    "run",
    "suspended_frames",
]

_log = logging.getLogger("apiroutes")

_Result = TypeVar("_Result")

# Seconds between two looks at the loop while somebody waits for it.
_LOOK = 1.0
# Seconds for which the loop may be held in development before it is said where.
_HELD = 0.1
# Seconds for tasks to end once they have been cancelled, when the process ends.
_ENDING = 5.0


class _Settings:
    """What the Apps of the process have set; the most careful one counts."""

    abandon_timeout = 30.0  # seconds
    reports_blocking = False
    # Called with a reason when the loop has not moved for `abandon_timeout`.
    on_blocked: Callable[[str], object] | None = None


_settings = _Settings()


def configure(*, abandon_timeout: float, reports_blocking: bool, on_blocked: Callable[[str], object]) -> None:
    """Say when a loop that does not move counts as blocked, in seconds, and what is done then."""
    _settings.abandon_timeout = abandon_timeout
    _settings.reports_blocking = _settings.reports_blocking or reports_blocking
    _settings.on_blocked = on_blocked


def run(awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable to its end on the loop, in a copy of the current context, and wait for it."""
    coroutine: Any = awaitable if isinstance(awaitable, CoroutineType) else _wait_for(awaitable)
    try:
        loop = _running_loop()
    except BaseException:
        coroutine.close()
        raise
    waiter = _Waiter()
    with _waiting(waiter):
        loop.call(waiter.start, coroutine)
        result, error = waiter.wait()
    if error is None:
        found: _Result = result
        return found
    try:
        raise error
    finally:
        del error  # whose traceback leads here: what leads to itself waits for the collector


async def _wait_for(awaitable: Awaitable[_Result]) -> _Result:
    return await awaitable


async def in_request_thread(
    function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], object] | None = None
) -> _Result:
    """Call a plain function in the thread that waits for the current request, in this context.

    A cancellation calls `on_cancel`, cancels what the function waits for in its turn, and comes
    through when the function has ended. Where no thread waits, the function gets one of its own.
    """
    waiter = _current.get(None)
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def call() -> None:
        result, error = None, None
        try:
            result = context.run(function, *arguments)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, ended, (result, error))

    if waiter is None or not waiter.post(call):
        waiter = None
        loop.run_in_executor(None, call)
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
    result, raised = ended.result()
    if cancellation is not None:
        raise cancellation
    if raised is not None:
        raise raised
    found: _Result = result
    return found


def call_off_the_loop(function: Callable[[], object]) -> None:
    """Call a function that does not raise here, or, on an event loop, soon in the request's own thread.

    A coroutine's result comes after it.
    """
    if asyncio._get_running_loop() is None:
        function()
        return
    waiter = _current.get(None)
    if waiter is None or not waiter.post(function):
        asyncio.get_running_loop().run_in_executor(None, function)


def _settle(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


def cancel(thread: int) -> bool:
    """Cancel all that a thread waits for; whether it waits for anything.

    A coroutine hears of it when it waits for something in its turn.
    """
    waiters = list(_waiters.get(thread, ()))
    for waiter in waiters:
        waiter.cancel()
    return bool(waiters)


def suspended_frames(thread: int) -> list[FrameType]:
    """Where the coroutine that a thread waits for waits, the outermost first; none if it does not."""
    waiters = _waiters.get(thread)
    task = waiters[-1].task if waiters else None
    waiting: Any = None if task is None else task.get_coro()
    frames: list[FrameType] = []
    while isinstance(waiting, CoroutineType) and waiting.cr_frame is not None and not waiting.cr_running:
        if waiting.cr_code is not _Waiter.main.__code__:
            frames.append(waiting.cr_frame)
        waiting = waiting.cr_await
    return frames


# -- a thread that waits -----------------------------------------------------------------------

# The waiters of each thread, the outermost first: sync middleware may wait inside an async one.
_waiters: dict[int, list[_Waiter]] = {}
# What the request of the current coroutine waits with.
_current: contextvars.ContextVar[_Waiter] = contextvars.ContextVar("apiroutes.waiter")


class _Waiter:
    """A thread that waits for a task, and calls functions for it meanwhile."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._thread = greenlets.get_ident()
        # Functions to call, and pairs of a result and an error, which end the waiting.
        self._mailbox: Any = greenlets.mailbox() if greenlets.are_threads() else queue.SimpleQueue()
        self._is_over = False
        self._is_cancelled = False
        self._has_begun = False

    # In the thread that waits.

    def wait(self) -> tuple[Any, BaseException | None]:
        """The next result."""
        try:
            while True:
                item = self._mailbox.get()
                if type(item) is tuple:
                    return item
                item()
        except BaseException:  # the server ends what waits here, or the loop is blocked
            self._is_over = True
            self.cancel()
            raise

    # In any thread.

    def post(self, item: object) -> bool:
        """Give the thread something to call, or a result; False when nobody waits any more."""
        if self._is_over:
            return False
        self._mailbox.put(item)
        return True

    def cancel(self) -> None:
        """Cancel the task, now or as soon as it begins."""
        self._is_cancelled = True
        loop = _loop
        if loop is not None:
            loop.call(self._cancel_task)

    def cancel_inside(self) -> None:
        """Cancel what the thread waits for inside of this."""
        waiters = _waiters.get(self._thread, [])
        for waiter in waiters[waiters.index(self) + 1 :] if self in waiters else ():
            waiter.cancel()

    # On the loop.

    def start(self, coroutine: Any) -> None:
        """Make the task."""
        _current.set(self)
        self.task = asyncio.get_running_loop().create_task(self.main(coroutine))

    async def main(self, coroutine: Any) -> None:
        """Await the coroutine. No exception comes out: SystemExit, say, would end the loop."""
        result, error = None, None
        self._has_begun = True
        try:
            if self._is_cancelled:
                coroutine.close()
                raise asyncio.CancelledError
            result = await coroutine
        except BaseException as raised:
            error = raised
        self._mailbox.put((result, error))

    def _cancel_task(self) -> None:
        # A task that is cancelled before it begins never runs, and its thread would wait for ever.
        if self.task is not None and self._has_begun:
            self.task.cancel()


@contextlib.contextmanager
def _waiting(waiter: _Waiter) -> Iterator[None]:
    """Let others find what this thread waits for."""
    thread = greenlets.get_ident()
    waiters = _waiters.setdefault(thread, [])
    waiters.append(waiter)
    try:
        yield
    finally:
        waiters.pop()
        if not waiters:
            _waiters.pop(thread, None)


# -- async streams -----------------------------------------------------------------------------


def iterate(chunks: AsyncIterable[_Result]) -> Iterator[_Result]:
    """An async iterable as a plain one; closing it closes the other.

    One task takes all of its chunks, each when it is asked for, so that what the iterable holds
    meanwhile (a task group, a time limit, a context variable) is entered and left in one place.
    """
    return _Stream(chunks)


class _Stream(Generic[_Result]):
    def __init__(self, chunks: AsyncIterable[_Result]) -> None:
        self._chunks = chunks
        self._waiter: _Waiter | None = None
        self._is_wanted: asyncio.Event | None = None
        self._is_closing = False
        self._has_ended = False

    def __iter__(self) -> _Stream[_Result]:
        return self

    def __next__(self) -> _Result:
        if self._has_ended:
            raise StopIteration
        chunk, error = self._ask()
        if error is not None:
            self._has_ended = True
            try:
                if isinstance(error, StopAsyncIteration):
                    raise StopIteration
                raise error
            finally:
                del error
        found: _Result = chunk
        return found

    def close(self) -> None:
        """Close the iterable, in the task that took its chunks."""
        if self._waiter is None or self._has_ended:
            return
        self._has_ended = self._is_closing = True
        _, error = self._ask()
        if error is not None and not isinstance(error, (StopAsyncIteration, asyncio.CancelledError)):
            try:
                raise error
            finally:
                del error

    def _ask(self) -> tuple[Any, BaseException | None]:
        loop = _running_loop()
        if self._waiter is None:
            waiter = self._waiter = _Waiter()
            begin: Callable[[], object] = lambda: waiter.start(self._take())  # noqa: E731
        else:
            waiter = self._waiter
            begin = self._want
        with _waiting(waiter):
            loop.call(begin)
            try:
                return waiter.wait()
            except BaseException:
                self._has_ended = True
                raise

    # On the loop.

    def _want(self) -> None:
        if self._is_wanted is not None:
            self._is_wanted.set()

    async def _take(self) -> None:
        """Take chunks as they are wanted. Raises StopAsyncIteration at their end, as `anext` does."""
        waiter = self._waiter
        assert waiter is not None
        self._is_wanted = wanted = asyncio.Event()
        iterator = aiter(self._chunks)
        try:
            while not self._is_closing:
                waiter.post((await anext(iterator), None))
                await wanted.wait()
                wanted.clear()
        except StopAsyncIteration:
            pass
        finally:
            if isinstance(iterator, AsyncIterator) and hasattr(iterator, "aclose"):
                await iterator.aclose()
        waiter.post((None, StopAsyncIteration()))


# -- the loop ----------------------------------------------------------------------------------


class _Loop:
    """An event loop in a thread of its own, and what looks after it."""

    def __init__(self) -> None:
        self._loop = greenlets.new_event_loop() if greenlets.are_threads() else asyncio.new_event_loop()
        self.thread: int | None = None
        self.is_blocked = False
        self._has_begun = greenlets.native_event()
        self._has_ended = greenlets.native_event()
        self._is_awaited = greenlets.native_event()
        greenlets.start_native_thread(self._run, "apiroutes-loop", daemon=True)
        self._has_begun.wait()
        greenlets.start_native_thread(self._watch, "apiroutes-loop-watch", daemon=True)
        # Threads that are not daemons end before the process does, this one after the main thread.
        greenlets.start_native_thread(self._end_with_process, "apiroutes-loop-end", daemon=False)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, in a copy of this context."""
        if not self._is_awaited.is_set():
            self._is_awaited.set()
        self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        self.thread = greenlets.native_ident()
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._has_begun.set)
        try:
            while not self._loop.is_closed():
                try:
                    self._loop.run_forever()
                    break
                except (SystemExit, KeyboardInterrupt) as error:  # of a task that nobody waits for
                    _log.error("a background task ended with %r", error, exc_info=error)
            self._clean_up()
        finally:
            self._has_ended.set()

    def _clean_up(self) -> None:
        """End what is left, in order: tasks, async generators, the executor, the loop."""
        loop = self._loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=_ENDING))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _end_with_process(self) -> None:
        greenlets.main_thread_join()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._has_ended.wait(_ENDING + 1)

    # -- a loop that does not move ---------------------------------------------------------

    def _watch(self) -> None:
        while not self._has_ended.is_set():
            self._is_awaited.wait()
            self._look()
            if self._has_ended.wait(_HELD if _settings.reports_blocking else _LOOK):
                return
            if not _waiters:
                self._is_awaited.clear()
                if _waiters:  # one that began meanwhile did not see that nobody looks
                    self._is_awaited.set()

    def _look(self) -> None:
        """Wait until the loop moves, and say so when it does not."""
        moves = greenlets.native_event()
        try:
            self._loop.call_soon_threadsafe(moves.set)
        except RuntimeError:  # it was closed
            return
        if _settings.reports_blocking and not moves.wait(_HELD):
            self._report()
        if moves.wait(_settings.abandon_timeout):
            return
        self._give_up()
        moves.wait()
        self.is_blocked = False

    def _report(self) -> None:
        frame = sys._current_frames().get(self.thread or 0)
        where = "".join(traceback.format_stack(frame)[-3:]) if frame is not None else ""
        _log.warning(
            "The event loop has been held for %d ms; every other coroutine waits for it. "
            "Await asyncio.to_thread(...) for what blocks. It is here:\n%s",
            _HELD * 1000,
            where.rstrip(),
        )

    def _give_up(self) -> None:
        self.is_blocked = True
        if _settings.on_blocked is not None:
            _settings.on_blocked(
                f"the event loop has not moved for {_settings.abandon_timeout:g} s: something on it blocks"
            )
        for waiters in list(_waiters.values()):
            for waiter in list(waiters):
                waiter.post(_raise_blocked)


def _raise_blocked() -> None:
    raise ApiError(503, "Service Unavailable")


_loop: _Loop | None = None
_starting = threading.Lock()


def _running_loop() -> _Loop:
    """The loop, started if need be. Raises ApiError 503, and RuntimeError on the loop itself."""
    global _loop
    loop = _loop
    if loop is None:
        with _starting:
            loop = _loop = _loop or _Loop()
    if loop.thread == greenlets.native_ident():
        raise RuntimeError(
            "a coroutine called something that waits for the event loop that it runs on, and would wait "
            "for ever: `await` what is asynchronous, and `await asyncio.to_thread(...)` what is not"
        )
    if loop.is_blocked:
        _raise_blocked()
    return loop


def _forget() -> None:
    """A fork takes no threads along."""
    global _loop, _starting
    _loop = None
    _starting = threading.Lock()
    _waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
