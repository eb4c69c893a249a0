"""Sessions in a file of this machine, which all workers share, and which outlives its restarts.

In: a path on a local disk. Out: a SessionStore. Nothing touches the disk before the first use, so it can be
made before a fork. Raises StoreError, after 0.25 s if the database is locked.

After a loss of power the last writes may be missing, up to half a minute of them, but never in part. Only the
end of a session waits for the disk: nobody expects an ended session to come back.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from apiroutes.stores import session_statements as statements
from apiroutes.stores.session_store import Lifetime, StoredSession
from apiroutes.stores.session_times import Times, checked_size
from apiroutes.stores.sqlite_database import DatabaseFile
from apiroutes.stores.store import StoreError

__all__ = ["SQLiteSessionStore"]


class SQLiteSessionStore:
    """Keeps sessions in SQLite's file at `path`, for all processes of this machine.

    `clock` returns seconds since the epoch.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._file = DatabaseFile(path, statements.SESSIONS)
        self._clock = clock

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        found = self._file.read(statements.find, key)
        moment = self._clock()
        if found is None or found.times.have_ended(moment, lifetime):
            return None
        if found.times.need_note(moment, lifetime):
            with contextlib.suppress(StoreError):  # somebody else is writing, or nobody can
                self._file.write(statements.note_use, key, found.times.when_used(moment, lifetime), seconds=0)
        return StoredSession(found.values, found.times.begun, found.owner)

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        checked_size(values)
        times = Times.at_beginning(self._clock(), lifetime)
        self._file.write(statements.begin, key, values, times, owner)
        return times.begun

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        return self._file.write(statements.merge, key, changed, frozenset(removed), lifetime, self._clock)

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        return self._file.write(statements.rename, key, new_key, owner, lifetime, self._clock)

    def end(self, key: bytes) -> None:
        if self._file.read(statements.is_kept, key):  # other keys need no turn to write
            self._file.write(statements.end, key)
            self._file.sync()

    def end_all(self, owner: str) -> int:
        count = self._file.write(statements.end_all, owner, self._clock)
        if count:
            self._file.sync()
        return count

    def close(self) -> None:
        self._file.close()
