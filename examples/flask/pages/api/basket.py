from dataclasses import dataclass
from typing import Annotated, Any

from flask import current_app, session
from msgspec import Meta

from apiroutes import json

from ._user import User


@dataclass
class Item:
    item: Annotated[str, Meta(min_length=1, max_length=100)]


def GET(user: User) -> dict[str, Any]:
    return {"user": user, "items": session.get("basket", [])}


def POST(user: User, body: Item) -> Any:
    session["basket"] = [*session.get("basket", []), body.item]
    current_app.logger.info("%s takes %s", user, body.item)
    return json(GET(user), status=201)
