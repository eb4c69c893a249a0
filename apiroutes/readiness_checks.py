"""The project's own checks of its readiness, such as a ping of its database.

In: functions by name, sync or async. Out: the outcome of each. Raises none of their exceptions: the reason
why a check fails is logged when it begins to fail, and is not sent to the load balancer, which asks every few
seconds.
"""

from __future__ import annotations

import contextvars
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from apiroutes.concurrency import coroutines
from apiroutes.structs import Struct

__all__ = ["Check", "CheckResult", "ReadinessChecks"]

# Sync or async, without arguments; False and an exception are a failure.
Check = Callable[[], Any]

OK, FAILED, TIMED_OUT = "ok", "failed", "timed out"

_log = logging.getLogger("apiroutes")


class CheckResult(Struct, frozen=True):
    """The outcome of a check: "ok", "failed" or "timed out", after so many milliseconds."""

    status: str
    ms: float


class ReadinessChecks:
    """Runs the checks of one App, each for at most `seconds`.

    They run at the same time, each in its own thread, coroutines on the event loop. A check never runs twice
    at a time: a caller gets the result of a run in progress, and a check that hangs past its time limit
    counts as failed until it ends.
    """

    def __init__(self, checks: Mapping[str, Check], seconds: float) -> None:
        self._checks = [_Check(name, function, seconds) for name, function in checks.items()]

    def run(self) -> dict[str, CheckResult]:
        """Return the result of each check by its name, within the time limit."""
        begun = [(check, check.begin()) for check in self._checks]
        return {check.name: check.result_of(run) for check, run in begun}


class _Check:
    """One check, its run, and the outcome of the last run."""

    def __init__(self, name: str, function: Check, seconds: float) -> None:
        self.name = name
        self._function = function
        self._seconds = seconds
        self._run: _Run | None = None
        self._status = OK
        self._lock = threading.Lock()

    def begin(self) -> _Run:
        """Return the run in progress, or else a new one."""
        with self._lock:
            run = self._run
            if run is None or run.has_ended.is_set() or run.process != os.getpid():
                run = self._run = _Run(self.name, self._function, self._seconds)
                run.start()
            return run

    def result_of(self, run: _Run) -> CheckResult:
        """Wait for a run, at most until its time limit."""
        result = run.result()
        with self._lock:
            has_changed, self._status = self._status != result.status, result.status
        if has_changed:
            self._log_change(result.status, run)
        return result

    def _log_change(self, status: str, run: _Run) -> None:
        if status == OK:
            # Record: A check of `instrumentation.py` passes again after it had failed.
            _log.info("readiness check %s: ok again", self.name)
        elif status == TIMED_OUT:
            # Record: A check takes longer than `check_timeout`; logged once for each change of its result.
            _log.warning("readiness check %s has not ended within %g s", self.name, self._seconds)
        elif run.error is None:
            # Record: A check returns False; logged once for each change of its result.
            _log.warning("readiness check %s failed: it returned False", self.name)
        else:
            # Record: A check has raised an exception; logged once for each change of its result.
            _log.warning("readiness check %s failed", self.name, exc_info=run.error)


class _Run:
    """One run of a check, in a thread that the end of the process does not wait for."""

    def __init__(self, name: str, function: Check, seconds: float) -> None:
        self.process = os.getpid()
        self.error: BaseException | None = None
        self.has_ended = threading.Event()
        self._function = function
        self._seconds = seconds
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._ended = 0.0
        self._status = FAILED
        # With ASGI, the context tells which loop is the server's.
        arguments = contextvars.copy_context(), self._call
        self._thread = threading.Thread(
            target=_call_in_context, args=arguments, name=f"apiroutes-check-{name}", daemon=True
        )

    def start(self) -> None:
        """Begin; a run whose thread cannot start has failed."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._end(FAILED, error)

    def result(self) -> CheckResult:
        """Wait for the end, or for the time limit."""
        if not self.has_ended.wait(max(0.0, self._until - time.monotonic())):
            return CheckResult(TIMED_OUT, _milliseconds(time.monotonic() - self._began))
        return CheckResult(self._status, _milliseconds(self._ended - self._began))

    def _call(self) -> None:
        try:
            result = self._function()
            if hasattr(result, "__await__"):
                result = coroutines.run_within(max(0.0, self._until - time.monotonic()), result)
        except BaseException as error:  # SystemExit too, which would end only this thread
            is_late = isinstance(error, TimeoutError) and time.monotonic() >= self._until
            self._end(TIMED_OUT if is_late else FAILED, error)
        else:
            self._end(FAILED if result is False else OK, None)

    def _end(self, status: str, error: BaseException | None) -> None:
        self.error, self._status, self._ended = error, status, time.monotonic()
        self.has_ended.set()


def _call_in_context(context: contextvars.Context, function: Callable[[], object]) -> None:
    context.run(function)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
