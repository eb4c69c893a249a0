"""Results as bytes: what is accepted comes back as it was."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiroutes.cache.argument_keys import NotData
from apiroutes.cache.value_codecs import ANYTHING, codec_of, is_immutable


class Colour(enum.Enum):
    RED = "red"


class Struct(msgspec.Struct):
    x: tuple[int, ...] = ()
    d: dict[int, list[Decimal]] = {}


class Named(NamedTuple):
    a: int | None
    b: set[str]


@dataclasses.dataclass
class Record:
    n: int
    f: float
    d: date
    moment: datetime | None
    t: time
    delta: timedelta
    u: UUID
    dec: Decimal
    c: Colour
    s: Struct
    named: Named
    inner: list[Record]


integers = st.integers(-(2**63), 2**64 - 1)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), integers, st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(), integers), inner, max_size=3),
    ),
    max_leaves=8,
)
# `fold` is no part of what makes two times equal.
moments = st.datetimes(timezones=st.one_of(st.none(), st.just(timezone.utc))).map(
    lambda moment: moment.replace(fold=0)
)
# What Python and JSON have, of which MessagePack tells a part alone.
anything = st.recursive(
    st.one_of(plain, st.dates(), st.decimals(), moments),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(st.integers(), max_size=3),
        st.dictionaries(st.text() | st.booleans() | st.dates(), inner, max_size=3),
        st.builds(Named, st.integers(), st.just(set())),
    ),
    max_leaves=8,
)
offsets = st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
structs = st.builds(
    Struct,
    st.lists(integers, max_size=3).map(tuple),
    st.dictionaries(integers, st.lists(st.decimals(allow_nan=False), max_size=2), max_size=2),
)
records: st.SearchStrategy[Any] = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.builds(
            Record,
            integers,
            st.floats(allow_nan=False),
            st.dates(),
            st.none() | st.datetimes(min_value=datetime(1970, 1, 3), timezones=st.one_of(st.none(), offsets)),
            st.times(),
            st.timedeltas(timedelta(-1000), timedelta(1000)),
            st.uuids(),
            st.decimals(allow_nan=False),
            st.just(Colour.RED),
            structs,
            st.builds(Named, st.none() | integers, st.sets(st.text())),
            inner,
        ),
        max_size=2,
    ),
    max_leaves=3,
)


def form(value: Any) -> str:
    """Return what tells a value from all others, with the types of its parts."""
    return f"{type(value).__qualname__} {value!r}"


# A busy machine draws slowly.
slowly = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@slowly
@given(plain)
def test_what_message_pack_has_needs_no_annotation(value: Any) -> None:
    codec = codec_of(ANYTHING)
    content, copy = codec.encode(value)
    assert form(copy) == form(codec.decode(content)) == form(value)


@slowly
@given(anything)
def test_without_an_annotation_a_value_comes_back_as_it_was_or_is_refused(value: Any) -> None:
    codec = codec_of(ANYTHING)
    try:
        content, copy = codec.encode(value)
    except NotData:
        return
    assert form(copy) == form(codec.decode(content)) == form(value)


@slowly
@given(records)
def test_an_annotated_value_comes_back_as_it_was(value: Any) -> None:
    codec = codec_of(list[Record])
    content, copy = codec.encode(value)
    assert copy == codec.decode(content) == value
    offsets_of = [[part.moment and part.moment.utcoffset() for part in parts] for parts in (value, copy)]
    assert offsets_of[0] == offsets_of[1]


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        (1, True),
        ("a", True),
        (None, True),
        ((1, ("a", b"b")), True),
        (frozenset({1}), True),
        (Colour.RED, True),
        ((1, []), False),
        ([], False),
        (Struct(), False),
        (Named(1, set()), False),
        (bytearray(), False),
    ],
)
def test_what_nobody_can_change_is_shared(value: object, is_so: bool) -> None:
    assert is_immutable(value) is is_so


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x91", b"\xa1a", b"\x01\x01"])
def test_damaged_content_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|malformed|trailing|Expected"):
        codec_of(int).decode(content)
