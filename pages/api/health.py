"""A health check for the load balancer: 200 while the database answers, 503 when it does not."""

import sqlite3
from contextlib import closing
from typing import Any

import msgspec

from apiroutes import Response, json

from ._db import connect


class Health(msgspec.Struct):
    status: str


responses = {200: Health, 503: Health}


def GET(res: Response) -> Any:
    """Say whether the database answers."""
    res.set_header("Cache-Control", "no-store")
    try:
        with closing(connect()) as db:
            db.execute("SELECT 1 FROM notes LIMIT 1")
    except sqlite3.Error:
        return json(Health("unavailable"), status=503)
    return Health("ok")
