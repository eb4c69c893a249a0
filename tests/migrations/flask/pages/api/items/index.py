import logging
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from ported_flask.shop import DB, Item
from sqlalchemy import select

from apiroutes import InvalidRequest


class Changes(Struct):
    title: str | UnsetType = UNSET


def GET(
    db: DB,
    limit: Annotated[int, Meta(ge=1, le=100)] = 20,
    offset: Annotated[int, Meta(ge=0, le=10_000)] = 0,
):
    items = db.scalars(select(Item).order_by(Item.id).limit(limit).offset(offset))
    return [item.title for item in items]


def POST(db: DB, body: Changes):
    if body.title == "Emma":
        raise InvalidRequest([("body.title", "is taken")])
    item = Item(title="" if body.title is UNSET else body.title)
    db.add(item)
    db.flush()
    logging.getLogger(__name__).info("saved")
    return {"id": item.id}
