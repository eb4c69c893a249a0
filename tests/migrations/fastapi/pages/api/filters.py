from dataclasses import dataclass

from pydantic import BaseModel


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


class Draft(BaseModel):
    name: str | None = "Ada"


def PATCH(body: Draft):
    return body.model_dump(exclude_unset=True)
