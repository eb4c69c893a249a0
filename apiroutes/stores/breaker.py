"""A circuit breaker: what has failed several times in a row is left alone for a time.

In: calls that may be slow or fail. Out: their results. Raises StoreError for everything that goes wrong in
them, and at once while they are left alone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from apiroutes.stores.store import StoreError

__all__ = ["Breaker", "store_error"]

_log = logging.getLogger("apiroutes")

Result = TypeVar("Result")

# Failures in a row after which a store is left alone.
_MOST_FAILURES = 3
# For how many seconds, at first and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
# Seconds within which there is one record of failures.
_RECORD_EVERY = 60.0


class Breaker:
    """A circuit breaker around what messages call `name`, which begins a sentence.

    The log names it with its `place`, which must not contain a password, and what happens `meanwhile`.

    After three failures in a row, of any kind, `call` raises StoreError at once. After a second, one call is
    let through: if it fails, that time doubles, to half a minute at most; if not, all calls are let through
    again. The logger `apiroutes` has a record of the first failure, and one a minute while failures continue;
    another record says that it works again. `clock` counts seconds and is never set back.

    `opened` and `closed` are called before the first call that is refused, and before the first that is let
    through again. An exception of the type `refusal` is not a failure: what raised it works, but does not do
    what the caller wants.
    """

    def __init__(
        self,
        name: str,
        place: str,
        meanwhile: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        opened: Callable[[], object] = lambda: None,
        closed: Callable[[], object] = lambda: None,
        refusal: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        self._name = name
        self._place = place
        self._meanwhile = meanwhile
        self._clock = clock
        self._opened = opened
        self._closed = closed
        self._refusal = refusal
        self._state: _Closed | _Open = _Closed()
        self._period = _Period(float("-inf"))
        self._unresolved: list[None] = []  # an item while the last record says that it fails

    def call(self, function: Callable[[], Result], is_promise: bool = False) -> Result:
        """Return what a function returns. One that `is_promise` is always let through.

        Its caller waits for a promise, and the store may work again by now.
        """
        state = self._state
        if isinstance(state, _Open):
            return self._try(state, function, is_promise)
        try:
            result = function()
        except self._refusal:
            self._has_worked(state)
            raise
        except Exception as error:
            self._tell(error)
            self._count(state)
            raise store_error(error) from error
        if state.failures:
            self._has_worked(state)
        return result

    def _has_worked(self, state: _Closed) -> None:
        state.failures.clear()
        self._tell_of_recovery()

    def _count(self, state: _Closed) -> None:
        state.failures.append(None)
        if len(state.failures) >= _MOST_FAILURES and _takes(state.end):
            self._opened()
            self._state = _Open(self._clock(), _FIRST_PAUSE)

    def _try(self, state: _Open, function: Callable[[], Result], is_promise: bool) -> Result:
        if state.process != os.getpid():  # another thread of the parent may have been trying
            state = self._state = _Open(state.since, state.pause)
        is_early = self._clock() < state.since + state.pause or not _takes(state.trial)
        if is_early and not is_promise:
            raise StoreError(f"{self._name} has failed several times in a row and is left alone")
        try:
            result = function()
        except self._refusal:
            self._close()
            raise
        except Exception as error:
            self._tell(error)
            if not is_early:
                self._state = _Open(self._clock(), min(2 * state.pause, _LONGEST_PAUSE))
            raise store_error(error) from error
        except BaseException:  # gevent's time-outs and the like, which say nothing about the store
            if not is_early:
                state.trial.append(None)
            raise
        self._close()
        return result

    def _close(self) -> None:
        self._closed()
        self._state = _Closed()
        self._tell_of_recovery()

    def _tell(self, error: Exception) -> None:
        """Log a failure, unless one was logged within this minute."""
        period = self._period
        if self._clock() < period.end or not _takes(period.record):
            return
        self._unresolved = [None]
        self._period = _Period(self._clock() + _RECORD_EVERY)
        # Record: A store, such as that of the cache or of sessions, fails: at the first failure, and once a
        # minute while it fails. After several in a row it is not called for some seconds.
        _log.warning("%s (%s) fails, and %s: %s", self._name, self._place, self._meanwhile, _text(error))

    def _tell_of_recovery(self) -> None:
        if _takes(self._unresolved):
            # Record: A store that failed, by an earlier record, answers again.
            _log.warning("%s (%s) works again", self._name, self._place)


# No lock is held anywhere: a fork would copy it, locked. The thread that takes the one item of `end`, `trial`
# or `record` may make what comes next, and assigns it last.


class _Period:
    """The time after a record that a store fails; at its end there may be another record."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.record: list[None] = [None]


class _Closed:
    """All calls are let through; calls that began in this state count only for it."""

    def __init__(self) -> None:
        self.failures: list[None] = []
        self.end: list[None] = [None]


class _Open:
    """No call is let through until the pause ends, and then one."""

    def __init__(self, since: float, pause: float) -> None:
        self.since = since
        self.pause = pause
        self.process = os.getpid()
        self.trial: list[None] = [None]


def _takes(items: list[None]) -> bool:
    try:
        items.pop()
    except IndexError:
        return False
    return True


def store_error(error: Exception) -> StoreError:
    """Return an exception as a StoreError."""
    return error if isinstance(error, StoreError) else StoreError(_text(error))


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
