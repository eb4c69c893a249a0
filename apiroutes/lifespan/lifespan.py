"""The start and the stop of an App in this process, asked for by servers, tests, or the first request.

In: calls, in a thread or on an event loop. Out: one run of `register` for all calls. Raises LifespanError. A
fork has not started, even if its parent has.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from apiroutes.concurrency import is_async
from apiroutes.errors import LifespanError, Problem
from apiroutes.lifespan.failures import FILE, LateError, MisuseError, failure
from apiroutes.lifespan.in_progress import requests_in_progress
from apiroutes.lifespan.in_thread import ThreadRunner
from apiroutes.lifespan.life import Life, Runner
from apiroutes.lifespan.process import Process
from apiroutes.readiness import request_replacement
from apiroutes.threads import native_threads, process_end

__all__ = ["NOTHING_MADE", "Lifespan"]

_log = logging.getLogger("apiroutes")

# What handlers find in `req.app` before the start and after the end.
NOTHING_MADE: Mapping[str, Any] = MappingProxyType({})

# The end of an application may take this many seconds, even if its requests have used up the time.
_LEAST = 1.0
# Seconds between two checks of a start that is just ending.
_TICK = 0.05


_NOT_STARTED = "the application did not start"
_NOT_ENDED = "the application did not end as it should"
_STILL_RUNNING = (
    "%s is still in progress after graceful_timeout: the application ends without waiting for it. "
    "Set `maxDuration`, or a time-out for what it waits for."
)
_ON_ITS_LOOP = (
    "`App.stop()` would wait for the event loop on which it is called: write `async with app.lifespan():`"
)


# What forks inherit from their parents.
_of_parents: list[Life | None] = []


class Lifespan:
    """Starts and stops the App of the project in `root`.

    `register` is the project's function, if it has one. Its start may take `start_timeout` seconds; its end
    may take `end_timeout` seconds, unless the caller says otherwise. `on_start` is called with the values
    that it has made, `on_end` when these are gone.
    """

    def __init__(
        self,
        register: Callable[[], Any] | None,
        root: Path,
        start_timeout: float,
        end_timeout: float,
        on_start: Callable[[Mapping[str, Any]], object],
        on_end: Callable[[], object],
    ) -> None:
        self._register = register
        self._root = root
        self._start_timeout = start_timeout
        self._end_timeout = end_timeout
        self._on_start = on_start
        self._on_end = on_end
        self._drains: list[Callable[[float], object]] = []
        self._lock = native_threads.native_lock()
        self._life: Life | None = None
        self._is_over = False
        Process.lifespans.add(self)

    def add_drain(self, drain: Callable[[float], object]) -> None:
        """Call `drain(seconds)` when the App stops: it waits at most so long for work after responses.

        What the work uses, such as what `register` has opened, is available until then.
        """
        self._drains.append(drain)
        if self.is_started:
            self._end_with_process()

    @property
    def is_started(self) -> bool:
        """Whether the App has started in this process and nothing has asked it to stop."""
        life = self._life
        if life is None or life.is_stopping:
            return False
        return life.started.has_come and life.start_error is None

    # -- the start -------------------------------------------------------------------------

    def start(self) -> None:
        """Start, unless started already, and wait for the start. Raises LifespanError."""
        while True:
            life, is_new = self._current_life()
            if not life.is_stopping:
                break
            life.stopped.wait(_TICK)
        if is_new:
            self._begin(life, on_this_loop=False)
        while not life.started.wait(max(_TICK, life.deadline - time.monotonic())):
            self._give_up_start(life)
        self._raise_start_error(life)

    async def start_on_loop(self) -> None:
        """Do the same on the event loop of a server, on which an async `register` then runs."""
        from apiroutes.lifespan.on_loop import wait

        while True:
            life, is_new = self._current_life()
            if not life.is_stopping:
                break
            await wait(life.stopped, _TICK)
        if is_new:
            self._begin(life, on_this_loop=True)
            self._watch(life)
        while not await wait(life.started, max(_TICK, life.deadline - time.monotonic())):
            self._give_up_start(life)
        self._raise_start_error(life)

    def _watch(self, life: Life) -> None:
        """Give up the start in time even if `register` blocks the loop, where nothing could do so."""
        timer = threading.Timer(self._start_timeout + _LEAST, self._give_up_start, (life,))
        timer.daemon = True
        timer.start()
        life.started.call_then(timer.cancel)

    def _current_life(self) -> tuple[Life, bool]:
        """Return the life of this process, and whether it has yet to begin.

        Raises LifespanError when it has ended for good.
        """
        with self._lock:
            if self._is_over:
                message = "the application has stopped, and does not start again."
                raise LifespanError([Problem(FILE, message, "This process is ending.")])
            is_new = self._life is None
            if self._life is None:
                self._life = Life(self._on_start, self._tell, self._start_timeout)
            return self._life, is_new

    def _begin(self, life: Life, *, on_this_loop: bool) -> None:
        if self._register is None:
            life.has_made(None)
            life.has_ended()
        else:
            try:
                life.runner = self._runner(self._register, life, on_this_loop=on_this_loop)
                life.runner.begin()
            except BaseException as error:  # no thread, or no loop
                life.has_ended(error)
        if self._register is not None or self._drains:
            self._end_with_process()

    def _runner(self, register: Callable[[], Any], life: Life, *, on_this_loop: bool) -> Runner:
        if not _is_async(register):
            return ThreadRunner(register, life)
        from apiroutes.lifespan.on_loop import TaskRunner

        return TaskRunner(register, life, on_this_loop=on_this_loop)

    def _give_up_start(self, life: Life) -> None:
        frames = [] if life.runner is None else life.runner.frames()
        what = "`register` has not reached its `yield`, or its end,"
        late = LateError(what, self._start_timeout, "start_timeout", frames)
        if life.has_failed(late) and life.runner is not None:
            life.runner.give_up()

    def _raise_start_error(self, life: Life) -> None:
        if life.start_error is not None:
            raise self._failure(life.start_error, _NOT_STARTED) from life.start_error

    # -- the end ---------------------------------------------------------------------------

    def stop(self, within: float | None = None, *, for_good: bool = False) -> None:
        """Stop, if started: drain the work after responses, then resume `register` until its end.

        `within` is in seconds, by default the rest of the time that a server gives. `for_good`: it does not
        start again. Raises LifespanError if the end fails or takes longer, and RuntimeError on the event loop
        that has to run meanwhile.
        """
        until = self._deadline(within)
        with self._lock:
            self._is_over = self._is_over or for_good
            life = self._life
            if life is not None and life.runner is not None and life.runner.is_here():
                raise RuntimeError(_ON_ITS_LOOP)
            is_first = life is not None and not life.is_stopping
            if life is not None:
                life.is_stopping = True
        if life is None:
            return
        if not is_first:
            life.stopped.wait(until - time.monotonic())
            return
        if Process.deadline is not None and time.monotonic() > Process.deadline - _TICK:
            for request in requests_in_progress(self._root):
                # Record: The process has been told to stop, but a request has not ended within
                # `graceful_timeout`.
                _log.error(_STILL_RUNNING, request)
        try:
            life.started.wait(until - time.monotonic())  # or it has begun to start just now
            self._drain(until, life)
            error = self._end(life, until)
        finally:
            process_end.call_no_more(self._stop_at_end)
            self._on_end()
            with self._lock:
                self._life = None
            life.stopped.come()
        if error is not None:
            raise self._failure(error, _NOT_ENDED) from error

    async def stop_on_loop(self, within: float | None = None) -> None:
        """Do the same on the event loop of a server, which runs meanwhile."""
        from apiroutes.lifespan.on_loop import stop_on_loop

        await stop_on_loop(lambda: self.stop(within))

    def stop_without_requests(self) -> None:
        """Stop for good because the time for requests is up, unless stopping already. Raises nothing."""
        if self.is_started:
            self._stop_at_end()

    def _deadline(self, within: float | None) -> float:
        now = time.monotonic()
        if within is not None:
            return now + within
        if Process.deadline is not None:
            return max(Process.deadline, now + _LEAST)
        return now + self._end_timeout

    def _drain(self, until: float, life: Life) -> None:
        """Wait for work after responses; work that hangs leaves some time for the end of `register`."""
        left = max(0.0, until - time.monotonic())
        until -= 0.0 if life.runner is None else min(_LEAST, left / 2)
        for drain in self._drains:
            try:
                drain(max(0.0, until - time.monotonic()))
            except Exception as error:
                # Record: Waiting for work after responses has failed during the stop.
                _log.error("work after responses was not ended", exc_info=error)

    def _end(self, life: Life, until: float) -> BaseException | None:
        """Resume `register` until its end; return its error, which is logged."""
        runner = life.runner
        if runner is None:
            return None
        seconds = max(0.0, until - time.monotonic())
        if not life.ended.has_come:
            runner.resume(seconds)
        if life.start_error is not None:  # the failure is known already: a late start has been given up
            life.ended.wait(min(seconds, _LEAST))
            return None
        if life.ended.wait(until - time.monotonic()):
            return life.end_error
        what = "`register` has not reached its end"
        late = LateError(what, round(seconds, 1), "graceful_timeout", runner.frames())
        runner.give_up()
        self._log(late, _NOT_ENDED)
        return late

    def _tell(self, life: Life, error: BaseException) -> None:
        """Log an error, and tell the server about it if it has to know."""
        if error is life.start_error:
            self._log(error, _NOT_STARTED)
            if Process.not_started is not None:
                Process.not_started()
        else:
            self._log(error, _NOT_ENDED)
            if life.start_error is None and not life.is_stopping:  # nobody has asked for it: see `on_loop`
                request_replacement("what `register` has made ended before the application")

    def _log(self, error: BaseException, what: str) -> None:
        (problem,) = self._failure(error, what).problems
        place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
        shown = None if isinstance(error, MisuseError) else error
        # Record ERROR "FILE:LINE: MESSAGE REMEDY": `register` of `instrumentation.py` has raised an
        # exception, takes longer than `start_timeout` or `graceful_timeout`, or yields something that is not
        # a mapping.
        _log.error("%s: %s %s", place, problem.message, problem.remedy, exc_info=shown)

    def _failure(self, error: BaseException, what: str) -> LifespanError:
        return failure(error, self._register, self._root, what)

    def _end_with_process(self) -> None:
        process_end.call_no_more(self._stop_at_end)
        process_end.call_at_end(self._stop_at_end)

    def _stop_at_end(self) -> None:
        try:
            self.stop(for_good=True)
        except LifespanError:  # which is logged
            return

    def forget(self) -> None:
        """Return to the state before the start, in a fork, which has none of its parent's threads."""
        self._lock = native_threads.native_lock()
        # Its objects must not be collected here: a generator would close what belongs to the parent.
        _of_parents.append(self._life)
        self._life = None
        self._on_end()


def _is_async(function: Callable[..., Any]) -> bool:
    """Return whether it is a coroutine function, an async generator function, or an object like one."""
    return is_async(function) or any(
        map(inspect.isasyncgenfunction, (function, getattr(function, "__call__", None)))  # noqa: B004
    )
