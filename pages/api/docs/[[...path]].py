"""Pages of plain text. `[[...path]]` also matches without a segment: /api/docs is the first page.

curl localhost:8000/api/docs
curl localhost:8000/api/docs/notes/attachments
"""

from apiroutes import ApiError

PAGES = {
    (): "The notes API. Read on: /api/docs/notes, /api/docs/notes/attachments\n",
    ("notes",): "GET, POST /api/notes; GET, PUT, DELETE /api/notes/{id}\n",
    ("notes", "attachments"): "GET, POST /api/notes/{id}/attachments; GET /api/files/{id}/{name}\n",
}


def GET(path: list[str]) -> str:
    """Read a page.

    Raises 404 when there is none.
    """
    page = PAGES.get(tuple(path))
    if page is None:
        raise ApiError(404, "No such page")
    # A text goes out with an ETag; a client that sends it back in If-None-Match gets a 304.
    return page
