"""One connection to a database of SQLite: how it is opened, waits for others, and fails.

In: a path, the kind of database. Out: connections, and what their errors mean. Raises sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apiroutes.stores.sqlite_files import address_of
from apiroutes.stores.sqlite_kind import DatabaseKind
from apiroutes.threads import native_threads

__all__ = ["BUSY_TIME", "connect", "is_damage", "patiently"]

Result = TypeVar("Result")

# Seconds to wait for a lock.
BUSY_TIME = 0.25
# Seconds between two checks whether it is free.
_PAUSE = 0.0005


def connect(path: Path, kind: DatabaseKind) -> sqlite3.Connection:
    """Return a connection to a database that has its tables. Call it under the lock."""
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
        connection.execute("PRAGMA busy_timeout = 0")  # from here on `patiently` waits
    except BaseException:
        connection.close()
        raise
    return connection


def patiently(
    connection: sqlite3.Connection, seconds: float, work: Callable[..., Result], *arguments: object
) -> Result:
    """Return what `work` returns, which is called again for some seconds while another process has a lock.

    `work` does everything or nothing. SQLite itself would try the lock a dozen times in a quarter of a
    second, and with bad luck always while another process has it, which takes it again at once.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return work(*arguments)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or connection.in_transaction or time.monotonic() >= end:
                raise
        native_threads.original("time", "sleep")(_PAUSE)


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error means that a file is damaged: SQLITE_CORRUPT, SQLITE_NOTADB."""
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such ")
