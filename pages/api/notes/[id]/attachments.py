"""Attach files to a note. An upload is a parameter of the handler; several are a list.

curl localhost:8000/api/notes/milk/attachments -F file=@bottle.jpg
curl localhost:8000/api/files/milk/bottle.jpg -O
"""

from typing import Any

import msgspec

from apiroutes import ApiError, UploadFile, json

from ..._db import DB
from .._note import find_note

# The default is 1mb; a larger body gets a 413.
config = {"api": {"bodyParser": {"sizeLimit": "5mb"}}}
responses = {"POST": {201: list[str]}}


class Attachment(msgspec.Struct):
    path: str
    size: int


def GET(id: str, db: DB) -> list[Attachment]:
    """List the files of a note.

    Raises 404 when there is no such note.
    """
    query = "SELECT path, length(content) AS size FROM files WHERE note = ? ORDER BY path"
    find_note(db, id)
    return [Attachment(**row) for row in db.execute(query, (id,))]


def POST(id: str, file: list[UploadFile], db: DB) -> Any:
    """Attach one file or more.

    Raises 404 when there is no such note.
    """
    # A browser sends a file without a name where none was chosen.
    uploads = {upload.filename: upload.stream.read() for upload in file if upload.filename}
    if not uploads:
        raise ApiError(422, "Send one file or more in the form field 'file'")
    db.execute("BEGIN IMMEDIATE")  # nobody deletes the note between the search and the insert
    find_note(db, id)
    for name, content in uploads.items():
        row = (f"{id}/{name}", id, content)
        db.execute("INSERT OR REPLACE INTO files (path, note, content) VALUES (?, ?, ?)", row)
    return json(list(uploads), status=201)
