"""What a note is, for the routes that take or give one."""

from sqlite3 import Connection
from typing import Any

from apiroutes import ApiError


def find_note(db: Connection, id: Any) -> Any:
    """Return the note of that id, or answer 404."""
    note = db.execute("SELECT id, title, text FROM notes WHERE id = ?", (id,)).fetchone()
    if note is None:
        raise ApiError(404, f"No note {id!r}")
    return note


def read_note(body: Any) -> tuple[str, str]:
    """Return title and text of a note that a client sent, or answer 422 and say what is wrong with it."""
    if not isinstance(body, dict):
        raise ApiError(422, 'Send a note as JSON: {"title": "Milk", "text": "Two bottles"}')
    if unknown := sorted(body.keys() - {"title", "text"}):
        raise ApiError(422, f"A note has no {unknown[0]!r}")
    title, text = body.get("title"), body.get("text", "")
    if not isinstance(title, str) or not 1 <= len(title) <= 200:
        raise ApiError(422, "title must be a string of 1 to 200 characters")
    if not isinstance(text, str):
        raise ApiError(422, "text must be a string")
    return title, text
