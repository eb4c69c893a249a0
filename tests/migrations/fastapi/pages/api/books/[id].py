from dataclasses import dataclass

from apiroutes import ApiError


@dataclass
class Book:
    id: int


def GET(id: int) -> Book:
    if id > 9:
        raise ApiError(404, "No such book")
    return Book(id)


def DELETE(id: int, res):
    res.status(204)
