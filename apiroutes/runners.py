"""Threads that run a handler and can be given up.

In: calls. Out: their results. Raises ApiError 503 while too many that were given up have not ended.
Python cannot end a thread. It can raise an exception in one, which comes when the thread runs
Python code again: a handler that waits in a system call goes on waiting, in a thread that nobody
waits for. How many of those there may be is bounded, and a worker that has too many is replaced.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from apiroutes import coroutines
from apiroutes.errors import ApiError, MaxDurationExceeded

__all__ = ["GRACE", "Call", "Runner", "Runners"]

_log = logging.getLogger("apiroutes")

# Seconds that something gets to end by itself once it was told to. The client waits for it.
GRACE = 0.02


class Runners:
    """The runners of one App. `most_abandoned` is how many that were given up may be running."""

    def __init__(self, most_abandoned: int) -> None:
        self._most_abandoned = most_abandoned
        self._idle: list[Runner] = []
        self._abandoned: list[Runner] = []
        self._is_replaced = False
        self._process = os.getpid()
        self._lock = threading.Lock()

    def take(self) -> Runner:
        """A runner for one request. Raises ApiError 503."""
        if self._process != os.getpid():  # a fork takes no threads along
            self.__init__(self._most_abandoned)  # type: ignore[misc]
        if self._abandoned:
            with self._lock:
                if self._count_abandoned() >= self._most_abandoned:
                    raise ApiError(503, "Service Unavailable")
        try:
            return self._idle.pop()
        except IndexError:
            return Runner()

    def give_back(self, runner: Runner) -> None:
        """Keep a runner for another request."""
        self._idle.append(runner)

    def abandon(self, runner: Runner, environ: dict[str, Any]) -> None:
        """Take no more notice of a runner whose request is over. Too many of them end the worker."""
        with self._lock:
            self._abandoned.append(runner)
            if self._count_abandoned() < self._most_abandoned or self._is_replaced:
                return
            self._is_replaced = True
        can_replace = environ.get("SERVER_SOFTWARE", "").startswith("gunicorn")
        _log.critical(
            "%d handlers go on after their maxDuration; %s",
            self._most_abandoned,
            "this worker ends and is replaced" if can_replace else "routes that have one answer 503",
        )
        if can_replace:
            # As gunicorn's main process does it: what the worker has begun is finished.
            os.kill(os.getpid(), signal.SIGTERM)

    def _count_abandoned(self) -> int:
        self._abandoned = [runner for runner in self._abandoned if runner.is_running]
        return len(self._abandoned)


def _must_not_raise() -> bool:
    """Whether raising in another thread would stop this one.

    Python 3.11 goes round in circles in a traced call (a debugger, coverage) for as long as an
    exception waits for a thread that is in a system call. 3.10, 3.12 and 3.13 do not.
    """
    return sys.version_info[:2] == (3, 11) and (sys.gettrace() or threading.gettrace()) is not None


class Call:
    """Something for a runner to do, and what came of it."""

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

    def is_done(self, within: float) -> bool:
        """Whether it has ended, which is waited for so many seconds."""
        return self._done.acquire(timeout=within)


class Runner:
    """A thread that does what it is given, one call after the other."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self.is_running = True
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="apiroutes-handler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(MaxDurationExceeded):
            try:
                while True:
                    call = self.calls.get()
                    if call is None:
                        break
                    call()
                    del call  # or its request would live until the next one comes
            finally:
                with self._ending:
                    self.is_running = False

    def where(self) -> TracebackType | None:
        """What the thread is doing now, as a traceback from our frames inward."""
        assert self._thread.ident is not None
        frames = coroutines.suspended_frames(self._thread.ident)
        if not frames:
            frame = sys._current_frames().get(self._thread.ident)
            while frame is not None and frame.f_code is not Call.__call__.__code__:
                frames.insert(0, frame)
                frame = frame.f_back
        found: TracebackType | None = None
        for frame in reversed(frames):
            found = TracebackType(found, frame, frame.f_lasti, frame.f_lineno or 0)
        return found

    def interrupt(self, call: Call) -> None:
        """End the call as far as Python can, and the thread with it."""
        self.calls.put(None)
        ident = self._thread.ident
        assert ident is not None
        if coroutines.cancel(ident, GRACE) or _must_not_raise():
            return
        with self._ending:  # whoever has it knows that the number is still this thread's
            if self.is_running and not call.is_done(0):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(ident), ctypes.py_object(MaxDurationExceeded)
                )
