"""Attach files to a note. An upload is a multipart form; its files are in `req.files`.

curl localhost:8000/api/notes/milk/attachments -F file=@bottle.jpg
curl localhost:8000/api/files/milk/bottle.jpg -O
"""

from apiroutes import ApiError, Request, Response

from ..._db import connect
from .._note import find_note

# The default is 1mb; a larger body is answered 413.
config = {"api": {"bodyParser": {"sizeLimit": "5mb"}}}


def handler(req: Request, res: Response) -> None:
    match req.method:
        case "GET" | "HEAD":
            list_attachments(req, res)
        case "POST":
            attach(req, res)
        case _:
            res.status(405).set_header("Allow", "GET, HEAD, POST").send("Method Not Allowed")


def list_attachments(req: Request, res: Response) -> None:
    query = "SELECT path, length(content) AS size FROM files WHERE note = :id ORDER BY path"
    with connect() as db:
        find_note(db, req.params["id"])
        res.json(db.execute(query, req.params).fetchall())


def attach(req: Request, res: Response) -> None:
    id = req.params["id"]
    uploads = [upload for upload in req.files.getlist("file") if upload.filename]
    if not uploads:
        raise ApiError(422, "Send one file or more in the form field 'file'")
    with connect() as db:
        db.execute("BEGIN IMMEDIATE")  # nobody deletes the note between the search and the insert
        find_note(db, id)
        for upload in uploads:
            file = (f"{id}/{upload.filename}", id, upload.stream.read())
            db.execute("INSERT OR REPLACE INTO files (path, note, content) VALUES (?, ?, ?)", file)
    res.status(201).json([upload.filename for upload in uploads])
