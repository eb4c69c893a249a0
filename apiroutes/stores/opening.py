"""The store that a project's settings name.

In: settings, and the project's directory. Out: a store, guarded where it may fail; and why a store fails.
Raises ValueError for a URL that redis-py cannot use, and ImportError without redis-py.
"""

from __future__ import annotations

from pathlib import Path

from apiroutes.settings import Settings, StoreURL
from apiroutes.stores.counters import Counters
from apiroutes.stores.counters_guard import GuardedCounters
from apiroutes.stores.guard import GuardedStore
from apiroutes.stores.memory import MemoryStore
from apiroutes.stores.memory_counters import MemoryCounters
from apiroutes.stores.nothing import NothingStore
from apiroutes.stores.store import Store

__all__ = ["open_counters", "open_store", "why_counters_fail", "why_store_fails"]

_PATH = Path(".apiroutes", "cache.db")
_PATH_OF_COUNTERS = Path(".apiroutes", "limits.db")
# By the setting `rate_limit_fail`; a limit may have another one.
_FAILING = {
    "open": "requests are let through meanwhile (`rate_limit_fail`)",
    "closed": "requests are refused meanwhile (`rate_limit_fail`)",
}


def open_store(settings: Settings, root: Path) -> Store:
    """Return the store of the project in the directory `root`.

    It touches no disk and opens no connection before it is used, so it may be made before a fork. Raises
    ValueError for a URL that cannot be used, without any part of it, and ImportError if its extra is missing.
    """
    entries, size = settings.cache_max_entries, settings.cache_max_size.bytes
    if settings.cache == "none":
        return NothingStore()
    if settings.cache == "memory":
        return MemoryStore(max_entries=entries, max_size=size)
    if isinstance(settings.cache, str):
        from apiroutes.stores.sqlite import SQLiteStore

        path = _path(settings, root)
        return GuardedStore(SQLiteStore(path, max_entries=entries, max_size=size), str(path))
    from apiroutes.stores.redis import RedisStore

    url, prefix = settings.cache.reveal(), settings.cache_prefix
    redis = RedisStore(url, prefix=prefix, max_entries=entries, max_size=size)
    return GuardedStore(redis, settings.cache.address())


def open_counters(place: str | StoreURL, root: Path, prefix: str, fail: str = "open") -> Counters:
    """Return the counts at a place for the project in the directory `root`: "sqlite", "memory", or a Redis.

    `fail`, "open" or "closed", is what the log says happens to requests while they fail.
    Like `open_store`, it touches no disk and opens no connection before it is used, and raises the same.
    """
    if place == "memory":
        return MemoryCounters()
    meanwhile = _FAILING[fail]
    if isinstance(place, str):
        from apiroutes.stores.sqlite_counters import SQLiteCounters

        path = root / _PATH_OF_COUNTERS
        return GuardedCounters(SQLiteCounters(path), str(path), meanwhile)
    from apiroutes.stores.redis_counters import RedisCounters

    return GuardedCounters(RedisCounters(place.reveal(), prefix), place.address(), meanwhile)


def why_counters_fail(place: str | StoreURL, root: Path) -> str | None:
    """Return why uses cannot be counted at a place, as far as it shows without a use."""
    if place != "sqlite":
        return None
    from apiroutes.stores.sqlite_counters import why_unusable

    return why_unusable(root / _PATH_OF_COUNTERS)


def why_store_fails(settings: Settings, root: Path) -> str | None:
    """Return why the project's store cannot keep anything, as far as it shows without a use."""
    if settings.cache != "sqlite":
        return None
    from apiroutes.stores.sqlite import why_unwritable

    return why_unwritable(_path(settings, root))


def _path(settings: Settings, root: Path) -> Path:
    return root / (_PATH if settings.cache_path is None else settings.cache_path)
