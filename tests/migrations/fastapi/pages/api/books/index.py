from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType

from apiroutes import InvalidRequest, json


@dataclass
class NewBook:
    title: str


class Changes(Struct):
    title: str | UnsetType = UNSET
    subtitle: str | UnsetType | None = UNSET


@dataclass
class Book(NewBook):
    id: int


@dataclass
class Taken:
    by: int


responses = {409: Taken, "POST": {201: Book}}


def POST(body: NewBook):
    if body.title == "Emma":
        return json(Taken(1), status=409)
    if body.title == "Persuasion":
        raise InvalidRequest([("body.title", "is taken")])
    book = Book(body.title, 2)
    return json(book, status=201)


def PATCH(body: Changes):
    return [field for field in ("title", "subtitle") if getattr(body, field) is not UNSET]
