"""List the notes and create new ones. An `index.py` answers for its directory.

What GET returns is kept for a minute, or until a note is written: a POST to this path drops it by itself, and
`[id].py` drops it for what it changes.

curl 'localhost:8000/api/notes?q=milk&limit=5'
curl localhost:8000/api/notes --json '{"title": "Milk", "text": "Two bottles"}'
"""

import secrets
from typing import Annotated, Any

from msgspec import Meta

from apiroutes import Request, json

from .._db import DB
from ._note import NewNote, Note

# For each pair of values of these keys; GET does not see others.
config = {"cache": {"revalidate": 60, "query": ["q", "limit"]}}
responses = {"POST": {201: Note}}


def GET(db: DB, q: str = "", limit: Annotated[int, Meta(ge=1, le=100)] = 20) -> list[Note]:
    """List the notes that have `q` in their title or text."""
    query = """
        SELECT id, title, text FROM notes
        WHERE instr(lower(title || ' ' || text), lower(?)) ORDER BY title, id LIMIT ?
    """
    return [Note(**row) for row in db.execute(query, (q, limit))]


def POST(req: Request, body: NewNote, db: DB) -> Any:
    """Create a note."""
    note = Note(secrets.token_hex(8), body.title, body.text)
    db.execute("INSERT INTO notes (id, title, text) VALUES (?, ?, ?)", (note.id, note.title, note.text))
    # script_root is where the application is mounted; empty when it has the server to itself.
    return json(note, status=201, headers={"Location": f"{req.script_root}/api/notes/{note.id}"})
