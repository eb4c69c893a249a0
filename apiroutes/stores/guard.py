"""A store of the response cache that is left alone for a time when it has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.stores.breaker import Breaker, store_error
from apiroutes.stores.store import Entry, Lease, Mode, Store

__all__ = ["GuardedStore"]


class GuardedStore:
    """A store with a circuit breaker around it, as `Breaker` describes it; `place` has no password.

    `bump` and `clear` are always let through, as promises. While the store is left alone, `generation` is
    None.

    `generation` is the store's own function while it works, because it is called at every hit: look it up at
    each call. If it fails, it returns None, and the failure does not count.
    """

    generation: Callable[[], object]

    def __init__(self, store: Store, place: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self.generation = store.generation
        breaker = Breaker(
            "The cache's store",
            place,
            "answers are computed and not kept meanwhile",
            clock=clock,
            opened=self._forget_generation,
            closed=self._trust_generation,
        )
        self._call = breaker.call

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

    def _forget_generation(self) -> None:
        self.generation = _unknown

    def _trust_generation(self) -> None:
        self.generation = self._store.generation


def _unknown() -> object:
    return None
