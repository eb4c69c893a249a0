"""The database, a SQLite file: `BOOKS_DB` names it, `var/books.db` is the default."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

from apiroutes import Depends

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS books (isbn TEXT PRIMARY KEY, title TEXT NOT NULL, year INTEGER NOT NULL)"
)


def transaction() -> Iterator[sqlite3.Connection]:
    """Open the database for one request: committed before the response, rolled back by an exception."""
    path = Path(os.environ.get("BOOKS_DB", "var/books.db"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(SCHEMA)
        yield db


DB = Annotated[sqlite3.Connection, Depends(transaction)]
