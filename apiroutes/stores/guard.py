"""A store that is left alone for a time when it has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from apiroutes.stores.store import Entry, Lease, Mode, Store, StoreError

__all__ = ["GuardedStore"]

_log = logging.getLogger("apiroutes")

Result = TypeVar("Result")

# Failures in a row after which a store is left alone.
_MOST_FAILURES = 3
# For how many seconds, at first and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0


class GuardedStore:
    """A store with a circuit breaker around it.

    After three failures in a row, whatever they are, every method raises StoreError at once, and `generation`
    is None. After a second one call is let through: if it fails, that time doubles, to half a minute at most;
    if not, all calls are let through again. One record of the logger `apiroutes` says when the store is left
    alone, and one when it works again. `clock` counts seconds and is never set back.

    `bump` and `clear` are always let through: whoever calls them waits for a promise, and the store may work
    again by now.

    `generation` is the store's own function while it works, because it is called at every hit: look it up at
    each call. A failure of it is a None, and counts for nothing.
    """

    generation: Callable[[], object]

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._state: _Closed | _Open = _Closed()
        self.generation = store.generation

    def get(self, key: bytes) -> Entry | None:
        return self._call(lambda: self._store.get(key))

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        return self._call(lambda: self._store.put(key, entry, lease))

    def remove(self, key: bytes) -> None:
        self._call(lambda: self._store.remove(key))

    def begin(self, key: bytes) -> Lease:
        return self._call(lambda: self._store.begin(key))

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        return self._call(lambda: self._store.lease(key, names, seconds, at_once=at_once))

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        self._call(lambda: self._store.release(lease, retry_after))

    def bump(self, name: str, mode: Mode) -> None:
        self._call(lambda: self._store.bump(name, mode), is_promise=True)

    def known_generation(self) -> object:
        return None if self.generation is _unknown else self._store.known_generation()

    def clear(self) -> None:
        self._call(self._store.clear, is_promise=True)

    def stats(self) -> dict[str, Any]:
        return self._call(self._store.stats)

    def close(self) -> None:
        """Close the store, whatever state it is in."""
        try:
            self._store.close()
        except Exception as error:
            raise _store_error(error) from error

    def _call(self, function: Callable[[], Result], is_promise: bool = False) -> Result:
        state = self._state
        if isinstance(state, _Open):
            return self._try(state, function, is_promise)
        try:
            result = function()
        except Exception as error:
            self._count(state, error)
            raise _store_error(error) from error
        if state.failures:
            state.failures.clear()
        return result

    def _count(self, state: _Closed, error: Exception) -> None:
        state.failures.append(None)
        if len(state.failures) >= _MOST_FAILURES and _takes(state.end):
            self.generation = _unknown
            self._state = _Open(self._clock(), _FIRST_PAUSE)
            _log.warning("The cache's store fails and is left alone for %g s: %s", _FIRST_PAUSE, _text(error))

    def _try(self, state: _Open, function: Callable[[], Result], is_promise: bool) -> Result:
        if state.process != os.getpid():  # another thread of the parent may have been trying
            state = self._state = _Open(state.since, state.pause)
        is_early = self._clock() < state.since + state.pause or not _takes(state.trial)
        if is_early and not is_promise:
            raise StoreError("The cache's store has failed several times in a row and is left alone")
        try:
            result = function()
        except Exception as error:
            if not is_early:
                self._state = _Open(self._clock(), min(2 * state.pause, _LONGEST_PAUSE))
            raise _store_error(error) from error
        except BaseException:  # gevent's time-outs and the like, which say nothing of the store
            if not is_early:
                state.trial.append(None)
            raise
        self.generation = self._store.generation
        self._state = _Closed()
        _log.warning("The cache's store works again")
        return result


# No lock is held anywhere: a fork would copy it, locked. Who takes the one item of `end` or `trial` may make
# the next state, and assigns it last.


class _Closed:
    """All calls are let through; those that began in it count for it alone."""

    def __init__(self) -> None:
        self.failures: list[None] = []
        self.end: list[None] = [None]


class _Open:
    """No call is let through before the pause is over, and then one."""

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


def _unknown() -> object:
    return None


def _store_error(error: Exception) -> StoreError:
    return error if isinstance(error, StoreError) else StoreError(_text(error))


def _text(error: Exception) -> str:
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
