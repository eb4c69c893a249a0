"""Every mismatch of a value is reported, with its place and without the value itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.schemas import DoesNotFit, schema_of
from apiroutes.schemas.search import Search
from tests.typed_handlers import NO_INT, mismatches, post, typed_app

WRONG: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("Point", {}, [("body.x", "is required")]),
    (
        "Point",
        {"x": "1", "y": None},
        [("body.x", "Expected `int`, got `str`"), ("body.y", "Expected `int`, got `null`")],
    ),
    ("Point", [1], [("body", "Expected `object`, got `array`")]),
    ("Point", None, [("body", "Expected `object`, got `null`")]),
    (
        "Order",
        {"name": 1, "items": [{"price": 1}, {}, {"price": "s3cr3t", "color": "s3cr3t"}, 5], "note": 5},
        [
            ("body.name", "Expected `str`, got `int`"),
            ("body.items[1].price", "is required"),
            ("body.items[2].price", "Expected `float`, got `str`"),
            ("body.items[2].color", "Expected one of `red`, `blue`"),
            ("body.items[3]", "Expected `object`, got `int`"),
            ("body.note", "Expected `str | null`, got `int`"),
        ],
    ),
    ("list[Point]", [{"x": 1}, {}], [("body[1].x", "is required")]),
    (
        "dict[str, Point]",
        {"a": {}, "b": 1},
        [("body.a.x", "is required"), ("body.b", "Expected `object`, got `int`")],
    ),
    ("Point | None", {"x": ""}, [("body.x", "Expected `int`, got `str`")]),
    ("Named", {}, [("body.name", "is required")]),
    ("Literal['a', 'b']", "s3cr3t", [("body", "Expected one of `a`, `b`")]),
    ("Annotated[int, msgspec.Meta(ge=1)]", 0, [("body", "Expected `int` >= 1")]),
    (
        "Annotated[list[int], msgspec.Meta(max_length=1)]",
        ["a", 2],
        [("body[0]", "Expected `int`, got `str`")],
    ),
    (
        "Annotated[list[int], msgspec.Meta(max_length=1)]",
        [1, 2],
        [("body", "Expected `array` of length <= 1")],
    ),
    (
        "list[int] | dict[str, int] | None",
        [1, "a", 2, "b"],
        [("body[1]", NO_INT), ("body[3]", NO_INT)],
    ),
    ("list[int] | dict[str, int]", {"a": "b", "c": ""}, [("body.a", NO_INT), ("body.c", NO_INT)]),
    ("dict[int, Point]", {"1": {}, "2": {"x": ""}}, [("body.1.x", "is required"), ("body.2.x", NO_INT)]),
    ("dict[int, int]", {"x": 1}, [("body", NO_INT)]),
    ("set[int]", [1, ""], [("body[1]", NO_INT)]),
    ("tuple[int, str, int]", ["", "", ""], [("body[0]", NO_INT), ("body[2]", NO_INT)]),
    ("Pair", ["", ""], [("body[0]", NO_INT), ("body[1]", NO_INT)]),
    ("Box[int]", {"one": "", "more": [1, ""]}, [("body.one", NO_INT), ("body.more[1]", NO_INT)]),
    (
        "list[Cat | Dog]",
        [{"type": "cat"}, {"type": "dog", "m": ""}],
        [("body[0].n", "is required"), ("body[1].m", NO_INT)],
    ),
    ("Cat | Dog", {"type": "s3cr3t"}, [("body.type", "Expected one of `cat`, `dog`")]),
    ("Cat", {"type": "cat", "n": 1, "x": 1}, [("body.x", "is not known")]),
    ("Dotted", {"a.b": "", "a": ""}, [("body.a", NO_INT), ("body.a.b", NO_INT)]),
]

KINDS = """
from typing import Generic, NamedTuple, TypeVar
T = TypeVar("T")
class Pair(NamedTuple):
    x: int
    y: int
class Box(msgspec.Struct, Generic[T]):
    one: T
    more: list[T] = []
class Cat(msgspec.Struct, tag="cat", forbid_unknown_fields=True):
    n: int
class Dog(msgspec.Struct, tag="dog"):
    m: int
class Dotted(msgspec.Struct):
    a: int
    b: int = msgspec.field(name="a.b")
"""


@pytest.mark.parametrize(("annotation", "sent", "expected"), WRONG)
def test_every_mismatch_is_reported_at_once(
    tmp_path: Path, annotation: str, sent: Any, expected: list[tuple[str, str]]
) -> None:
    answer = post(typed_app(tmp_path, f"{KINDS}\ndef POST(body: {annotation}): return show(body)"), sent)
    assert mismatches(answer) == expected
    assert b"s3cr3t" not in answer.body


def test_forbidden_fields_are_reported(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path,
        """
        class Strict(msgspec.Struct, forbid_unknown_fields=True):
            a: int
        def POST(body: Strict): return show(body)
    """,
    )
    assert mismatches(post(app, {"a": "x", "b": 1})) == [
        ("body.a", "Expected `int`, got `str`"),
        ("body.b", "is not known"),
    ]


def test_places_have_the_names_on_the_wire(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path,
        """
        class Renamed(msgspec.Struct, rename="camel"):
            unit_price: int
        def POST(body: Renamed): return show(body)
    """,
    )
    assert mismatches(post(app, {"unitPrice": ""})) == [("body.unitPrice", "Expected `int`, got `str`")]


TWICE = [
    ("Point", b'{"x": "", "x": 1}', [("body", NO_INT)]),
    (
        "Order",
        b'{"name": "", "items": [{}], "items": []}',
        [("body", "Object missing required field `price`")],
    ),
    (
        "Order",
        b'{"name": "", "items": [5], "items": [], "note": 5}',
        [("body.note", "Expected `str | null`, got `int`")],
    ),
    (
        "Order",
        b'{"name": "", "items": [{}], "items": {}}',
        [("body.items", "Expected `array`, got `object`")],
    ),
    (
        "Order",
        b'{"items": [{"price": 1}, {}], "items": [5], "name": ""}',
        [("body.items[0]", "Expected `object`, got `int`")],
    ),
]


@pytest.mark.parametrize(("annotation", "sent", "expected"), TWICE)
def test_a_repeated_name_is_reported_too(
    tmp_path: Path, annotation: str, sent: bytes, expected: list[tuple[str, str]]
) -> None:
    app = typed_app(tmp_path, f"def POST(body: {annotation}): ...")
    assert mismatches(post(app, sent)) == expected


# -- limits


def test_at_most_a_hundred_mismatches_are_reported(tmp_path: Path) -> None:
    app = typed_app(tmp_path, "def POST(body: list[Point]): ...")
    assert mismatches(post(app, [{}] * 50_000)) == [
        (f"body[{index}].x", "is required") for index in range(100)
    ]


def test_mismatches_are_looked_for_down_to_a_fixed_depth(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path, "class Node(msgspec.Struct):\n    next: 'Node | None' = None\ndef POST(body: Node): ..."
    )
    shallow, deep = b'{"next":' * 20 + b"5" + b"}" * 20, b'{"next":' * 150 + b"5" + b"}" * 150
    assert mismatches(post(app, shallow)) == [("body" + ".next" * 20, "Expected `object | null`, got `int`")]
    assert mismatches(post(app, deep)) == [("body" + ".next" * 32, "Expected `object | null`, got `int`")]


def test_long_names_of_the_client_are_cut(tmp_path: Path) -> None:
    app = typed_app(tmp_path, "def POST(body: dict[str, dict[str, int]]): ...")
    [(place, _)] = mismatches(post(app, {"n" * 5_000: {"m" * 5_000: ""}}))
    assert place.startswith("body.nnn")
    assert len(place) < 110


# -- any value, against a plain walk


class Node(msgspec.Struct):
    v: int
    c: list[Node] = []
    d: dict[str, Node] = {}
    o: Node | None = None


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=3)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "v": st.sampled_from([1, 2, ""]),
        "c": several,
        "d": st.dictionaries(st.sampled_from("xyz"), inner),
        "o": st.none() | inner,
    }
    return st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields)


def expected_mismatches(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every mismatch of a Node, by a walk through all of it."""
    if not isinstance(value, dict):
        yield place, "Expected `object"
        return
    if "v" not in value:
        yield f"{place}.v", "is required"
    elif value["v"] == "":
        yield f"{place}.v", NO_INT
    for index, part in enumerate(value.get("c", ())):
        yield from expected_mismatches(part, f"{place}.c[{index}]")
    for name, part in value.get("d", {}).items():
        yield from expected_mismatches(part, f"{place}.d.{name}")
    if value.get("o") is not None:
        yield from expected_mismatches(value["o"], f"{place}.o")


@given(st.recursive(st.just({"v": 1}) | st.just(5), nodes, max_leaves=30))
@settings(deadline=None)
def test_every_mismatch_is_found(value: Any) -> None:
    expected = list(expected_mismatches(value, "body"))
    reported: list[tuple[str, str]] = []
    try:
        schema_of(Node).decode(json.dumps(value).encode())
    except DoesNotFit as invalid:
        reported = invalid.mismatches
    assert len(reported) == len(expected) < 100
    for (place, message), (expected_place, start) in zip(sorted(reported), sorted(expected)):
        assert (place, message[: len(start)]) == (expected_place, start)


@given(st.recursive(st.just({"v": 1}) | st.just(5), nodes, max_leaves=30), st.integers(1, 8))
@settings(deadline=None)
def test_every_mismatch_is_found_in_pieces(value: Any, piece: int) -> None:
    search = Search(strict=True, piece=piece)
    first = search.look(value, Node)
    assert (first is None) is not any(expected_mismatches(value, "body"))
    if first is not None:
        places = [place for place, _ in search.mismatches(value, Node, "body", first)]
        assert sorted(places) == sorted(place for place, _ in expected_mismatches(value, "body"))
