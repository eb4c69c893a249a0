"""A store of sessions that is left alone for a time when it has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import NoReturn, TypeVar

from apiroutes.stores.breaker import Breaker, store_error
from apiroutes.stores.session_store import Lifetime, SessionStore, SessionTooLarge, StoredSession
from apiroutes.stores.store import StoreError

__all__ = ["GuardedSessionStore"]

Result = TypeVar("Result")


class GuardedSessionStore:
    """A store of sessions with two circuit breakers around it, as `Breaker` describes them. `place` has no
    password.

    Reading has its own breaker: each request reads before it writes, so a full or read-only store, which can
    still be read, would never fail several times in a row. `end` and `end_all` are always let through, as
    promises. Their failures count as failures to write; their successes show nothing, because a server whose
    memory is full can still end sessions.
    """

    def __init__(
        self, store: SessionStore, place: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        reading = "requests that use one get a 503 meanwhile"
        self._read = Breaker("Reading sessions", place, reading, clock=clock).call
        writing = "requests that change one get a 503 meanwhile"
        self._write = Breaker("Writing sessions", place, writing, clock=clock, refusal=SessionTooLarge).call

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        return self._read(lambda: self._store.load(key, lifetime))

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        return self._write(lambda: self._store.begin(key, values, lifetime, owner))

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        return self._write(lambda: self._store.merge(key, changed, removed, lifetime))

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        return self._write(lambda: self._store.rename(key, new_key, owner, lifetime))

    def end(self, key: bytes) -> None:
        self._promise(lambda: self._store.end(key))

    def end_all(self, owner: str) -> int:
        return self._promise(lambda: self._store.end_all(owner))

    def close(self) -> None:
        """Close the store, whatever state it is in."""
        try:
            self._store.close()
        except Exception as error:
            raise store_error(error) from error

    def _promise(self, function: Callable[[], Result]) -> Result:
        try:
            return function()
        except Exception as error:
            with contextlib.suppress(StoreError):
                self._write(partial(_fail, error))
            raise store_error(error) from error


def _fail(error: Exception) -> NoReturn:
    raise error
