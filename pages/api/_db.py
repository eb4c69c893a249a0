"""The notes, in a SQLite file: `NOTES_DB` names it, `var/notes.db` of the project is the default.

A name that begins with `_` is private: this file is not a route, and the files beside and below it import it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

from apiroutes import Depends

DEFAULT = Path(__file__).parents[2] / "var" / "notes.db"

# A reader in WAL mode, such as a slow stream, does not keep the others from writing.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = ON;
CREATE TABLE IF NOT EXISTS notes (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY,
    note TEXT NOT NULL REFERENCES notes ON DELETE CASCADE,
    content BLOB NOT NULL
);
"""


def connect() -> sqlite3.Connection:
    """Open a connection.

    Only one request uses it, so any number of workers may serve the same file. A server may send a stream from
    another thread than the handler's.
    """
    db = sqlite3.connect(_path(), timeout=10, check_same_thread=False)
    db.row_factory = _as_dict
    db.executescript(SCHEMA)
    return db


def transaction() -> Iterator[sqlite3.Connection]:
    """Give a request a connection: committed before the response is sent, rolled back on an error, always closed."""
    with closing(connect()) as db, db:
        yield db


# What a handler's parameter is annotated with: `def GET(db: DB)`.
DB = Annotated[sqlite3.Connection, Depends(transaction)]


def _path() -> str | Path:
    if path := os.environ.get("NOTES_DB"):
        return path
    DEFAULT.parent.mkdir(exist_ok=True)
    return DEFAULT


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    names = (column[0] for column in cursor.description)
    return dict(zip(names, row, strict=True))
