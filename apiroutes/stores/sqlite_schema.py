"""The tables of a database, whether a file has them, and those in which SQLiteStore keeps its entries.

In: connections. Out: tables; or what is wrong with those that are there.
"""

from __future__ import annotations

import secrets
import sqlite3

from apiroutes.stores.clock import boot_of_clock, is_boot
from apiroutes.structs import Struct

__all__ = ["ENTRIES", "EMPTY", "MISSING", "OF_ANOTHER_BOOT", "Schema"]

# What is wrong with a file in which nothing is lost.
MISSING, EMPTY, OF_ANOTHER_BOOT = "is missing", "is empty", "is of another boot"

# `state` has one row, whose counts the triggers keep. `bumps` has the sequence of each name's last bump in
# each mode; those of the empty name are of all entries. A lease without a token is the record of a failure.
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


class Schema(Struct, frozen=True):
    """The tables of one kind of file, among them `state` with one row, which has the name of the `boot`.

    `owner` is what messages call the one who keeps them, and `remedy` what to do about the file of another
    application. `application` is PRAGMA application_id: nobody takes such a file for ours. `rows` are
    statements that fill the tables, of parameters `:chance`, 16 random bytes, and `:boot`.
    """

    owner: str
    remedy: str
    application: int
    version: int
    tables: str
    rows: tuple[str, ...]

    def create(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty database: all of them, or none."""
        marks = f"PRAGMA application_id = {self.application}; PRAGMA user_version = {self.version};"
        connection.executescript(f"BEGIN; {self.tables} {marks}")
        for row in self.rows:
            connection.execute(row, {"chance": secrets.token_bytes(16), "boot": boot_of_clock()})
        connection.execute("COMMIT")

    def flaw_of(self, connection: sqlite3.Connection) -> str | None:
        """Return why the tables in a file cannot be used; None if they can.

        Raises ValueError for a database of another application.
        """
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != self.application and (application or not version):
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                return EMPTY
            raise ValueError(f"it is the database of another application; {self.remedy}")
        if (application, version) != (self.application, self.version):
            return "is of another version"
        (boot,) = connection.execute("SELECT boot FROM state").fetchone()
        return None if is_boot(boot) else OF_ANOTHER_BOOT


# What keeps the entries of the cache, and their revalidations; its application_id is "apiR".
ENTRIES = Schema(
    "the cache",
    "set `cache_path` to another path",
    0x61706952,
    1,
    _TABLES,
    (
        "INSERT INTO state VALUES (:chance, :boot, 0, 0, 0, 0, 0)",
        "INSERT INTO bumps VALUES (x'', 0, 0)",
    ),
)
