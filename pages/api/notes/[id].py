"""Read, write and delete one note. A name in brackets matches any one segment of the path.

curl localhost:8000/api/notes/milk -X PUT --json '{"title": "Milk", "text": "Two bottles"}'
curl localhost:8000/api/notes/milk
curl localhost:8000/api/notes/milk -X DELETE
"""

from apiroutes import Response, revalidate_path

from .._db import DB
from ._note import NewNote, Note, find_note

responses = {"PUT": {201: Note}, "DELETE": {204: "The note is gone"}}


def GET(id: str, db: DB) -> Note:
    """Read a note.

    Raises 404 when there is none.
    """
    return Note(**find_note(db, id))


def PUT(id: str, body: NewNote, res: Response, db: DB) -> Note:
    """Write a note, which need not exist."""
    values = (body.title, body.text, id)
    # The first statement that writes opens the transaction; nobody else writes until it ends.
    changed = db.execute("UPDATE notes SET title = ?, text = ? WHERE id = ?", values).rowcount
    if not changed:
        db.execute("INSERT INTO notes (title, text, id) VALUES (?, ?, ?)", values)
    # The transaction is committed later, and the list that is computed until then is dropped as well.
    revalidate_path("/api/notes")
    res.status(200 if changed else 201)
    return Note(id, body.title, body.text)


def DELETE(id: str, res: Response, db: DB) -> None:
    """Delete a note, and its attachments.

    Raises 404 when there is none.
    """
    db.execute("DELETE FROM notes WHERE id = :id", find_note(db, id))
    revalidate_path("/api/notes")
    res.status(204).end()
