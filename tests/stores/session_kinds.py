"""The kinds of stores of sessions, opened for one test or in another process."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path

from apiroutes.stores.session_store import Lifetime, SessionStore, StoredSession

SESSION_KINDS = ["memory", "sqlite", "redis"]
# Those that several processes share, each with a store of its own.
SHARED_SESSION_KINDS = ["sqlite", "redis"]

LONG = Lifetime(3600.0, 1800.0)
_prefixes = count()


class SessionStoreOpener:
    """Opens stores of one kind; those with the same number share their sessions, if stores of the kind do."""

    def __init__(self, kind: str, directory: Path, redis_url: Callable[[], str]) -> None:
        self.kind = kind
        self._directory = directory
        self._redis_url = redis_url
        self._prefix = f"test{next(_prefixes)}"
        self._stores: list[SessionStore] = []

    def __call__(self, of: int = 0) -> SessionStore:
        module, call = self._source(of)
        store: SessionStore = eval(call, vars(import_module(module)))
        self._stores.append(store)
        return store

    def source(self, of: int = 0) -> str:
        """Return the code with which another process opens a store, as `store`."""
        module, call = self._source(of)
        return f"from {module} import *\nstore = {call}\n"

    def _source(self, of: int) -> tuple[str, str]:
        if self.kind == "memory":
            return "apiroutes.stores.session_memory", "MemorySessionStore()"
        if self.kind == "sqlite":
            path = self._directory / f"sessions{of}.db"
            call = f"SQLiteSessionStore(__import__('pathlib').Path({str(path)!r}))"
            return "apiroutes.stores.session_sqlite", call
        call = f"RedisSessionStore({self._redis_url()!r}, prefix={f'{self._prefix}-{of}'!r})"
        return "apiroutes.stores.session_redis", call

    def close(self) -> None:
        for store in self._stores:
            store.close()


def loaded(store: SessionStore, key: bytes, lifetime: Lifetime = LONG) -> StoredSession:
    """Return a session that there is."""
    session = store.load(key, lifetime)
    assert session is not None
    return session


def values_of(store: SessionStore, key: bytes, lifetime: Lifetime = LONG) -> dict[str, bytes] | None:
    session = store.load(key, lifetime)
    return None if session is None else dict(session.values)
