"""What SQLiteStore reads and writes, each a function of a connection.

In: a connection, in a transaction for writes. Out: rows as values. Raises sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache

from apiroutes.stores.clock import now
from apiroutes.stores.packed_entries import PackedEntry, pack_names, unpack_names
from apiroutes.stores.processes import is_alive, this_process
from apiroutes.stores.records import PART_TO_PRUNE, record_of
from apiroutes.stores.store import Lease, Mode
from apiroutes.structs import Struct

__all__ = [
    "Limits",
    "bump",
    "clear",
    "counts",
    "is_lease_free",
    "last_bumps",
    "lease",
    "note_uses",
    "put",
    "release",
    "remove",
    "sequence_and_epoch",
]

Uses = Sequence[tuple[bytes, float]]

# Names in one statement; SQLite allows 999 values, or more.
_MOST_NAMES = 500
# How many entries are read at once for removal.
_PART_TO_EVICT = 50


class Limits(Struct, frozen=True):
    """How many entries, bytes, and records of bumps or leases a store has at most."""

    entries: int
    size: int
    records: int


# -- entries


def put(
    connection: sqlite3.Connection,
    key: bytes,
    entry: PackedEntry,
    data: bytes,
    lease: Lease,
    limits: Limits,
    take_uses: Callable[[], Uses],
) -> bool:
    """Keep an entry, unless its lease does not hold for it; remove others until all fit into the limits.

    `take_uses` returns the uses that have not been noted yet, which decide what is removed.
    """
    _, epoch = sequence_and_epoch(connection)
    if lease.epoch != epoch or max(last_bumps(connection, entry.names)) > lease.sequence:
        return False
    connection.execute("DELETE FROM entries WHERE key = ?", (key,))
    connection.execute(
        "INSERT INTO entries (key, sequence, used, size, entry) VALUES (?, ?, ?, ?, ?)",
        (key, lease.sequence, entry.time, len(key) + len(data), data),
    )
    connection.execute("DELETE FROM leases WHERE key = ? AND token = x''", (key,))
    connection.execute("UPDATE leases SET failures = 0, retry_at = 0 WHERE key = ?", (key,))
    _evict(connection, limits, take_uses)
    return True


def remove(connection: sqlite3.Connection, key: bytes) -> None:
    connection.execute("DELETE FROM entries WHERE key = ?", (key,))


def note_uses(connection: sqlite3.Connection, uses: Uses) -> None:
    """Record when keys were last used, each as a moment of this boot."""
    rows = [(moment, key) for key, moment in uses]
    connection.executemany("UPDATE entries SET used = max(used, ?) WHERE key = ?", rows)


def _evict(connection: sqlite3.Connection, limits: Limits, take_uses: Callable[[], Uses]) -> None:
    oldest = "SELECT id, size FROM entries ORDER BY used, id LIMIT ?"
    while True:
        entries, size = connection.execute("SELECT entries, size FROM state").fetchone()
        if entries <= limits.entries and size <= limits.size:
            return
        note_uses(connection, take_uses())
        for number, its_size in connection.execute(oldest, (_PART_TO_EVICT,)).fetchall():
            if entries <= limits.entries and size <= limits.size:
                return
            connection.execute("DELETE FROM entries WHERE id = ?", (number,))
            entries, size = entries - 1, size - its_size


# -- revalidation


def sequence_and_epoch(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Return how often something was revalidated, and the epoch of that count."""
    sequence, epoch = connection.execute("SELECT sequence, epoch FROM state").fetchone()
    return sequence, epoch


def last_bumps(connection: sqlite3.Connection, names: Sequence[str]) -> tuple[int, int]:
    """Return the sequences of the last bumps of any of the names, with the mode "expire" and with "stale"."""
    if len(names) > _MOST_NAMES:
        # Pruning records between two statements raises the bump of all names, which both read.
        parts = [
            last_bumps(connection, names[i : i + _MOST_NAMES]) for i in range(0, len(names), _MOST_NAMES)
        ]
        return max(expire for expire, _ in parts), max(stale for _, stale in parts)
    records = [record_of(name) for name in names]
    expire, stale = connection.execute(_select_bumps(len(names)), records).fetchone()
    return expire, stale


@cache
def _select_bumps(count: int) -> str:
    return f"SELECT max(expire), max(stale) FROM bumps WHERE name IN (x''{', ?' * count})"


def bump(connection: sqlite3.Connection, name: str, mode: Mode, limits: Limits) -> None:
    """Record that a name is revalidated now."""
    connection.execute("UPDATE state SET sequence = sequence + 1")
    sequence, _ = sequence_and_epoch(connection)
    record = record_of(name)
    connection.execute("INSERT OR IGNORE INTO bumps VALUES (?, 0, 0)", (record,))
    connection.execute(f"UPDATE bumps SET {mode} = ? WHERE name = ?", (sequence, record))
    (records,) = connection.execute("SELECT bumps - 1 FROM state").fetchone()
    if records > limits.records:
        _prune_bumps(connection, limits.records)


def clear(connection: sqlite3.Connection) -> None:
    """Forget everything, as if all names were bumped."""
    connection.execute("UPDATE state SET sequence = sequence + 1")
    sequence, _ = sequence_and_epoch(connection)
    connection.execute("DELETE FROM entries")
    connection.execute("DELETE FROM leases")
    connection.execute("DELETE FROM bumps WHERE name != x''")
    connection.execute("UPDATE bumps SET expire = ?", (sequence,))


def _prune_bumps(connection: sqlite3.Connection, limit: int) -> None:
    """Forget the bumps that are older than all entries, and if there are too many others, the oldest.

    Whatever began before a forgotten bump counts as revalidated.
    """
    (least,) = connection.execute(
        "SELECT min(sequence) FROM (SELECT min(sequence) AS sequence FROM entries"
        " UNION ALL SELECT min(sequence) FROM leases WHERE token != x'')"
    ).fetchone()
    last = connection.execute(
        "SELECT max(expire, stale) AS last FROM bumps WHERE name != x'' ORDER BY last LIMIT 1 OFFSET ?",
        (limit // PART_TO_PRUNE,),
    ).fetchone()[0]
    floor = last if least is None else max(least, last)
    connection.execute("DELETE FROM bumps WHERE name != x'' AND max(expire, stale) <= ?", (floor,))
    connection.execute("UPDATE bumps SET expire = max(expire, ?) WHERE name = x''", (floor,))
    connection.execute("DELETE FROM entries WHERE sequence < ?", (floor,))


# -- leases


def is_lease_free(connection: sqlite3.Connection, key: bytes, at_once: bool) -> bool:
    """Return whether the lease on a key can be given now."""
    held = connection.execute(
        "SELECT token, sequence, names, owner, until, retry_at FROM leases WHERE key = ?", (key,)
    ).fetchone()
    if held is None:
        return True
    token, sequence, names, owner, until, retry_at = held
    if not token:
        return at_once or now() >= retry_at
    if max(last_bumps(connection, unpack_names(names))) > sequence:
        return True
    lives = is_alive(owner)
    return now() >= until if lives is None else not lives


def lease(
    connection: sqlite3.Connection,
    key: bytes,
    token: bytes,
    names: Sequence[str],
    seconds: float,
    at_once: bool,
    limits: Limits,
) -> Lease | None:
    """Give the lease on a key, if it can be given now."""
    if not is_lease_free(connection, key, at_once):
        return None
    sequence, epoch = sequence_and_epoch(connection)
    row = connection.execute("SELECT failures FROM leases WHERE key = ?", (key,)).fetchone()
    failures: int = 0 if row is None else row[0]
    connection.execute("DELETE FROM leases WHERE key = ?", (key,))
    values = (key, token, sequence, pack_names(names), this_process(), now() + seconds)
    connection.execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, 0)", (*values, failures))
    _prune_leases(connection, limits.records)
    return Lease(key, sequence, epoch, token, failures)


def release(connection: sqlite3.Connection, lease: Lease, retry_after: float | None) -> None:
    """Give a lease back, with a record if its computation failed, now or before."""
    held = (lease.key, lease.token)
    if retry_after is not None:
        connection.execute(
            "UPDATE leases SET token = x'', failures = failures + 1, retry_at = ?"
            " WHERE key = ? AND token = ?",
            (now() + retry_after, *held),
        )
        return
    connection.execute("DELETE FROM leases WHERE key = ? AND token = ? AND failures = 0", held)
    connection.execute("UPDATE leases SET token = x'' WHERE key = ? AND token = ?", held)


def _prune_leases(connection: sqlite3.Connection, limit: int) -> None:
    """Forget failures when there are too many, those with the least time to wait first; then old leases."""
    (leases,) = connection.execute("SELECT leases FROM state").fetchone()
    if leases > limit:
        connection.execute(
            "DELETE FROM leases WHERE key IN (SELECT key FROM leases ORDER BY token != x'', retry_at, until"
            " LIMIT ?)",
            (limit // PART_TO_PRUNE,),
        )


# -- the whole


def counts(connection: sqlite3.Connection) -> tuple[int, int, int, int, int]:
    """Return the number of entries, their size, the numbers of revalidations, of their names, of leases."""
    (leases,) = connection.execute("SELECT count(*) FROM leases WHERE token != x''").fetchone()
    select = "SELECT entries, size, sequence, bumps - 1 FROM state"
    entries, size, sequence, names = connection.execute(select).fetchone()
    return entries, size, sequence, names, leases
