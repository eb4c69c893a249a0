"""Sizes, read as npm's `bytes` package reads them, and the units that it drops silently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes.sizes import Size, parse_size, read_size

READ = [
    (0, 0),
    (1048576, 2**20),
    ("0", 0),
    ("100", 100),
    ("100b", 100),
    ("1kb", 1024),
    ("1KB", 1024),
    ("1 kb", 1024),
    ("1.5mb", 1572864),
    ("1.0001kb", 1024),
    ("2gb", 2 * 2**30),
    ("1tb", 2**40),
    ("1pb", 2**50),
    ("1.9", 1),
    ("1k", 1),
    ("\t12", 12),
    ("+1kb", 1024),
    ("+1.5 MB", 1572864),
    ("+100", 100),
    ("\n +7", 7),
    ("\u00a0\ufeff8", 8),
    # npm's pattern takes no blank before a number that has a unit, and none but a space after it.
    (" 1kb", 1),
    ("1kb ", 1),
    ("1\tkb", 1),
    ("1\u212ab", 1),
]


@pytest.mark.parametrize(("value", "count"), READ)
def test_a_size_is_read(value: int | str, count: int) -> None:
    assert parse_size(value) == Size(count, str(value))


NO_SIZES = [-1, "-1kb", "-1", " -1", "-0kb", "", "mb", "kb1", ".5mb", "+ 1kb", "++1", "\u06611mb"]


@pytest.mark.parametrize("value", NO_SIZES)
def test_a_malformed_size_is_a_value_error_that_shows_a_valid_one(value: int | str) -> None:
    with pytest.raises(ValueError, match="500kb"):
        parse_size(value)


@pytest.mark.parametrize("value", [True, None, 1.5, b"1mb", ["1mb"]])
def test_another_type_is_a_type_error_that_names_it(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        parse_size(value)


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("1kb", False),
        ("1 kb", False),
        ("1", False),
        ("1b", False),
        ("1.5", False),
        ("+1kb", False),
        ("+1", False),
        (" 1 ", False),
        ("1 b", False),
        ("1B", False),
        ("1k", True),
        ("1 mib", True),
        (" 1kb", True),
        ("1kb ", True),
        ("1\tkb", True),
        ("1\u212ab", True),
    ],
)
def test_a_dropped_unit_is_noticed(text: str, ignored: bool) -> None:
    if ignored:
        with pytest.raises(ValueError, match="no known unit"):
            read_size(text)
    else:
        assert read_size(text) == parse_size(text)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 400 + "pb"])
def test_an_enormous_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="larger than any size"):
        parse_size(text)


@given(st.integers(0, 10**18 - 1))
def test_a_number_and_its_text_are_one_size(number: int) -> None:
    assert parse_size(number) == parse_size(str(number))
