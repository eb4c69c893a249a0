"""What a note is, for the routes that take or give one. The types are what requests are checked against."""

from sqlite3 import Connection
from typing import Annotated, Any

from msgspec import Meta, Struct

from apiroutes import ApiError


class NewNote(Struct, forbid_unknown_fields=True):
    """A note as a client sends it."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    text: str = ""


class Note(Struct):
    """A note as it is kept."""

    id: str
    title: str
    text: str


def find_note(db: Connection, id: str) -> Any:
    """Return the note of that id, or answer 404."""
    note = db.execute("SELECT id, title, text FROM notes WHERE id = ?", (id,)).fetchone()
    if note is None:
        raise ApiError(404, f"No note {id!r}")
    return note
