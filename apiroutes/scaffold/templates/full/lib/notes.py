"""Notes: what they are, and how they are stored."""

import sqlite3
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

NoteId = Annotated[int, Meta(ge=1, le=2**63 - 1)]  # an integer of SQLite
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=10_000)]


@dataclass
class NoteFields:
    """What a client sends."""

    title: Title
    text: Text = ""


@dataclass
class Note:
    """A note as it is stored; `created` is a time in UTC."""

    id: int
    title: str
    text: str
    created: str


_COLUMNS = "id, title, text, created"


def list_notes(db: sqlite3.Connection, *, after: int, limit: int) -> list[Note]:
    """Return the notes with ids above `after`, the lowest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM notes WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
    )
    return [Note(*row) for row in rows]


def find_note(db: sqlite3.Connection, id: int) -> Note | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM notes WHERE id = ?", (id,)).fetchone()
    return Note(*row) if row else None


def add_note(db: sqlite3.Connection, fields: NoteFields) -> int:
    """Add a note and return its id."""
    added = db.execute("INSERT INTO notes (title, text) VALUES (?, ?)", (fields.title, fields.text))
    assert added.lastrowid is not None
    return added.lastrowid


def replace_note(db: sqlite3.Connection, id: int, fields: NoteFields) -> bool:
    """Return whether there was such a note."""
    replaced = db.execute(
        "UPDATE notes SET title = ?, text = ? WHERE id = ?", (fields.title, fields.text, id)
    )
    return replaced.rowcount == 1


def delete_note(db: sqlite3.Connection, id: int) -> bool:
    """Return whether there was such a note."""
    return db.execute("DELETE FROM notes WHERE id = ?", (id,)).rowcount == 1
