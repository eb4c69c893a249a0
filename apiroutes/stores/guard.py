"""A store that is left alone for a time when it has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.stores.breaker import Breaker, store_error
from apiroutes.stores.counters import Counters, Use, Window
from apiroutes.stores.store import Entry, Lease, Mode, Store

__all__ = ["GuardedCounters", "GuardedStore"]


class GuardedStore:
    """A store of the cache with a circuit breaker around it.

    `bump` and `clear` are always let through: whoever calls them waits for a promise, and the store may work
    again by now. `clock` counts seconds and is never set back.

    `generation` is the store's own function while it works, because it is called at every hit: look it up at
    each call. It is None while the store is left alone. A failure of it is a None, and counts for nothing.
    """

    generation: Callable[[], object]

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._call = Breaker(
            "The cache's store", clock=clock, when_open=self._forget, when_closed=self._trust
        ).call
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
            raise store_error(error) from error

    def _forget(self) -> None:
        self.generation = _unknown

    def _trust(self) -> None:
        self.generation = self._store.generation


class GuardedCounters:
    """Counts of uses with a circuit breaker around them."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._call = Breaker("The rate limits' store").call
        self.is_local = counters.is_local

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        return self._call(lambda: self._counters.take(uses))

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        self._call(lambda: self._counters.give_back(uses, windows))

    def close(self) -> None:
        self._counters.close()


def _unknown() -> object:
    return None
