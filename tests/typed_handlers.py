"""For the tests of annotated handlers: a project with types to annotate with, and its responses."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, app_of, call

DEFINITIONS = """
import dataclasses, datetime, decimal, enum, uuid
from typing import Annotated, Any, Literal, Optional, TypedDict
import msgspec
from apiroutes import EventStream, Request, Response, UploadFile, event_stream, json


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Item(msgspec.Struct):
    price: float
    color: Color = Color.red


class Order(msgspec.Struct):
    name: str
    items: list[Item] = []
    note: str | None = None


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Named(TypedDict):
    name: str


def show(*values):
    return json([repr(value) for value in values])


"""

NO_INT = "Expected `int`, got `str`"


def typed_app(root: Path, handler: str, name: str = "x.py", **settings: Any) -> App:
    """An App with one route, whose file has the definitions and `handler`."""
    return app_of(root, DEFINITIONS + textwrap.dedent(handler), name, **settings)


def post(app: App, value: Any, headers: list[tuple[str, str]] | None = None) -> Answer:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return call(app, "POST", "/api/x", headers or [("Content-Type", "application/json")], body)


def mismatches(answer: Answer) -> list[tuple[str, str]]:
    """The place and the message of each mismatch in a 422."""
    assert answer.status == 422
    assert answer.header("Content-Type") == "application/problem+json"
    return [(mismatch["place"], mismatch["message"]) for mismatch in answer.json()["errors"]]
