"""Dataclasses with defaults, sent back as they were received."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import call
from tests.typed_handlers import post, typed_app

CLASSES = """
from typing import Generic, TypeVar
T = TypeVar("T")
@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int
    y: int = 1
@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: int = 1
@dataclasses.dataclass
class Of(Generic[T]):
    x: T
    y: int = 1
@dataclasses.dataclass
class Inner(Point):
    z: list[Point] = dataclasses.field(default_factory=list)
class Around(msgspec.Struct):
    point: Point | None = None
    points: dict[str, list[Point]] = {}
@dataclasses.dataclass
class Tree:
    name: str = "leaf"
    below: "list[Tree]" = dataclasses.field(default_factory=list)
"""
ECHOES: list[tuple[str, Any, Any]] = [
    ("Point", {"x": 1}, {"x": 1, "y": 0}),
    ("Point", {"x": 1, "y": 2}, {"x": 1, "y": 2}),
    ("Frozen", {"x": 1}, {"x": 1, "y": 1}),
    ("Slotted", {"x": 1}, {"x": 1, "y": 1}),
    ("Of[int]", {"x": 1}, {"x": 1, "y": 1}),
    ("list[Point]", [{"x": 1}], [{"x": 1, "y": 0}]),
    ("list[tuple[Point, int]]", [[{"x": 1}, 2]], [[{"x": 1, "y": 0}, 2]]),
    ("dict[str, Point]", {"a": {"x": 1}}, {"a": {"x": 1, "y": 0}}),
    ("Point | None", {"x": 1}, {"x": 1, "y": 0}),
    ("Inner", {"x": 1, "z": [{"x": 2}]}, {"x": 1, "y": 0, "z": [{"x": 2, "y": 0}]}),
    (
        "Around",
        {"point": {"x": 1}, "points": {"a": [{"x": 2}]}},
        {"point": {"x": 1, "y": 0}, "points": {"a": [{"x": 2, "y": 0}]}},
    ),
    ("Tree", {"below": [{}]}, {"name": "leaf", "below": [{"name": "leaf", "below": []}]}),
]


@pytest.mark.parametrize(("annotation", "sent", "received"), ECHOES)
def test_a_received_dataclass_is_sent_with_its_defaults(
    tmp_path: Path, annotation: str, sent: Any, received: Any
) -> None:
    app = typed_app(tmp_path, CLASSES + f"def POST(body: {annotation}) -> {annotation}: return body")
    assert post(app, sent).json() == received


def test_a_query_is_too(tmp_path: Path) -> None:
    app = typed_app(tmp_path, "def GET(query: Point): return query")
    assert call(app, target="/api/x?x=1").json() == {"x": 1, "y": 0}
