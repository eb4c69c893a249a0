"""Answer with a stream: what the generator yields goes out at once, however many notes there are.

curl -N localhost:8000/api/stream
"""

import json
from collections.abc import Iterator

from apiroutes import Request, Response

from ._db import connect


def handler(req: Request, res: Response) -> None:
    if req.method not in ("GET", "HEAD"):
        res.status(405).set_header("Allow", "GET, HEAD").send("Method Not Allowed")
        return
    res.set_header("Content-Type", "application/x-ndjson").send(lines())


def lines() -> Iterator[str]:
    """Yield each note as a line of JSON; when the client goes away, the connection is closed here."""
    with connect() as db:
        for note in db.execute("SELECT id, title, text FROM notes ORDER BY id"):
            yield json.dumps(note) + "\n"
