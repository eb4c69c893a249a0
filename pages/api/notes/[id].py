"""Read, write and delete one note. A name in brackets matches any one segment of the path.

curl localhost:8000/api/notes/milk -X PUT --json '{"title": "Milk", "text": "Two bottles"}'
curl localhost:8000/api/notes/milk
curl localhost:8000/api/notes/milk -X DELETE
"""

from apiroutes import Request, Response

from .._db import connect
from ._note import find_note, read_note


def handler(req: Request, res: Response) -> None:
    match req.method:
        case "GET" | "HEAD":
            read(req, res)
        case "PUT":
            write(req, res)
        case "DELETE":
            delete(req, res)
        case _:
            res.status(405).set_header("Allow", "GET, HEAD, PUT, DELETE").send("Method Not Allowed")


def read(req: Request, res: Response) -> None:
    with connect() as db:
        res.json(find_note(db, req.params["id"]))


def write(req: Request, res: Response) -> None:
    title, text = read_note(req.body)
    note = {"id": req.params["id"], "title": title, "text": text}
    with connect() as db:
        # The first statement that writes opens the transaction; nobody else writes until it ends.
        changed = db.execute("UPDATE notes SET title = :title, text = :text WHERE id = :id", note).rowcount
        if not changed:
            db.execute("INSERT INTO notes (id, title, text) VALUES (:id, :title, :text)", note)
    res.status(200 if changed else 201).json(note)


def delete(req: Request, res: Response) -> None:
    with connect() as db:
        db.execute("DELETE FROM notes WHERE id = :id", find_note(db, req.params["id"]))
    res.status(204).end()
