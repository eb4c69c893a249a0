from dataclasses import dataclass

from apiroutes import json


@dataclass
class NewBook:
    title: str


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
    book = Book(body.title, 2)
    return json(book, status=201)
