"""asyncio's event loop in a native thread of its own, from its start to its end.

In: functions to call on it. Out: their effects. Raises RuntimeError once it has ended.
It ends after the main thread: tasks, async generators and the threads of its pool end first, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import time
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from apiroutes.event_loop.hub_loop import new_event_loop
from apiroutes.event_loop.logging_locks import share_logging
from apiroutes.event_loop.thread_pool import ThreadPool
from apiroutes.threads import native_threads, process_end

__all__ = ["AwaitedLoop", "Loop", "News"]

_log = logging.getLogger("apiroutes")

# Seconds for tasks to end once they have been cancelled, when the process ends.
_ENDING = 5.0


class News(Enum):
    """What a loop tells its watchdog."""

    AWAITED = 1  # a thread waits for the loop, the first after a time without any
    MOVED = 2  # the loop has come round
    ENDING = 3


class AwaitedLoop:
    """An event loop that threads wait for.

    `refuse` is called with it when no thread can wait for it any more. Its watchdog sets `is_blocked` and
    `is_watched`. `call_now` calls a function on it without having it watched.
    """

    call_now: Callable[..., object]

    def __init__(self, refuse: Callable[[AwaitedLoop], object]) -> None:
        self.thread: int | None = None
        # Whether no thread may wait for it, because it does not move, or has ended.
        self.is_blocked = False
        self.is_watched = False
        self._refuse = refuse

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the loop, in a copy of this context. Raises RuntimeError once it has ended."""
        if not self.is_watched:
            self.watch()
        self.call_now(function, *arguments)

    def watch(self) -> None:
        """Have a watchdog check whether it moves."""
        raise NotImplementedError

    def has_ended(self) -> bool:
        """Return whether it has ended, without having refused its waiters."""
        return False

    def refuse_waiters(self) -> None:
        """Refuse all waiters, now and later."""
        self.is_blocked = True
        self._refuse(self)


class Loop(AwaitedLoop):
    """The process's own event loop and its thread.

    Its watchdog hears `news`, and works in the `pool` at the end.
    """

    def __init__(self, refuse: Callable[[AwaitedLoop], object]) -> None:
        super().__init__(refuse)
        self.news = native_threads.native_queue()
        self.pool = ThreadPool()
        self._is_ending = False
        self._of_parent: set[asyncio.Task[Any]] = set()
        begun = native_threads.native_queue()
        native_threads.start_native_thread(lambda: self._run(begun), "apiroutes-loop")
        loop = begun.get()
        if isinstance(loop, BaseException):
            raise loop
        self._loop: asyncio.AbstractEventLoop = loop
        self.call_now = loop.call_soon_threadsafe
        self._ended = native_threads.mailbox()

    def settle(self) -> None:
        """Let it end when the process does. The current greenlet may let others run meanwhile."""
        share_logging()
        process_end.call_at_end(self._end_with_process, last=True)

    def watch(self) -> None:
        self.is_watched = True
        self.news.put(News.AWAITED)

    def leave_to_parent(self) -> None:
        """Keep the parent's tasks in a forked process, so that none is ended or reported as destroyed here.

        The frames of threads that a fork did not take along are never freed, and `_run` is one.
        """
        self._of_parent = asyncio.all_tasks(self._loop)

    def _run(self, begun: queue.SimpleQueue[Any]) -> None:
        self.thread = native_threads.native_ident()
        try:
            loop = new_event_loop(self.pool)
        except BaseException as error:
            begun.put(error)
            return
        asyncio.set_event_loop(loop)
        loop.call_soon(begun.put, loop)
        while not self._is_ending:  # which `loop.stop()` in a coroutine does not change
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:  # of a task that nobody waits for
                # Record: A task that a coroutine has started raises SystemExit or KeyboardInterrupt; the
                # event loop continues.
                _log.error("a background task ended with %r", error, exc_info=error)
        try:
            self._clean_up(loop)
        finally:
            self.refuse_waiters()
            asyncio.set_event_loop(None)
            self._ended.put(None)

    # -- its end ---------------------------------------------------------------------------

    def _end_with_process(self) -> None:
        self.stop()
        with contextlib.suppress(queue.Empty):
            self._ended.get(timeout=_ENDING + 1)

    def stop(self) -> None:
        """End it, and let its watchdog run blocking functions for the tasks that clean up."""
        self.is_blocked = self._is_ending = True
        self.pool.expect()
        self.news.put(News.ENDING)
        self.call_now(self._loop.stop)

    def _clean_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the rest, in order: tasks, async generators, threads, the loop."""
        until = time.monotonic() + _ENDING
        _complete(loop, asyncio.sleep(0))  # tasks that were asked for begin, so that they can be cancelled
        while (tasks := asyncio.all_tasks(loop)) and time.monotonic() < until:
            for task in tasks:
                task.cancel()
            _complete(loop, asyncio.wait(tasks, timeout=max(0.0, until - time.monotonic())))
        _complete(loop, loop.shutdown_asyncgens())
        self.pool.shutdown()
        self.pool.join(max(0.0, until - time.monotonic()))
        loop.close()


def _complete(loop: asyncio.AbstractEventLoop, awaitable: Coroutine[Any, Any, object]) -> None:
    """Run one coroutine to its end, whatever the others do meanwhile. Raises its errors."""
    task = loop.create_task(awaitable)
    while not task.done():
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # of another task, or that it was stopped
            if task.done():
                raise
            _log.error("a background task ended with %r", error, exc_info=error)
