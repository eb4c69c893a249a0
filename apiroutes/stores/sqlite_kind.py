"""What distinguishes the databases of one purpose: their tables, and how safely they are written.

In: connections. Out: tables; or what is wrong with existing ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Literal

from apiroutes.structs import Struct

__all__ = ["EMPTY", "HARMLESS", "MISSING", "OF_ANOTHER_BOOT", "DatabaseKind", "create_tables", "flaw_of"]

# Flaws of a file with which nothing is lost.
MISSING, EMPTY, OF_ANOTHER_BOOT = "is missing", "is empty", "is from before a restart of the machine"
HARMLESS = (MISSING, EMPTY, OF_ANOTHER_BOOT)


class DatabaseKind(Struct, frozen=True):
    """The databases of one purpose.

    `name` and `database` are what messages call the store and its database, and `remedy` what helps if the
    file belongs to another application. `application` and `version` are the file's own (PRAGMA application_id
    and user_version). `fill` puts the first rows into new tables; `flaw_of_rows` returns what is wrong with
    existing rows. `row` is a statement that reads a row, if there is one.
    """

    name: str
    database: str
    remedy: str
    application: int
    version: int
    synchronous: Literal["off", "normal"]
    tables: str
    row: str
    fill: Callable[[sqlite3.Connection], object]
    flaw_of_rows: Callable[[sqlite3.Connection], str | None]


def create_tables(connection: sqlite3.Connection, kind: DatabaseKind) -> None:
    """Create the tables in an empty database: all of them, with their first rows, or none."""
    connection.executescript(
        f"BEGIN; {kind.tables}"
        f"PRAGMA application_id = {kind.application}; PRAGMA user_version = {kind.version};"
    )
    kind.fill(connection)
    connection.execute("COMMIT")


def flaw_of(connection: sqlite3.Connection, kind: DatabaseKind) -> str | None:
    """Return why the tables in a file cannot be used; None if they can.

    Raises ValueError for a database of another application.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != kind.application and (application or not version):
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            return EMPTY
        raise ValueError(f"it is the database of another application; {kind.remedy}")
    if (application, version) != (kind.application, kind.version):
        return "has another version"
    return kind.flaw_of_rows(connection)
