"""The kinds of stores, and a real Redis for those that need one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path

from apiroutes.stores.store import Entry, Store

KINDS = ["memory", "sqlite", "redis"]
# Those that several processes share, each with a store of its own.
SHARED_KINDS = ["sqlite", "redis"]

MB = 1024 * 1024
_prefixes = count()


class StoreOpener:
    """Opens stores of one kind; those with the same number share their content, if stores of the kind do."""

    def __init__(self, kind: str, directory: Path, redis_url: Callable[[], str]) -> None:
        self.kind = kind
        self._directory = directory
        self._redis_url = redis_url
        self._prefix = f"test{next(_prefixes)}"
        self._stores: list[Store] = []

    def __call__(self, *, max_entries: int = 1000, max_size: int = 64 * MB, of: int = 0) -> Store:
        module, call = self._source(max_entries, max_size, of)
        store: Store = eval(call, vars(import_module(module)))
        self._stores.append(store)
        return store

    def source(self, of: int = 0) -> str:
        """Return the code with which another process opens a store, as `store`."""
        module, call = self._source(1000, 64 * MB, of)
        return f"from {module} import *\nstore = {call}\n"

    def _source(self, max_entries: int, max_size: int, of: int) -> tuple[str, str]:
        limits = f"max_entries={max_entries}, max_size={max_size}"
        if self.kind == "memory":
            return "apiroutes.stores.memory", f"MemoryStore({limits})"
        if self.kind == "sqlite":
            path = self._directory / f"cache{of}.db"
            return (
                "apiroutes.stores.sqlite",
                f"SQLiteStore(__import__('pathlib').Path({str(path)!r}), {limits})",
            )
        place = f"{self._redis_url()!r}, prefix={f'{self._prefix}-{of}'!r}"
        return "apiroutes.stores.redis", f"RedisStore({place}, {limits})"

    def close(self) -> None:
        for store in self._stores:
            store.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def eventually(is_so: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def entry(content: bytes = b"content", *names: str, fresh: float = 60, stale: float = 0) -> Entry:
    return Entry(content, names or ("path:/a",), fresh, stale)


def put(store: Store, key: bytes, content: bytes = b"content", *names: str, fresh: float = 60) -> None:
    """Put what was computed just now."""
    assert store.put(key, entry(content, *names, fresh=fresh), store.begin(key))


def content_of(store: Store, key: bytes) -> bytes | None:
    found = store.get(key)
    return None if found is None else found.content
