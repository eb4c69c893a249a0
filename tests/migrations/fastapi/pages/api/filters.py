from dataclasses import dataclass


@dataclass
class Filters:
    page: int = 1


@dataclass
class Login:
    name: str


def GET(query: Filters):
    return query


def PUT(body: Login):
    return body
