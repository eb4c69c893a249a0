"""The uploads that were announced, in SQLite, and what may be uploaded."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from apiroutes import Depends
from store import FileStore, Grant

LARGEST = 100 * 1024 * 1024  # bytes
UPLOAD_SECONDS = 600  # in which an upload begins, after it was announced
DOWNLOAD_SECONDS = 60
# An upload that has begun is received for up to two hours: `body_timeout`, and a second for each 16 KB.
ABANDONED_SECONDS = 3 * 3600
# How the files of each type begin: the type that a client announces is its word alone.
BEGINNINGS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "application/pdf": b"%PDF-"}
COLUMNS = "id, name, type, size, is_complete"

SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL,
    is_complete INTEGER NOT NULL DEFAULT 0, announced INTEGER NOT NULL
)
"""


@dataclass
class NewUpload:
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    type: Literal["image/png", "image/jpeg", "application/pdf"]
    size: Annotated[int, Meta(gt=0, le=LARGEST)]


@dataclass
class Upload:
    id: str
    name: str
    type: str
    size: int
    is_complete: bool

    def grant(self, method: str, seconds: int) -> Grant:
        return Grant(method, self.id, self.type, self.size, self.name, int(time.time()) + seconds)


def transaction() -> Iterator[sqlite3.Connection]:
    """Open the database for one request: committed before the response, rolled back by an exception."""
    path = Path(os.environ.get("UPLOADS_DATA", "var")) / "uploads.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(SCHEMA)
        yield db


DB = Annotated[sqlite3.Connection, Depends(transaction)]


def read(db: sqlite3.Connection, condition: str, *values: str) -> list[Upload]:
    rows = db.execute(f"SELECT {COLUMNS} FROM uploads WHERE {condition}", values)
    return [Upload(id, name, type, size, bool(done)) for id, name, type, size, done in rows]


def find(db: sqlite3.Connection, id: str) -> Upload | None:
    return next(iter(read(db, "id = ?", id)), None)


def remove_abandoned(db: sqlite3.Connection, store: FileStore) -> None:
    """Remove what was announced and never completed, once no upload of it can be under way."""
    before = time.time() - ABANDONED_SECONDS
    abandoned = "FROM uploads WHERE NOT is_complete AND announced < ?"
    for (id,) in db.execute(f"SELECT id {abandoned}", [before]).fetchall():
        store.delete(id)
    db.execute(f"DELETE {abandoned}", [before])
