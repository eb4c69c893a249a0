"""A store in a file of this machine, which all workers share.

In: a path on a local disk, limits. Out: a Store. Nothing touches the disk before the first use, so it can
be made before a fork. Raises StoreError, after 0.25 s if the database is locked.

Reading takes two statements outside a transaction, the entry and the bumps of its names: a bump in between
makes the entry too old, which it then is, and pruning one raises the bump of all names.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from apiroutes.stores import sqlite_statements as statements
from apiroutes.stores.clock import now
from apiroutes.stores.packed_entries import PackedEntry, pack, unpack
from apiroutes.stores.records import most_records
from apiroutes.stores.sqlite_database import DatabaseFile
from apiroutes.stores.sqlite_files import why_unwritable
from apiroutes.stores.sqlite_schema import CACHE
from apiroutes.stores.store import Entry, Lease, Mode, StoreError

__all__ = ["SQLiteStore", "why_unwritable"]

Result = TypeVar("Result")

# Seconds between two checks which file has the generation.
_LOOK_TIME = 1.0
# Seconds between two notes of uses, and how many keys one note has at most.
_USES_TIME, _MOST_USES = 1.0, 1000
_MOST_LATE_RELEASES = 100


class SQLiteStore:
    """Keeps entries in SQLite's file at `path`, for all processes of this machine.

    `max_entries` is a count, and `max_size` is in bytes. The least recently used entry goes first, as far as
    the last second was noted.
    """

    def __init__(self, path: Path, *, max_entries: int, max_size: int) -> None:
        self._file = DatabaseFile(path, CACHE)
        self._limits = statements.Limits(max_entries, max_size, most_records(max_entries))
        self._late_releases: list[Lease] = []
        self._uses: dict[bytes, float] = {}  # when keys were used, until that is written
        self._write_uses_at = 0.0
        self._look_at = 0.0

    def get(self, key: bytes) -> Entry | None:
        found = self._file.read(_find, key)
        if found is None:
            return None
        entry, expire, stale = found
        if entry is None:
            with contextlib.suppress(StoreError):
                self.remove(key)
            return None
        moment = now()
        age = moment - entry.time
        if expire > entry.sequence or not 0 <= age < entry.fresh + entry.stale:
            return None
        self._note_use(key, moment)
        return Entry(entry.content, entry.names, entry.fresh, entry.stale, age, stale > entry.sequence)

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        moment = now()
        packed = PackedEntry(entry.content, entry.names, entry.fresh, entry.stale, lease.sequence, moment)
        data = pack(key, packed)
        if len(key) + len(data) > self._limits.size or self._limits.entries < 1:
            return False
        return self._write(statements.put, key, packed, data, lease, self._limits, self._take_uses)

    def remove(self, key: bytes) -> None:
        self._write(statements.remove, key)

    def begin(self, key: bytes) -> Lease:
        sequence, epoch = self._file.read(statements.sequence_and_epoch)
        return Lease(key, sequence, epoch)

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        # Callers that wait for the lease ask again and again: they do not lock the database.
        if not self._file.read(statements.is_lease_free, key, at_once):
            return None
        token = secrets.token_bytes(16)
        return self._write(statements.lease, key, token, names, seconds, at_once, self._limits)

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        try:
            self._write(statements.release, lease, retry_after)
        except StoreError:
            # This process lives, so nothing else would end the lease.
            if len(self._late_releases) < _MOST_LATE_RELEASES:
                self._late_releases.append(lease)
            raise

    def bump(self, name: str, mode: Mode) -> None:
        self._revalidate(statements.bump, name, mode, self._limits)

    def generation(self) -> object:
        database = self._file.database
        if time.monotonic() >= self._look_at:
            # Until then, a child reads its parent's mapping, which is of the same file.
            self._look_at = time.monotonic() + _LOOK_TIME
            try:
                database = self._file.current()
            except StoreError:
                return None
        return None if database is None else database.generation.bits[0]

    def known_generation(self) -> object:
        return self.generation()

    def clear(self) -> None:
        self._revalidate(statements.clear)

    def stats(self) -> dict[str, Any]:
        entries, size, sequence, names, leases = self._file.read(statements.counts)
        return {
            "store": "sqlite",
            "path": str(self._file.path),
            "entries": entries,
            "size": size,
            "max_entries": self._limits.entries,
            "max_size": self._limits.size,
            "revalidations": sequence,
            "revalidated_names": names,
            "leases": leases,
        }

    def close(self) -> None:
        self._look_at = 0.0
        self._file.close()

    def _write(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Return what `work` returns for a connection and the arguments, in a transaction."""
        with contextlib.suppress(IndexError):
            while True:
                self._release_late(self._late_releases.pop())
        return self._file.write(work, *arguments)

    def _release_late(self, lease: Lease) -> None:
        try:
            self._file.write(statements.release, lease, None)
        except StoreError:
            self._late_releases.append(lease)
            raise

    def _revalidate(self, work: Callable[..., object], *arguments: object) -> None:
        """Call what ends entries, and tell all processes afterwards, before this returns."""
        while True:
            database = self._file.current()
            try:
                self._write(work, *arguments)
            finally:  # it may be done even if an exception says that it is not
                database.change_generation()
            if database is self._file.database and database.is_current():
                return

    def _note_use(self, key: bytes, moment: float) -> None:
        self._uses[key] = moment
        if time.monotonic() >= self._write_uses_at:
            self._write_uses_at = time.monotonic() + _USES_TIME
            with contextlib.suppress(StoreError):  # somebody else is writing
                self._file.write(statements.note_uses, self._take_uses(), seconds=0)

    def _take_uses(self) -> statements.Uses:
        """Return uses that have not been written yet, and forget them."""
        some = list(self._uses.items())[:_MOST_USES]
        for key, _ in some:
            self._uses.pop(key, None)
        return some


def _find(connection: sqlite3.Connection, key: bytes) -> tuple[PackedEntry | None, int, int] | None:
    """Return an entry with the last bumps of its names in both modes; without an entry if it is damaged."""
    row = connection.execute("SELECT entry FROM entries WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    entry = unpack(key, row[0])
    if entry is None:
        return None, 0, 0
    return entry, *statements.last_bumps(connection, entry.names)
