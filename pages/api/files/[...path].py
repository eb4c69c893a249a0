"""Download an attachment by its path. `[...path]` matches one segment or more and is a list of them.

curl localhost:8000/api/files/milk/bottle.jpg -O
"""

from apiroutes import ApiError, Response

from .._db import DB


def GET(path: list[str], res: Response, db: DB) -> bytes:
    """Download a file.

    Raises 404 when there is none.
    """
    name = "/".join(path)
    file = db.execute("SELECT content FROM files WHERE path = ?", (name,)).fetchone()
    if file is None:
        raise ApiError(404, f"No file {name!r}")
    # Whatever somebody uploaded is for saving, not for showing as a page of this site.
    res.set_header("Content-Disposition", "attachment")
    content: bytes = file["content"]
    return content
