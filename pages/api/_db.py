"""The notes, in a SQLite file: `NOTES_DB` names it, `var/notes.db` of the project is the default.

A name that begins with `_` is private: this file is not a route, and the files beside and below it import it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def connect() -> Iterator[sqlite3.Connection]:
    """Open a connection for one request: committed at the end, rolled back on an error, always closed.

    Nothing is shared between threads or processes, so any number of workers may serve the same file.
    """
    with closing(sqlite3.connect(_path(), timeout=10)) as db, db:
        db.row_factory = _as_dict
        db.executescript(SCHEMA)
        yield db


def _path() -> str | Path:
    if path := os.environ.get("NOTES_DB"):
        return path
    DEFAULT.parent.mkdir(exist_ok=True)
    return DEFAULT


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    names = (column[0] for column in cursor.description)
    return dict(zip(names, row, strict=True))
