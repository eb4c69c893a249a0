"""The arguments of a call as bytes: no two different ones are the same."""

from __future__ import annotations

import copy
import dataclasses
import enum
import math
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes.cache.argument_keys import NotData, encode_arguments, name_of_module


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None


@dataclasses.dataclass
class Place:
    x: Any
    y: Any = None


class Struct(msgspec.Struct):
    x: Any


class Model(pydantic.BaseModel):
    x: Any = None


@attrs.define
class Attrs:
    x: Any


class Named(NamedTuple):
    x: Any


def key(value: object) -> bytes:
    return encode_arguments(("value",), (value,))


DIFFERENT: list[Any] = [
    1, 1.0, True, "1", b"1", bytearray(b"1"), None, 0, False, 0.0, -0.0, "", b"", Decimal(1),
    Decimal("1.0"),
    2**64 - 1, 2**64, -(2**63), -(2**63) - 1, str(2**64), math.inf, math.nan, "\ud800", "\udc80", "nan",
    [], (), set(), frozenset(), {}, [1], (1,), {1}, frozenset({1}), {1: 1}, {"1": 1}, {True: 1}, [[1]],
    [(1,)], ([1],),
    [1, [2]], [[1], 2], [1, 2], (1, 2), {1, 2}, {"a": 1, "b": 2}, {"a": 2, "b": 1}, [("a", 1), ("b", 2)],
    date(2026, 1, 2), datetime(2026, 1, 2), "2026-01-02", datetime(2026, 1, 2, fold=1),
    datetime(2026, 1, 2, tzinfo=timezone.utc), datetime(2026, 1, 2, tzinfo=ZoneInfo("UTC")),
    datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))), time(1), timedelta(1),
    timedelta(0, 86399, 999999),
    UUID(int=1), UUID(int=1).bytes, str(UUID(int=1)), Colour.RED, Colour.BLUE, Level.LOW, Right.READ,
    Right.WRITE,
    Right.READ | Right.WRITE, "RED", Point(1), Point(1, 2), Place(1), Point(1.0), Struct(1), Model(x=1),
    Attrs(1),
    Named(1), {"x": 1, "y": None}, {"x": 1}, [Point(1)],
]  # fmt: skip


def test_no_two_values_have_the_same_key() -> None:
    by_key: dict[bytes, Any] = {}
    for value in DIFFERENT:
        assert key(value) not in by_key, (value, by_key[key(value)])
        by_key[key(value)] = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 1, 2: 2}, {2: 2, 1: 1}),
        ({"a": {2: [1], 1: [2]}}, {"a": {1: [2], 2: [1]}}),
        ({"x", "y", "z", 1}, {1, "z", "y", "x"}),
    ],
)
def test_an_order_that_means_nothing_makes_no_difference(one: Any, other: Any) -> None:
    assert key(one) == key(other)


def test_several_arguments_are_told_from_one() -> None:
    assert encode_arguments(("a", "b"), (1, 2)) != encode_arguments(("a",), ((1, 2),))
    assert encode_arguments(("a", "b"), ([], [1])) != encode_arguments(("a", "b"), ([1], []))


def local_class() -> Any:
    @dataclasses.dataclass
    class Local:
        x: int

    return Local(1)


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


class Zone(ZoneInfo):
    pass


@pytest.mark.parametrize(
    ("value", "reason", "remedy"),
    [
        (object(), "an object of the type `object`", "such as the id"),
        (Point([object()]), "an object of the type `object`", "such as the id"),
        (range(3), "`range`", "pass"),
        (len, "`builtin_function_or_method`", "pass"),
        (OrderedDict(a=1), "`OrderedDict`", "as `dict(…)`"),
        (type("Text", (str,), {})("a"), "`Text`", "as `str(…)`"),
        (local_class(), "defined in a function", "at the top of its module"),
        (circle(), "contains itself", "pass"),
        (datetime(2026, 1, 2, tzinfo=Zone("UTC")), "a time zone of the type `Zone`", "timezone.utc"),
        (memoryview(b"x"), "`memoryview`", "pass"),
    ],
)
def test_what_is_no_data_is_told_with_a_remedy(value: Any, reason: str, remedy: str) -> None:
    with pytest.raises(NotData) as caught:
        key(value)
    assert reason in caught.value.reason
    assert remedy in caught.value.remedy


def test_a_project_module_has_the_same_name_in_every_process() -> None:
    names = {name_of_module(f"_apiroutes_project_{number}.pages.api.users.[id]") for number in (1, 7)}
    assert names == {"pages.api.users.[id]"}


# -- any data


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([*Colour, *Level])
)
hashable = scalars | st.lists(scalars, max_size=3).map(tuple) | st.frozensets(scalars, max_size=3)
data = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(hashable, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        st.dictionaries(st.text(), inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Struct, inner),
    ),
    max_leaves=8,
)


def form(value: Any) -> Any:
    """What a key has to tell of a value, written in another way: equal for what is the same alone."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)):
        return kind, [form(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return kind, sorted((form(part) for part in value), key=repr)
    if isinstance(value, dict):
        return kind, sorted(((form(name), form(part)) for name, part in value.items()), key=repr)
    if isinstance(value, (Point, Struct)):
        return kind, [form(getattr(value, name)) for name in type(value).__annotations__]
    return kind, repr(value), getattr(value, "fold", 0)


@given(data, data)
def test_two_values_have_one_key_if_they_are_the_same(one: Any, other: Any) -> None:
    assert (key(one) == key(other)) == (repr(form(one)) == repr(form(other)))


@given(data)
def test_a_copy_has_the_same_key(value: Any) -> None:
    assert key(copy.deepcopy(value)) == key(value)
