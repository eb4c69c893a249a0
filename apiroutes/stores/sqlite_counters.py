"""Counts of uses in a file of this machine, which all workers share.

In: a path on a local disk; uses of limits. Out: whether there is room for them. Nothing touches the disk
before the first use, so it can be made before a fork. Raises StoreError, after 0.25 s if the database is
locked.

One use is one statement, and so one step: it moves the window, and counts, if there is room. Several are a
transaction. The file may lose the last uses if the machine crashes, but not if a process ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from apiroutes.stores.clock import boot_of_clock, is_boot, now
from apiroutes.stores.counters import Use, Window, advance, has_room
from apiroutes.stores.sqlite_database import DatabaseFile
from apiroutes.stores.sqlite_files import why_unwritable
from apiroutes.stores.sqlite_kind import OF_ANOTHER_BOOT, DatabaseKind

__all__ = ["SQLiteCounters", "why_unusable"]

# An index by when windows end would double the time of a use.
_TABLES = """
CREATE TABLE state (boot TEXT NOT NULL);
CREATE TABLE windows (
    key BLOB PRIMARY KEY, start REAL NOT NULL, previous INTEGER NOT NULL, current INTEGER NOT NULL,
    seconds INTEGER NOT NULL
) WITHOUT ROWID;
"""


def _write_boot(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO state VALUES (?)", (boot_of_clock(),))


def _flaw_of_boot(connection: sqlite3.Connection) -> str | None:
    (boot,) = connection.execute("SELECT boot FROM state").fetchone()
    return None if is_boot(boot) else OF_ANOTHER_BOOT


_COUNTS = DatabaseKind(
    name="the store of rate limits",
    database="the database of rate limits",
    remedy="remove it",
    application=0x6170694C,  # "apiL"
    version=1,
    synchronous="off",  # after a loss of power it is another boot
    tables=_TABLES,
    row="SELECT boot FROM state",
    fill=_write_boot,
    flaw_of_rows=_flaw_of_boot,
)

# What `advance`, `has_room` and the use do to a window: ?1 is the key, ?2 now, ?3 the amount, ?4 the
# seconds, ?5 the cost. The clock is never set back: a moment precedes the start of a window only by the time
# that the statement has waited for the lock.
_TAKE = """
INSERT INTO windows SELECT ?1, ?2, 0, ?5, ?4 WHERE ?5 <= ?3
ON CONFLICT (key) DO UPDATE SET
    start = CASE WHEN ?2 < start + ?4 THEN start WHEN ?2 < start + 2 * ?4 THEN start + ?4 ELSE ?2 END,
    previous = CASE WHEN ?2 < start + ?4 THEN previous WHEN ?2 < start + 2 * ?4 THEN current ELSE 0 END,
    current = ?5 + CASE WHEN ?2 < start + ?4 THEN current ELSE 0 END
WHERE ?5 + CASE
    WHEN ?2 < start + ?4 THEN CAST(previous * (1 - (?2 - start) / ?4) AS INTEGER) + current
    WHEN ?2 < start + 2 * ?4 THEN CAST(current * (1 - (?2 - start - ?4) / ?4) AS INTEGER)
    ELSE 0
END <= ?3
RETURNING start, previous, current
"""
_LOOK = "SELECT start, previous, current FROM windows WHERE key = ?"
_GIVE_BACK = """
UPDATE windows SET
    current = CASE WHEN start = ?2 THEN max(0, current - ?4) ELSE current END,
    previous = CASE WHEN start = ?2 + ?3 THEN max(0, previous - ?4) ELSE previous END
WHERE key = ?1
"""
# A window may have begun again since it was read.
_FORGET = "DELETE FROM windows WHERE key = ? AND start + 2 * seconds <= ?"
_NEXT_KEYS = "SELECT key, start + 2 * seconds FROM windows WHERE key > ? ORDER BY key LIMIT ?"

# After so many uses, a worker looks for windows that have ended among so many keys.
_USES_TO_TIDY, _KEYS_TO_TIDY = 100, 500
_OLDEST = (3, 35)  # which has RETURNING
# Bytes that the windows take at most, approximately; above that, those that end first go, more than may come.
_MOST_BYTES = 64 * 2**20


def why_unusable(path: Path) -> str | None:
    """Return why nothing can be counted in a file, as far as it shows without a use."""
    if sqlite3.sqlite_version_info < _OLDEST:
        return f"SQLite {sqlite3.sqlite_version} is older than {'.'.join(map(str, _OLDEST))}"
    return why_unwritable(path)


class SQLiteCounters:
    """Keeps counts in SQLite's file at `path`, for all processes of this machine.

    `most_bytes` is about how much disk space they take. `clock` counts seconds since the boot.
    """

    is_local = True

    def __init__(
        self, path: Path, *, most_bytes: int = _MOST_BYTES, clock: Callable[[], float] = now
    ) -> None:
        self._file = DatabaseFile(path, _COUNTS)
        self._most_bytes = most_bytes
        self._clock = clock
        self._uses = 0  # approximate: threads may count the same one
        self._tidied = b""

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        self._uses += len(uses)
        if self._uses >= _USES_TO_TIDY:
            self._uses = 0
            self._file.take_turn(self._tidy)
        return self._file.take_turn(self._take_one if len(uses) == 1 else self._take_all, uses)

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        rows = [(use.key, taken.start, use.seconds, use.cost) for use, taken in zip(uses, windows)]
        self._file.write(_give_back, rows)

    def close(self) -> None:
        self._file.close()

    def _take_one(self, connection: sqlite3.Connection, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        (use,) = uses
        moment = self._clock()
        row = connection.execute(_TAKE, (use.key, moment, use.amount, use.seconds, use.cost)).fetchone()
        if row is None:
            return False, [_look(connection, use, moment)]
        return True, [_window(row, moment)]

    def _take_all(self, connection: sqlite3.Connection, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        connection.execute("BEGIN IMMEDIATE")
        moment = self._clock()
        windows = [_look(connection, use, moment) for use in uses]
        is_taken = all(map(has_room, uses, windows))
        if is_taken:
            rows = [
                connection.execute(_TAKE, (use.key, moment, use.amount, use.seconds, use.cost)).fetchone()
                for use in uses
            ]
            windows = [_window(row, moment) for row in rows]
        connection.execute("COMMIT")
        return is_taken, windows

    def _tidy(self, connection: sqlite3.Connection) -> None:
        """Continue to remove windows that have ended, from key to key, and then start again."""
        keys = connection.execute(_NEXT_KEYS, (self._tidied, _KEYS_TO_TIDY)).fetchall()
        self._tidied = keys[-1][0] if len(keys) == _KEYS_TO_TIDY else b""
        moment = last = self._clock()
        ended = [key for key, end in keys if end <= moment]
        if len(ended) < 2 * _USES_TO_TIDY and _size_of(connection) > self._most_bytes:
            first = sorted(keys, key=itemgetter(1))[: 2 * _USES_TO_TIDY]
            ended, last = [key for key, _ in first], max(moment, first[-1][1])
        if ended:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_FORGET, [(key, last) for key in ended])
            connection.execute("COMMIT")


def _give_back(connection: sqlite3.Connection, rows: Sequence[tuple[bytes, float, int, int]]) -> None:
    connection.executemany(_GIVE_BACK, rows)


def _size_of(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the file the tables take."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)


def _look(connection: sqlite3.Connection, use: Use, moment: float) -> Window:
    row = connection.execute(_LOOK, (use.key,)).fetchone()
    return advance(None if row is None else _window(row, moment), moment, use.seconds)


def _window(row: tuple[float, int, int], moment: float) -> Window:
    start, previous, current = row
    return Window(start, previous, current, moment)
