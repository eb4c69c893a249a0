"""Download an attachment by its path. `[...path]` matches one segment or more and is a list of them.

curl localhost:8000/api/files/milk/bottle.jpg -O
"""

from apiroutes import ApiError, Request, Response

from .._db import connect


def handler(req: Request, res: Response) -> None:
    if req.method not in ("GET", "HEAD"):
        res.status(405).set_header("Allow", "GET, HEAD").send("Method Not Allowed")
        return
    path = "/".join(req.params["path"])
    with connect() as db:
        file = db.execute("SELECT content FROM files WHERE path = ?", (path,)).fetchone()
    if file is None:
        raise ApiError(404, f"No file {path!r}")
    # Whatever somebody uploaded is for saving, not for showing as a page of this site.
    res.set_header("Content-Disposition", "attachment").send(file["content"])
