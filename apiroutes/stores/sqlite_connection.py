"""One connection to a database of SQLite: how it is made, begins to write, and fails.

In: a path, the kind of database. Out: connections, and what their errors mean. Raises sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from apiroutes.stores.sqlite_files import address_of
from apiroutes.stores.sqlite_kind import DatabaseKind
from apiroutes.threads import native_threads

__all__ = ["BUSY_TIME", "begin", "connect", "is_damage"]

# Seconds for which a lock is waited for.
BUSY_TIME = 0.25
# Seconds between two attempts to begin.
_PAUSE = 0.0005


def connect(path: Path, kind: DatabaseKind) -> sqlite3.Connection:
    """Return a connection to a database that has its tables. It is called under the lock."""
    connection = sqlite3.connect(
        address_of(path),
        timeout=BUSY_TIME,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    try:
        connection.execute(f"PRAGMA synchronous = {kind.synchronous}")
        connection.execute("PRAGMA cache_size = -1000")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute(kind.row).fetchone()  # which opens the log as well
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: sqlite3.Connection, seconds: float) -> None:
    """Begin to write, alone in the database, within some seconds. Raises sqlite3.Error.

    SQLite would look for the lock a dozen times in a quarter of a second, and with some bad luck always while
    another process has it, which takes it again at once.
    """
    sleep, end = native_threads.original("time", "sleep"), time.monotonic() + seconds
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= end:
                    raise
            sleep(_PAUSE)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIME * 1000)}")


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that a file is no database of ours: SQLITE_CORRUPT, SQLITE_NOTADB."""
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such ")
