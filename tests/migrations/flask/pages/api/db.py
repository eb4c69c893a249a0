import sqlite3
from typing import Annotated

from apiroutes import Depends

closed = []


def connection():
    db = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        yield db
        db.commit()
    finally:
        db.close()
        closed.append("closed")


DB = Annotated[sqlite3.Connection, Depends(connection)]


def GET(db: DB, req):
    req.context["db"] = db
    return [*db.execute("SELECT 1").fetchone(), len(closed)]
