"""Answer with a stream: what the generator yields goes out at once, however many notes there are.

curl -N localhost:8000/api/stream
"""

import json
from collections.abc import Iterator
from sqlite3 import Connection

from apiroutes import Response

from ._db import DB


def GET(res: Response, db: DB) -> Iterator[str]:
    """All notes, each a line of JSON."""
    res.set_header("Content-Type", "application/x-ndjson")
    return lines(db)


def lines(db: Connection) -> Iterator[str]:
    """Yield each note as a line of JSON; the connection is closed after the last, or when the client leaves."""
    for note in db.execute("SELECT id, title, text FROM notes ORDER BY id"):
        yield json.dumps(note) + "\n"
