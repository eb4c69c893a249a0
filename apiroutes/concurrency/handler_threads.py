"""Threads that run handlers and can be abandoned.

In: calls. Out: their results. Raises ApiError 503 while too many abandoned threads still run.
Python cannot end a thread, and an exception raised in one from outside may come between taking a lock
and the `try` that would release it. So an abandoned call goes on, in a thread that nobody waits for,
until it ends or touches its request. The number of such threads is bounded, and a process in which one
runs on for too long is replaced.
"""

from __future__ import annotations

import contextvars
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Protocol

from apiroutes.concurrency import coroutines
from apiroutes.errors import ApiError
from apiroutes.readiness import request_replacement
from apiroutes.threads import Ending, native_threads, traceback_of

__all__ = ["Call", "HandlerThread", "HandlerThreads", "watch_abandoned"]

# Functions that count abandoned handlers.
_watchers: list[Callable[[int], object]] = []


def watch_abandoned(tell: Callable[[int], object]) -> None:
    """Have `tell` called with 1 for each handler that is abandoned, and with -1 at its end.

    It is called in any thread, and raises nothing.
    """
    if tell not in _watchers:
        _watchers.append(tell)


def _tell(watchers: Sequence[Callable[[int], object]], change: int) -> None:
    for tell in watchers:
        tell(change)


class Abandonable(Protocol):
    """What runs for a request: a thread, or a task on an event loop."""

    @property
    def is_running(self) -> bool: ...

    def end(self) -> None: ...

    def call_at_end(self, function: Callable[[], object]) -> None:
        """Have a function called once when it no longer runs."""


class HandlerThreads:
    """The threads of one App.

    At most `most_abandoned` abandoned ones may be running. One that still runs after `abandon_timeout`
    seconds has the process replaced; the log says then what ran, and past which limit.
    """

    def __init__(
        self,
        most_abandoned: int,
        abandon_timeout: float,
        what: str = "a handler",
        limit: str = "its maxDuration",
    ) -> None:
        self._most_abandoned = most_abandoned
        self._abandon_timeout = abandon_timeout
        self._what = what
        self._limit = limit
        self._idle: list[HandlerThread] = []
        self._abandoned: list[tuple[Abandonable, float]] = []  # each with its time limit
        self._is_watched = False
        self._process = os.getpid()
        self._lock = threading.Lock()

    def require_room(self) -> None:
        """Raise ApiError 503 while too many abandoned handlers run."""
        if self._process != os.getpid():  # a fork takes no threads along
            self.__init__(  # type: ignore[misc]
                self._most_abandoned, self._abandon_timeout, self._what, self._limit
            )
        if self._abandoned:
            with self._lock:
                if self._count_abandoned() >= self._most_abandoned:
                    raise ApiError(503, "Service Unavailable")

    def take(self) -> HandlerThread:
        """Return a thread for one request. Raises ApiError 503."""
        self.require_room()
        try:
            return self._idle.pop()
        except IndexError:
            return HandlerThread()

    def give_back(self, thread: HandlerThread) -> None:
        """Keep a thread for another request."""
        self._idle.append(thread)

    def abandon(self, thread: Abandonable) -> None:
        """Leave what runs for an ended request to itself, but have the process replaced if it runs on."""
        thread.end()
        with self._lock:
            self._abandoned.append((thread, time.monotonic() + self._abandon_timeout))
            begins, self._is_watched = not self._is_watched, True
        told = tuple(_watchers)  # of its end, too: others have never heard of it
        _tell(told, 1)
        thread.call_at_end(lambda: _tell(told, -1))
        if begins:
            threading.Thread(target=self._watch, name="apiroutes-abandoned", daemon=True).start()

    def _watch(self) -> None:
        """Have the process replaced when an abandoned thread runs on for too long."""
        while True:
            with self._lock:
                if not self._count_abandoned():
                    self._is_watched = False
                    return
                until = self._abandoned[0][1]
            seconds = until - time.monotonic()
            if seconds <= 0:
                request_replacement(
                    f"{self._what} has been running for {self._abandon_timeout:g} s past {self._limit}"
                )
                seconds = self._abandon_timeout
            time.sleep(seconds)

    def _count_abandoned(self) -> int:
        self._abandoned = [(thread, until) for thread, until in self._abandoned if thread.is_running]
        return len(self._abandoned)


class Call:
    """A call for a thread to make, and its outcome."""

    def __init__(
        self, context: contextvars.Context, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self._context = context
        self._function = function
        self._arguments = arguments
        self._done = threading.Lock()
        self._done.acquire()
        self.result: Any = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.result = self._context.run(self._function, *self._arguments)
        except BaseException as error:
            self.error = error
        finally:
            self._done.release()

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds for the call to end; return whether it has."""
        return self._done.acquire(timeout=seconds)


class HandlerThread(Ending):
    """A thread that makes the calls it is given, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._find_frame: Callable[[], FrameType | None] = lambda: None  # until it starts
        self._thread = threading.Thread(target=self._run, name="apiroutes-handler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._find_frame = native_threads.frame_finder()
        try:
            while True:
                call = self.calls.get()
                if call is None:
                    break
                call()
                del call  # or its request would live until the next one comes
        finally:
            self.note_end()

    def current_traceback(self) -> TracebackType | None:
        """Return where the thread is now, as a traceback from the call inward; None before it starts."""
        assert self._thread.ident is not None
        frames = coroutines.coroutine_frames(self._thread.ident)
        if not frames:
            frame = self._find_frame()
            while frame is not None and frame.f_code is not Call.__call__.__code__:
                frames.insert(0, frame)
                frame = frame.f_back
        return traceback_of(frames)

    def end(self) -> None:
        """End the thread after its call, and cancel the coroutines that the call waits for."""
        self.calls.put(None)
        assert self._thread.ident is not None
        coroutines.cancel(self._thread.ident)
