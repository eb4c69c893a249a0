"""The store of sessions that a project names.

In: its name, the project's directory. Out: a SessionStore, guarded where it may fail. Raises ValueError for a
URL that redis-py cannot use, and ImportError without redis-py.
"""

from __future__ import annotations

from pathlib import Path

from apiroutes.settings import StoreURL
from apiroutes.stores.session_guard import GuardedSessionStore
from apiroutes.stores.session_memory import MemorySessionStore
from apiroutes.stores.session_store import SessionStore

__all__ = ["open_session_store", "why_sessions_fail"]

_PATH = Path(".apiroutes", "sessions.db")


def open_session_store(store: str, root: Path, *, prefix: str) -> SessionStore:
    """Return the store of sessions for the project in the directory `root`.

    `store` is "memory", for one process; "sqlite", for all processes of this machine, in
    `.apiroutes/sessions.db`; or the URL of a Redis or Valkey server, where all keys begin with `prefix`: each
    project that shares one needs its own.
    It touches no disk and opens no connection before it is used, so it may be made before a fork. Raises
    ValueError for a URL that cannot be used, without any part of it, and ImportError if its extra is missing.
    """
    if store == "memory":
        return MemorySessionStore()
    if store == "sqlite":
        from apiroutes.stores.session_sqlite import SQLiteSessionStore

        return GuardedSessionStore(SQLiteSessionStore(root / _PATH), str(root / _PATH))
    try:
        from apiroutes.stores.session_redis import RedisSessionStore
    except ModuleNotFoundError as error:
        raise ImportError("Sessions in Redis need redis-py: pip install 'apiroutes[redis]'") from error
    return GuardedSessionStore(RedisSessionStore(store, prefix=prefix), StoreURL(store).address())


def why_sessions_fail(store: str, root: Path) -> str | None:
    """Return why sessions cannot be kept in a store, as far as it shows without a use."""
    if store != "sqlite":
        return None
    from apiroutes.stores.sqlite_files import why_unwritable

    return why_unwritable(root / _PATH)
