"""A health check for the load balancer: 200 while the database answers, 503 when it does not."""

import sqlite3

from apiroutes import Request, Response

from ._db import connect


def handler(req: Request, res: Response) -> None:
    res.set_header("Cache-Control", "no-store")
    try:
        with connect() as db:
            db.execute("SELECT 1 FROM notes LIMIT 1")
    except sqlite3.Error:
        res.status(503).json({"status": "unavailable"})
    else:
        res.json({"status": "ok"})
