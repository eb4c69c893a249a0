"""What SQLiteSessionStore reads and writes, each a function of a connection; and its table.

In: a connection, in a transaction for writes. Out: rows as values. Raises sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping

from apiroutes.stores.packed_values import pack_values, unpack_values
from apiroutes.stores.session_store import Lifetime
from apiroutes.stores.session_times import Times, checked_size
from apiroutes.stores.sqlite_kind import DatabaseKind
from apiroutes.structs import Struct

__all__ = [
    "SESSIONS",
    "Found",
    "begin",
    "end",
    "end_all",
    "find",
    "is_kept",
    "merge",
    "note_use",
    "rename",
]

# How many sessions that have ended are deleted when one begins: more than one, so that they do not add up.
_MOST_DELETED = 20

# `ended` is when a session ends if nobody uses it, and `whole_end` when it ends in any case.
_TABLES = """
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, owner BLOB, begun REAL NOT NULL, used REAL NOT NULL,
    whole_end REAL NOT NULL, ended REAL NOT NULL, "values" BLOB NOT NULL
);
CREATE INDEX sessions_by_owner ON sessions (owner) WHERE owner IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (ended);
"""


class Found(Struct, frozen=True):
    """A stored session, whether it has ended or not."""

    values: dict[str, bytes]
    times: Times
    owner: str | None


def find(connection: sqlite3.Connection, key: bytes) -> Found | None:
    """Return the session under a key; None also for one that is damaged."""
    row = connection.execute(
        'SELECT begun, used, whole_end, ended, owner, "values" FROM sessions WHERE key = ?', (key,)
    ).fetchone()
    if row is None:
        return None
    begun, used, whole_end, ended, owner, packed = row
    values = unpack_values(packed)
    if values is None:
        return None
    return Found(values, Times(begun, used, whole_end, ended), None if owner is None else _text(owner))


def note_use(connection: sqlite3.Connection, key: bytes, times: Times) -> None:
    """Record when a session was last used, and so when it ends."""
    connection.execute(
        "UPDATE sessions SET used = ?, ended = ? WHERE key = ? AND begun = ?",
        (times.used, times.end, key, times.begun),
    )


def begin(
    connection: sqlite3.Connection, key: bytes, values: Mapping[str, bytes], times: Times, owner: str | None
) -> None:
    """Keep a new session, and delete some that have ended."""
    connection.execute(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended <= ? LIMIT ?)",
        (times.begun, _MOST_DELETED),
    )
    connection.execute(
        "INSERT OR REPLACE INTO sessions"
        ' (key, owner, begun, used, whole_end, ended, "values") VALUES (?, ?, ?, ?, ?, ?, ?)',
        (key, _bytes(owner), times.begun, times.used, times.whole_end, times.end, pack_values(values)),
    )


def merge(
    connection: sqlite3.Connection,
    key: bytes,
    changed: Mapping[str, bytes],
    removed: Collection[str],
    lifetime: Lifetime,
    clock: Callable[[], float],
) -> bool:
    """Write some values of a session, and remove others; return False if it has ended or does not exist.

    Raises SessionTooLarge.
    """
    found, moment = find(connection, key), clock()
    if found is None or found.times.have_ended(moment, lifetime):
        return False
    values = {name: value for name, value in found.values.items() if name not in removed}
    values.update(changed)
    checked_size(values)
    times = found.times.when_used(moment, lifetime)
    connection.execute(
        'UPDATE sessions SET used = ?, ended = ?, "values" = ? WHERE key = ?',
        (times.used, times.end, pack_values(values), key),
    )
    return True


def rename(
    connection: sqlite3.Connection,
    key: bytes,
    new_key: bytes,
    owner: str | None,
    lifetime: Lifetime,
    clock: Callable[[], float],
) -> bool:
    """Move a session to a new key, where it restarts; return False if it has ended or does not exist."""
    found, moment = find(connection, key), clock()
    if found is None or found.times.have_ended(moment, lifetime):
        return False
    times = Times.at_beginning(moment, lifetime)
    connection.execute(
        "UPDATE OR REPLACE sessions SET key = ?, owner = coalesce(?, owner), begun = ?, used = ?,"
        " whole_end = ?, ended = ? WHERE key = ?",
        (new_key, _bytes(owner), times.begun, times.used, times.whole_end, times.end, key),
    )
    return True


def is_kept(connection: sqlite3.Connection, key: bytes) -> bool:
    return connection.execute("SELECT 1 FROM sessions WHERE key = ?", (key,)).fetchone() is not None


def end(connection: sqlite3.Connection, key: bytes) -> None:
    connection.execute("DELETE FROM sessions WHERE key = ?", (key,))


def end_all(connection: sqlite3.Connection, owner: str, clock: Callable[[], float]) -> int:
    """Delete every session of an owner; return how many of them had not ended."""
    its = _bytes(owner)
    (count,) = connection.execute(
        "SELECT count(*) FROM sessions WHERE owner = ? AND ended > ?", (its, clock())
    ).fetchone()
    connection.execute("DELETE FROM sessions WHERE owner = ?", (its,))
    return int(count)


def _flaw(connection: sqlite3.Connection) -> str | None:
    find(connection, b"")  # which fails without the table
    return None


def _bytes(owner: str | None) -> bytes | None:
    """Return the name of an owner as it is stored: some strings are not valid UTF-8, as SQLite needs them."""
    return None if owner is None else owner.encode("utf-8", "surrogatepass")


def _text(owner: bytes) -> str:
    return owner.decode("utf-8", "surrogatepass")


SESSIONS = DatabaseKind(
    name="the store of sessions",
    database="the sessions' database",
    remedy="move that one to another place",
    application=0x61706953,  # "apiS", so that the file of another application is not mistaken for ours
    version=1,
    synchronous="normal",
    tables=_TABLES,
    row="SELECT id FROM sessions LIMIT 1",
    fill=lambda connection: None,
    flaw_of_rows=_flaw,
)
