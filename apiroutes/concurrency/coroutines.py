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
import time
import traceback
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from enum import Enum
from types import CoroutineType, FrameType
from typing import Any, Generic, NoReturn, TypeVar

from apiroutes.concurrency import greenlets
from apiroutes.concurrency.hub_loop import new_event_loop
from apiroutes.concurrency.logging_locks import share_logging
from apiroutes.concurrency.thread_pool import ThreadPool
from apiroutes.errors import ApiError

__all__ = [
    "call_off_the_loop",
    "cancel",
    "configure",
    "coroutine_frames",
    "in_request_thread",
    "iterate",
    "run",
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
    """What the Apps of the process have set: the last one its time-out, any one that blocking is reported."""

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
    if _loop is not None:
        _loop.look()  # the settings may want it looked at more often


def run(awaitable: Awaitable[_Result]) -> _Result:
    """Run an awaitable to its end on the loop, in a copy of the current context, and wait for it."""
    coroutine: Any = awaitable if isinstance(awaitable, CoroutineType) else _wait_for(awaitable)
    try:
        loop = _running_loop()
    except BaseException:
        coroutine.close()
        raise
    waiter = _Waiter()
    try:
        result, error = waiter.wait_for(loop, waiter.start, coroutine)
    except BaseException:
        if not waiter.is_expected:
            coroutine.close()
        raise
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
    ended: asyncio.Future[None] = loop.create_future()
    outcome: list[tuple[Any, BaseException | None]] = []
    context = contextvars.copy_context()

    def call() -> None:
        result, error = None, None
        try:
            result = context.run(function, *arguments)
        except BaseException as raised:
            error = raised
        outcome.append((result, error))
        del result, error  # whose traceback leads here: what leads to itself waits for the collector
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_settle, ended)

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
    result, raised = outcome.pop()
    try:
        if cancellation is not None:
            raise cancellation
        if raised is not None:
            raise raised
    finally:
        del cancellation, raised
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


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def cancel(thread: int) -> bool:
    """Cancel all that a thread waits for; whether it waits for anything.

    A coroutine hears of it when it waits for something in its turn.
    """
    waiters = list(_waiters.get(thread, ()))
    for waiter in waiters:
        waiter.cancel()
    return bool(waiters)


def coroutine_frames(thread: int) -> list[FrameType]:
    """Where the coroutine is that a thread waits for, the outermost frame first; none if there is none."""
    waiters = _waiters.get(thread)
    task = waiters[-1].task if waiters else None
    waiting: Any = None if task is None else task.get_coro()
    if getattr(waiting, "cr_running", False):
        return _running_frames()
    frames: list[FrameType] = []
    while isinstance(waiting, CoroutineType) and waiting.cr_frame is not None and not waiting.cr_running:
        if waiting.cr_code is not _Waiter.main.__code__:
            frames.append(waiting.cr_frame)
        waiting = waiting.cr_await
    return frames


def _running_frames() -> list[FrameType]:
    """What the loop runs now, from the coroutine of a request inward."""
    frames: list[FrameType] = []
    frame = sys._current_frames().get((_loop.thread if _loop is not None else None) or 0)
    while frame is not None and frame.f_code is not _Waiter.main.__code__:
        frames.insert(0, frame)
        frame = frame.f_back
    return frames if frame is not None else []


# -- a thread that waits -----------------------------------------------------------------------

# The waiters of each thread, the outermost first: sync middleware may wait inside an async one.
_waiters: dict[int, list[_Waiter]] = {}
# What the request of the current coroutine waits with.
_current: contextvars.ContextVar[_Waiter] = contextvars.ContextVar("apiroutes.waiter")


class _Waiter:
    """A thread that waits for a task, and calls functions for it meanwhile."""

    __slots__ = ("_has_begun", "_is_cancelled", "_is_over", "_mailbox", "_thread", "is_expected", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.is_expected = False  # by the loop, which is to call something for it
        self._thread = 0
        # Functions to call, and pairs of a result and an error, which end the waiting.
        self._mailbox: Any = greenlets.mailbox()
        self._is_over = False
        self._is_cancelled = False
        self._has_begun = False

    # In the thread that waits.

    def wait_for(
        self, loop: _Loop, function: Callable[..., object], *arguments: Any
    ) -> tuple[Any, BaseException | None]:
        """The next result, once the loop has called a function. Raises ApiError 503."""
        thread = self._thread = greenlets.get_ident()
        waiters = _waiters.get(thread)
        if waiters is None:
            waiters = _waiters[thread] = []
        waiters.append(self)
        try:
            if loop.is_blocked:
                _raise_blocked()
            try:
                loop.call(function, *arguments)
            except RuntimeError:  # it has just ended
                _raise_blocked()
            self.is_expected = True
            while True:
                item = self._mailbox.get()
                if type(item) is tuple:
                    return item
                item()
        except BaseException:  # the server ends what waits here, or the loop is blocked
            self._is_over = True
            self.cancel()
            raise
        finally:
            waiters.pop()
            if not waiters:
                _waiters.pop(thread, None)

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
            with contextlib.suppress(RuntimeError):  # it has ended, and the task with it
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
        main = self.main(coroutine)
        try:
            self.task = asyncio.get_running_loop().create_task(main)
        except BaseException as error:  # a loop that takes no task lets nobody wait for ever
            main.close()
            coroutine.close()
            self._mailbox.put((None, error))

    def start_with(self, function: Callable[[_Waiter], Any]) -> None:
        """Make the task of a coroutine function, which takes this."""
        self.start(function(self))

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
        # What leads to itself waits for the collector: the task has this in its context, and the
        # traceback of the error leads here.
        self.task = None
        self._mailbox.put((result, error))
        del result, error

    def _cancel_task(self) -> None:
        # A task that is cancelled before it begins never runs, and its thread would wait for ever.
        if self.task is not None and self._has_begun:
            self.task.cancel()


# -- async streams -----------------------------------------------------------------------------


def iterate(chunks: AsyncIterable[_Result]) -> Iterator[_Result]:
    """An async iterable as a plain one; closing it closes the other.

    One task takes all of its chunks, each when it is asked for, so that what the iterable holds
    meanwhile (a task group, a time limit, a context variable) is entered and left in one place.
    """
    return _Stream(chunks)


class _Stream(Generic[_Result]):
    def __init__(self, chunks: AsyncIterable[_Result]) -> None:
        self._source = _Source(chunks)
        self._waiter: _Waiter | None = None
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
        self._has_ended = self._source.is_closing = True
        _, error = self._ask()
        if error is not None and not isinstance(error, (StopAsyncIteration, asyncio.CancelledError)):
            try:
                raise error
            finally:
                del error

    def __del__(self) -> None:
        if self._waiter is not None and not self._has_ended:  # by a server that does not close
            self._waiter.cancel()

    def _ask(self) -> tuple[Any, BaseException | None]:
        loop = _running_loop()
        waiter, source = self._waiter, self._source
        if waiter is None:
            waiter = self._waiter = _Waiter()
            call: tuple[Any, ...] = waiter.start_with, source.take
        else:
            call = (source.want,)
        try:
            return waiter.wait_for(loop, *call)
        except BaseException:
            self._has_ended = True
            raise


class _Source(Generic[_Result]):
    """What the loop knows of a stream. It does not keep the stream, which may be forgotten."""

    def __init__(self, chunks: AsyncIterable[_Result]) -> None:
        self._chunks = chunks
        self._is_wanted: asyncio.Event | None = None
        self.is_closing = False

    def want(self) -> None:
        """Take one more chunk, or none and close."""
        if self._is_wanted is not None:
            self._is_wanted.set()

    async def take(self, waiter: _Waiter) -> None:
        """Take chunks as they are wanted. Raises StopAsyncIteration at their end, as `anext` does."""
        self._is_wanted = wanted = asyncio.Event()
        iterator = aiter(self._chunks)
        try:
            while not self.is_closing:
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


class _News(Enum):
    """What the thread that looks after a loop hears."""

    AWAITED = 1  # somebody waits for the loop, for the first time since nobody did
    MOVED = 2  # the loop has come round
    ENDING = 3


class _Loop:
    """An event loop in a thread of its own, and what looks after it."""

    def __init__(self) -> None:
        self.thread: int | None = None
        # Whether nobody is to wait for it: it does not move, or has ended.
        self.is_blocked = False
        self._is_ending = False
        self._is_watched = False
        self._of_parent: set[asyncio.Task[Any]] = set()
        self._news = greenlets.native_queue()
        self._pool = ThreadPool()
        begun = greenlets.native_queue()
        greenlets.start_native_thread(lambda: self._run(begun), "apiroutes-loop")
        made = begun.get()
        if isinstance(made, BaseException):
            raise made
        self._loop: asyncio.AbstractEventLoop = made
        self._call = made.call_soon_threadsafe
        self._ended = greenlets.mailbox()
        try:
            greenlets.start_native_thread(self._watch, "apiroutes-loop-watch")
        except BaseException:
            self._stop()
            raise

    def settle(self) -> None:
        """Have it end when the process does. The current greenlet may let others run meanwhile."""
        share_logging()
        greenlets.start_last_thread(self._end_with_process, "apiroutes-loop-end")

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, in a copy of this context. Raises RuntimeError once it has ended."""
        if not self._is_watched:
            self.look()
        self._call(function, *arguments)

    def _run(self, begun: queue.SimpleQueue[Any]) -> None:
        self.thread = greenlets.native_ident()
        try:
            loop = new_event_loop(self._pool)
        except BaseException as error:
            begun.put(error)
            return
        asyncio.set_event_loop(loop)
        loop.call_soon(begun.put, loop)
        while not self._is_ending:  # which `loop.stop()` in a coroutine does not change
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:  # of a task that nobody waits for
                _log.error("a background task ended with %r", error, exc_info=error)
        try:
            self._clean_up(loop)
        finally:
            self._refuse_waiters()
            asyncio.set_event_loop(None)
            self._ended.put(None)

    def look(self) -> None:
        """Have it looked at whether it moves."""
        self._is_watched = True
        self._news.put(_News.AWAITED)

    def leave_to_parent(self) -> None:
        """Have tasks of the process that this one was forked from neither end nor be missed here.

        The frames of threads that a fork did not take along are never freed, and `_run` is one.
        """
        self._of_parent = asyncio.all_tasks(self._loop)

    # -- its end ---------------------------------------------------------------------------

    def _end_with_process(self) -> None:
        greenlets.join_main_thread()
        self._stop()
        with contextlib.suppress(queue.Empty):
            self._ended.get(timeout=_ENDING + 1)

    def _stop(self) -> None:
        self.is_blocked = self._is_ending = True
        self._pool.expect()
        self._news.put(_News.ENDING)
        self._call(self._loop.stop)

    def _clean_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is left, in order: tasks, async generators, threads, the loop."""
        until = time.monotonic() + _ENDING
        _complete(loop, asyncio.sleep(0))  # what has been asked for begins, so that it can be cancelled
        while (tasks := asyncio.all_tasks(loop)) and time.monotonic() < until:
            for task in tasks:
                task.cancel()
            _complete(loop, asyncio.wait(tasks, timeout=max(0.0, until - time.monotonic())))
        _complete(loop, loop.shutdown_asyncgens())
        self._pool.shutdown()
        self._pool.join(max(0.0, until - time.monotonic()))
        loop.close()

    def _refuse_waiters(self) -> None:
        self.is_blocked = True
        for waiters in list(_waiters.values()):
            for waiter in list(waiters):
                waiter.post(_raise_blocked)

    # -- when it does not move -------------------------------------------------------------

    def _watch(self) -> None:
        """Look at the loop now and then, while somebody waits for it."""
        try:
            while True:
                self._hears(_News.AWAITED)
                while self._is_watched:
                    self._look()
                    self._hears(_News.AWAITED, _HELD / 4 if _settings.reports_blocking else _LOOK)
                    if not _waiters:
                        self._is_watched = False
                        # One that began meanwhile did not see that nobody looks.
                        self._is_watched = bool(_waiters)
        except _Ending:
            self._pool.work()  # for what cleans up

    def _hears(self, news: _News, seconds: float | None = None) -> bool:
        """Whether that is heard within so many seconds. Raises _Ending."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            try:
                heard = self._news.get(timeout=left)
            except queue.Empty:
                return False
            if heard is _News.ENDING:
                raise _Ending
            if heard is news:
                return True

    def _look(self) -> None:
        """Wait until the loop comes round, and say so when it does not. Raises _Ending."""
        try:
            self._call(self._news.put, _News.MOVED)
        except RuntimeError:  # it has ended, which is heard next
            return
        patience = _settings.abandon_timeout
        if _settings.reports_blocking:
            if self._hears(_News.MOVED, _HELD):
                return
            self._report()
            patience -= _HELD
        if self._hears(_News.MOVED, patience):
            return
        self._refuse_waiters()
        if _settings.on_blocked is not None:
            _settings.on_blocked(
                f"the event loop has not moved for {_settings.abandon_timeout:g} s: something on it blocks"
            )
        self._hears(_News.MOVED)
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


class _Ending(Exception):
    """The loop is told to end."""


def _complete(loop: asyncio.AbstractEventLoop, awaitable: Coroutine[Any, Any, object]) -> None:
    """Run one coroutine to its end, whatever others do meanwhile. Raises what it raises."""
    task = loop.create_task(awaitable)
    while not task.done():
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # of another task, or that it was stopped
            if task.done():
                raise
            _log.error("a background task ended with %r", error, exc_info=error)


def _raise_blocked() -> NoReturn:
    raise ApiError(503, "Service Unavailable")


_loop: _Loop | None = None
_starting = greenlets.native_lock()


def _running_loop() -> _Loop:
    """The loop, started if need be. Raises RuntimeError on the loop itself."""
    global _loop
    loop = _loop
    if loop is None:
        with _starting:
            is_new = _loop is None
            loop = _loop = _loop or _Loop()
        if is_new:
            loop.settle()
    if loop.thread == greenlets.native_ident():
        raise RuntimeError(
            "a coroutine called something that waits for the event loop that it runs on, and would wait "
            "for ever: `await` what is asynchronous, and `await asyncio.to_thread(...)` what is not"
        )
    return loop


def _forget() -> None:
    """A fork takes no threads along."""
    global _loop, _starting
    if _loop is not None:
        _loop.leave_to_parent()
    _loop = None
    _starting = greenlets.native_lock()
    _waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
