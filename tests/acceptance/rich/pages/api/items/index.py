"""The items of the stock."""

import uuid
from typing import Annotated

import pydantic

from apiroutes import json

from ._types import Color, Conflict, Item, StoredItem, items

responses = {"POST": {201: StoredItem, 409: Conflict}}


def GET(
    page: Annotated[int, pydantic.Field(ge=1, description="The page, from 1.")] = 1,
    color: Color | None = None,
    tags: list[str] = [],
) -> list[StoredItem]:
    """List the items.

    Ten on a page, by the time at which they were stored.
    """
    found = [item for item in items.values() if color in (None, item.main_color)]
    return found[10 * (page - 1) : 10 * page]


def POST(body: Item):
    """Store an item.

    Its name must not be taken.
    """
    if any(item.name == body.name for item in items.values()):
        return json(Conflict(message="The name is taken", taken=body.name), status=409)
    stored = StoredItem(id=uuid.uuid4(), **dict(body))
    items[stored.id] = stored
    return json(stored, status=201)
