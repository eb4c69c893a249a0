from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from apiroutes import json

from ._user import User


@dataclass
class NewNote:
    text: Annotated[str, Meta(min_length=1, max_length=200)]


@dataclass
class Note:
    id: int
    text: str


def GET(user: User) -> list[Note]:
    return [Note(note.id, note.text) for note in user.notes.all()]


def POST(user: User, body: NewNote) -> Any:
    note = user.notes.create(text=body.text)
    return json(Note(note.id, note.text), status=201)
