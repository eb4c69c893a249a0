"""One book: read it, change it, remove it.

curl localhost:8000/api/books/9780131103627
curl -X PATCH localhost:8000/api/books/9780131103627 --json '{"year": 1978}'
curl -X DELETE localhost:8000/api/books/9780131103627
"""

from apiroutes import ApiError, Response
from database import DB

from ._book import Book, Changes

responses = {"DELETE": {204: "The book is gone"}}


def GET(isbn: str, db: DB) -> Book:
    """Read a book.

    Raises 404 when there is none.
    """
    row = db.execute("SELECT isbn, title, year FROM books WHERE isbn = ?", (isbn,)).fetchone()
    if row is None:
        raise ApiError(404, "There is no such book")
    return Book(*row)


def PATCH(isbn: str, db: DB, body: Changes) -> Book:
    """Change a book.

    Raises 404 when there is none.
    """
    update = "UPDATE books SET title = coalesce(?, title), year = coalesce(?, year) WHERE isbn = ?"
    db.execute(update, (body.title, body.year, isbn))
    return GET(isbn, db)


def DELETE(isbn: str, db: DB, res: Response) -> None:
    """Remove a book.

    Raises 404 when there is none.
    """
    if not db.execute("DELETE FROM books WHERE isbn = ?", (isbn,)).rowcount:
        raise ApiError(404, "There is no such book")
    res.status(204).end()
