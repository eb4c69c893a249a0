"""A store of sessions that is left alone for a time when it has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from apiroutes.stores.breaker import Breaker, store_error
from apiroutes.stores.session_store import Lifetime, SessionStore, SessionTooLarge, StoredSession

__all__ = ["GuardedSessionStore"]


class GuardedSessionStore:
    """A store of sessions with a circuit breaker around it, as `Breaker` describes it.

    `end` and `end_all` are always let through, as promises.
    """

    def __init__(self, store: SessionStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._call = Breaker("The store of sessions", clock=clock, refusal=SessionTooLarge).call

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        return self._call(lambda: self._store.load(key, lifetime))

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        return self._call(lambda: self._store.begin(key, values, lifetime, owner))

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        return self._call(lambda: self._store.merge(key, changed, removed, lifetime))

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        return self._call(lambda: self._store.rename(key, new_key, owner, lifetime))

    def end(self, key: bytes) -> None:
        self._call(lambda: self._store.end(key), is_promise=True)

    def end_all(self, owner: str) -> int:
        return self._call(lambda: self._store.end_all(owner), is_promise=True)

    def close(self) -> None:
        """Close the store, whatever state it is in."""
        try:
            self._store.close()
        except Exception as error:
            raise store_error(error) from error
