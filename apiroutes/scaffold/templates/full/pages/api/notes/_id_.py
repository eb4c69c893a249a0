"""Answers /api/notes/1 and the like."""

from apiroutes import ApiError, Response

from lib.database import Database
from lib.notes import Note, NoteFields, NoteId, delete_note, find_note, replace_note


def GET(db: Database, id: NoteId) -> Note:
    """Read a note.

    Raises 404 when there is none.
    """
    note = find_note(db, id)
    if note is None:
        raise ApiError(404, "No such note")
    return note


def PUT(db: Database, id: NoteId, body: NoteFields) -> Note:
    """Replace a note.

    Raises 404 when there is none.
    """
    replace_note(db, id, body)
    return GET(db, id)


def DELETE(db: Database, id: NoteId, res: Response) -> None:
    """Delete a note.

    Raises 404 when there is none.
    """
    if not delete_note(db, id):
        raise ApiError(404, "No such note")
    res.status(204)
