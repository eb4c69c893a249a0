"""Answer with a stream: what the generator yields goes out at once, however many notes there are.

curl -N localhost:8000/api/stream
"""

import json
from collections.abc import Iterator

from apiroutes import Response

from ._db import connect


def GET(res: Response) -> Iterator[str]:
    """All notes, each a line of JSON."""
    res.set_header("Content-Type", "application/x-ndjson")
    return lines()


def lines() -> Iterator[str]:
    """Yield each note as a line of JSON; when the client goes away, the connection is closed here."""
    with connect() as db:
        for note in db.execute("SELECT id, title, text FROM notes ORDER BY id"):
            yield json.dumps(note) + "\n"
