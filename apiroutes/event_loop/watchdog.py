"""A watch over the event loop: whether it moves while a thread waits for it.

In: a loop, and how long it may block. Out: 503 for the waiters of a blocked loop, the reason given to
`on_blocked`, and in development a warning with the place where it is blocked.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import selectors
import sys
import time
import traceback
from collections.abc import Callable

from apiroutes.event_loop.loop import AwaitedLoop, Loop, News
from apiroutes.threads import native_threads, waiting

__all__ = ["watch", "watch_while"]

_log = logging.getLogger("apiroutes")

# Seconds between two checks of the loop while a thread waits for it.
_INTERVAL = 1.0
# Seconds for which the loop may be blocked in development before a warning says where.
_BLOCKED = 0.1


def watch(loop: Loop, is_awaited: Callable[[], bool]) -> None:
    """Start a thread that checks the loop while it is awaited. Raises RuntimeError if it cannot start."""

    def run() -> None:
        try:
            while True:
                watchdog.hears(News.AWAITED)
                watchdog.check_while_awaited()
        except _Ending:
            loop.pool.work()  # for tasks that clean up

    watchdog = _Watchdog(loop, is_awaited, loop.news)
    native_threads.start_native_thread(run, "apiroutes-loop-watch")


def watch_while(loop: AwaitedLoop, is_awaited: Callable[[], bool]) -> None:
    """Start a thread that checks a server's loop, until nothing awaits it or it has ended."""

    def run() -> None:
        with contextlib.suppress(_Ending):
            watchdog.check_while_awaited()

    watchdog = _Watchdog(loop, is_awaited, native_threads.native_queue())
    native_threads.start_native_thread(run, "apiroutes-loop-watch")


class _Watchdog:
    """Checks whether a loop moves."""

    def __init__(
        self, loop: AwaitedLoop, is_awaited: Callable[[], bool], news: queue.SimpleQueue[News]
    ) -> None:
        self._loop = loop
        self._is_awaited = is_awaited
        self._news = news

    def check_while_awaited(self) -> None:
        """Check the loop at intervals, while anything awaits it. Raises _Ending."""
        loop = self._loop
        while loop.is_watched:
            self._check()
            self.hears(News.AWAITED, _BLOCKED / 4 if waiting.settings.reports_blocking else _INTERVAL)
            if not self._is_awaited():
                loop.is_watched = False
                # A waiter that began meanwhile did not see that the watch had ended.
                loop.is_watched = self._is_awaited()

    def hears(self, news: News, seconds: float | None = None) -> bool:
        """Wait for a piece of news; return whether it came within so many seconds. Raises _Ending."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            try:
                heard = self._news.get(timeout=left)
            except queue.Empty:
                return False
            if heard is News.ENDING:
                raise _Ending
            if heard is news:
                return True

    def _check(self) -> None:
        """Wait until the loop comes round, and act when it does not. Raises _Ending."""
        loop = self._loop
        try:
            loop.call_now(self._news.put, News.MOVED)
        except RuntimeError:  # it has ended, which is heard next, but for a server's loop
            if isinstance(loop, Loop):
                return
            raise _Ending from None
        patience = waiting.settings.abandon_timeout
        if waiting.settings.reports_blocking:
            if self.hears(News.MOVED, _BLOCKED):
                return
            self._report()
            patience -= _BLOCKED
        if self.hears(News.MOVED, patience):
            return
        loop.refuse_waiters()
        if waiting.settings.on_blocked is not None:
            waiting.settings.on_blocked(
                f"the event loop has been blocked for {waiting.settings.abandon_timeout:g} s by a call on it"
            )
        self.hears(News.MOVED)
        loop.is_blocked = False

    def _report(self) -> None:
        frame = sys._current_frames().get(self._loop.thread or 0)
        if frame is not None and frame.f_globals.get("__name__") == selectors.__name__:
            return  # it waits for events: the machine is busy, and no call is to blame
        place = "".join(traceback.format_stack(frame)[-3:]) if frame is not None else ""
        # Record: Development only: a coroutine, or a function that it calls, blocks the event loop; shows the
        # last calls.
        _log.warning(
            "The event loop has been blocked for %d ms, so every other coroutine waits. "
            "Move the blocking call to `await asyncio.to_thread(...)`. It is here:\n%s",
            _BLOCKED * 1000,
            place.rstrip(),
        )


class _Ending(Exception):
    """The loop has been told to end."""
