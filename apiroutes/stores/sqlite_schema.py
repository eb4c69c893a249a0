"""The tables in which SQLiteStore keeps entries, bumps and leases.

In: connections. Out: the kind of database.
"""

from __future__ import annotations

import secrets
import sqlite3

from apiroutes.stores.clock import boot_of_clock, is_boot
from apiroutes.stores.sqlite_kind import OF_ANOTHER_BOOT, DatabaseKind

__all__ = ["CACHE"]

# `state` has one row, whose counts the triggers keep. `bumps` has the sequence of each name's last bump in
# each mode; the bumps of the empty name are of all entries. A lease without a token is the record of a
# failure.
_TABLES = """
CREATE TABLE state (
    epoch BLOB NOT NULL, boot TEXT NOT NULL, sequence INTEGER NOT NULL,
    entries INTEGER NOT NULL, size INTEGER NOT NULL, bumps INTEGER NOT NULL, leases INTEGER NOT NULL
);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, sequence INTEGER NOT NULL, used REAL NOT NULL,
    size INTEGER NOT NULL, entry BLOB NOT NULL
);
CREATE INDEX entries_by_use ON entries (used);
CREATE INDEX entries_by_sequence ON entries (sequence);
CREATE TABLE bumps (name BLOB PRIMARY KEY, expire INTEGER NOT NULL, stale INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases (
    key BLOB PRIMARY KEY, token BLOB NOT NULL, sequence INTEGER NOT NULL, names BLOB NOT NULL,
    owner TEXT NOT NULL, until REAL NOT NULL, failures INTEGER NOT NULL, retry_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE state SET entries = entries + 1, size = size + new.size;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE state SET entries = entries - 1, size = size - old.size;
END;
CREATE TRIGGER bump_added AFTER INSERT ON bumps BEGIN UPDATE state SET bumps = bumps + 1; END;
CREATE TRIGGER bump_removed AFTER DELETE ON bumps BEGIN UPDATE state SET bumps = bumps - 1; END;
CREATE TRIGGER lease_added AFTER INSERT ON leases BEGIN UPDATE state SET leases = leases + 1; END;
CREATE TRIGGER lease_removed AFTER DELETE ON leases BEGIN UPDATE state SET leases = leases - 1; END;
"""


def _begin_epoch(connection: sqlite3.Connection) -> None:
    state = "INSERT INTO state VALUES (?, ?, 0, 0, 0, 0, 0)"
    connection.execute(state, (secrets.token_bytes(16), boot_of_clock()))
    connection.execute("INSERT INTO bumps VALUES (x'', 0, 0)")


def _flaw_of_epoch(connection: sqlite3.Connection) -> str | None:
    (boot,) = connection.execute("SELECT boot FROM state").fetchone()
    return None if is_boot(boot) else OF_ANOTHER_BOOT


CACHE = DatabaseKind(
    name="the cache",
    database="the cache's database",
    remedy="set `cache_path` to another path",
    application=0x61706952,  # "apiR", so that the file of another application is not mistaken for ours
    version=1,
    synchronous="off",  # after a loss of power it is another boot
    tables=_TABLES,
    row="SELECT epoch FROM state",
    fill=_begin_epoch,
    flaw_of_rows=_flaw_of_epoch,
)
