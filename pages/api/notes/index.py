"""List the notes and create new ones. An `index.py` answers for its directory.

curl 'localhost:8000/api/notes?q=milk&limit=5'
curl localhost:8000/api/notes --json '{"title": "Milk", "text": "Two bottles"}'
"""

import re
import secrets

from apiroutes import ApiError, Request, Response

from .._db import connect
from ._note import read_note


def handler(req: Request, res: Response) -> None:
    match req.method:
        case "GET" | "HEAD":
            list_notes(req, res)
        case "POST":
            create_note(req, res)
        case _:
            res.status(405).set_header("Allow", "GET, HEAD, POST").send("Method Not Allowed")


def list_notes(req: Request, res: Response) -> None:
    q, limit = req.query.get("q", ""), req.query.get("limit", "20")
    # A key that is repeated in the query string comes as a list.
    if not isinstance(q, str):
        raise ApiError(422, "q may be given once")
    if not isinstance(limit, str) or not re.fullmatch("[1-9][0-9]?|100", limit):
        raise ApiError(422, "limit must be a number from 1 to 100")
    query = """
        SELECT id, title, text FROM notes
        WHERE instr(lower(title || ' ' || text), lower(?)) ORDER BY title, id LIMIT ?
    """
    with connect() as db:
        res.json(db.execute(query, (q, int(limit))).fetchall())


def create_note(req: Request, res: Response) -> None:
    title, text = read_note(req.body)
    note = {"id": secrets.token_hex(8), "title": title, "text": text}
    with connect() as db:
        db.execute("INSERT INTO notes (id, title, text) VALUES (:id, :title, :text)", note)
    # script_root is where the application is mounted; empty when it has the server to itself.
    res.set_header("Location", f"{req.script_root}/api/notes/{note['id']}")
    res.status(201).json(note)
