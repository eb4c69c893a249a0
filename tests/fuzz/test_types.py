"""Any value for a type: accepted exactly if msgspec accepts it, or refused without quoting it."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Any, Literal, TypedDict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.schemas import DoesNotFit, schema_of

SECRET = "s3cr3t"


class Part(msgspec.Struct, forbid_unknown_fields=True):
    price: float
    kind: Literal["a", "b"] = "a"


class Named(TypedDict, total=False):
    name: Annotated[str, msgspec.Meta(max_length=3)]


class Order(msgspec.Struct, rename="camel"):
    first_name: str
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    more: Named | None = None
    ids: set[int] = set()
    next: Order | None = None


KEYS = ["firstName", "parts", "byName", "more", "ids", "next", "price", "kind", "name", "x"]
leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
leaves |= st.sampled_from(["a", "b", "", "1", "1.5", SECRET])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=10,
)
orders = st.dictionaries(st.sampled_from(KEYS), values, max_size=6) | values
schema = schema_of(Order)


def apply(convert: Any, value: Any) -> tuple[Any, list[tuple[str, str]]]:
    """Return the converted value, or None and the mismatches."""
    try:
        return convert(value, "body"), []
    except DoesNotFit as error:
        return None, error.mismatches


def check(mismatches: list[tuple[str, str]]) -> None:
    assert len(set(mismatches)) == len(mismatches)
    for place, message in mismatches:
        assert place.startswith("body")
        assert message
        assert SECRET not in message


@given(orders)
@settings(max_examples=300, deadline=None)
def test_json_is_accepted_exactly_if_the_decoder_accepts_it(value: Any) -> None:
    content = json.dumps(value).encode()
    expected = None
    with contextlib.suppress(msgspec.ValidationError):
        expected = msgspec.json.decode(content, type=Order)
    order, mismatches = apply(schema.decode, content)
    assert order == expected
    assert bool(mismatches) is (expected is None)
    check(mismatches)


@given(orders)
@settings(max_examples=300, deadline=None)
def test_texts_are_converted_or_refused(value: Any) -> None:
    order, mismatches = apply(schema.convert, value)
    assert (order is None) is bool(mismatches)
    check(mismatches)


@given(st.lists(st.sampled_from(["price", "kind", "x"]), unique=True), st.data())
@settings(max_examples=200, deadline=None)
def test_every_field_that_is_wrong_is_named(fields: list[str], data: st.DataObject) -> None:
    wrong: dict[str, Any] = {name: data.draw(st.sampled_from([SECRET, [], {}, None])) for name in fields}
    _, mismatches = apply(schema.decode, json.dumps({"firstName": "a", "parts": [wrong]}).encode())
    expected = {f"body.parts[0].{name}" for name in fields} | {"body.parts[0].price"}
    assert {place for place, _ in mismatches} == expected
