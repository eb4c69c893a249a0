"""All books: list them page by page, and add one.

curl localhost:8000/api/books --json '{"isbn": "9780131103627", "title": "A title", "year": 1988}'
curl 'localhost:8000/api/books?limit=10'
"""

import sqlite3
from typing import Annotated, Any

from msgspec import Meta

from apiroutes import ApiError, Request, Response, json
from database import DB

from ._book import Book

responses = {"POST": {201: Book, 409: "There is a book of this ISBN already"}}


def GET(
    req: Request, res: Response, db: DB, after: str = "", limit: Annotated[int, Meta(ge=1, le=100)] = 20
) -> list[Book]:
    """List the books by ISBN. The header `Link` tells where the next page is (RFC 8288)."""
    select = "SELECT isbn, title, year FROM books WHERE isbn > ? ORDER BY isbn LIMIT ?"
    books = [Book(*row) for row in db.execute(select, (after, limit + 1))]
    if len(books) > limit:
        del books[limit:]
        # script_root is where the application is mounted: empty when it has the server to itself.
        next_page = f"{req.script_root}/api/books?after={books[-1].isbn}&limit={limit}"
        res.set_header("Link", f'<{next_page}>; rel="next"')
    return books


def POST(req: Request, db: DB, body: Book) -> Any:
    """Add a book."""
    try:
        db.execute("INSERT INTO books VALUES (?, ?, ?)", (body.isbn, body.title, body.year))
    except sqlite3.IntegrityError as error:
        raise ApiError(409, "There is a book of this ISBN already") from error
    return json(body, status=201, headers={"Location": f"{req.script_root}/api/books/{body.isbn}"})
