"""Answers /api/notes."""

from dataclasses import dataclass
from typing import Annotated

from apiroutes import Response
from msgspec import Meta

from lib.database import Database
from lib.notes import Note, NoteFields, add_note, find_note, list_notes

responses = {"POST": {201: Note}}


@dataclass
class Page:
    """Some notes, and the value of `after` for the next ones, if there are any."""

    notes: list[Note]
    next: int | None


def GET(
    db: Database,
    limit: Annotated[int, Meta(ge=1, le=100, description="How many notes at most.")] = 20,
    after: Annotated[int, Meta(ge=0, le=2**63 - 1, description="The id that they follow.")] = 0,
) -> Page:
    """List notes, the oldest first."""
    notes = list_notes(db, after=after, limit=limit + 1)
    shown = notes[:limit]
    return Page(shown, next=shown[-1].id if len(notes) > limit else None)


def POST(db: Database, body: NoteFields, res: Response) -> Note | None:
    """Create a note."""
    id = add_note(db, body)
    res.status(201).set_header("Location", f"/api/notes/{id}")
    return find_note(db, id)
