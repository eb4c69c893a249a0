"""The database: a file of SQLite, a connection for each request, and migrations.

`DATABASE_PATH` is the file; a relative path begins at the project's directory.
"""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

from apiroutes import Depends

ROOT = Path(__file__).parents[1]
MIGRATIONS = ROOT / "migrations"
BUSY_SECONDS = 5.0  # a connection waits this long while another one writes


def database_path() -> Path:
    return ROOT / os.environ.get("DATABASE_PATH", "data/app.db")


def connect() -> sqlite3.Connection:
    """Open a connection, whose first change begins a transaction."""
    db = sqlite3.connect(
        database_path(),
        timeout=BUSY_SECONDS,
        isolation_level="IMMEDIATE",  # waits for its turn when it begins, not when it commits
        check_same_thread=False,  # an async handler uses it in another thread
    )
    db.execute("PRAGMA foreign_keys = ON")
    return db


def connection() -> Iterator[sqlite3.Connection]:
    """Give a request its connection; commit what its handler did, unless it has raised."""
    with closing(connect()) as db:
        yield db
        db.commit()


# The parameter `db: Database` of a handler is such a connection.
Database = Annotated[sqlite3.Connection, Depends(connection)]


def migrate(migrations: Path = MIGRATIONS) -> None:
    """Run the migrations that the database lacks, in the order of their numbers.

    `0001_notes.sql` takes the database to version 1. Each file is one transaction. A file that has
    been released stays as it is; a change of the schema is a new file.
    """
    database_path().parent.mkdir(parents=True, exist_ok=True)
    with (
        # All workers start at the same time: the first one migrates, and the others wait for it.
        database_path().with_suffix(".lock").open("w") as lock,
        closing(connect()) as db,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        db.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
        (version,) = db.execute("PRAGMA user_version").fetchone()
        for number, file in numbered_files(migrations):
            if number > version:
                script = file.read_text(encoding="utf-8")
                db.executescript(
                    f"BEGIN IMMEDIATE;\n{script}\n;PRAGMA user_version = {number};\nCOMMIT;"
                )


def numbered_files(migrations: Path) -> list[tuple[int, Path]]:
    """Return the migrations with their numbers, in order."""
    files = [(re.match(r"\d+", file.name), file) for file in migrations.glob("*.sql")]
    return sorted((int(number[0]), file) for number, file in files if number)
