"""Header fields: names, values, lines and Vary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes.http.fields import (
    FIELD_KEYS,
    check_field_name,
    decode_field_value,
    encode_field_value,
    field_lines,
    merge_vary,
)

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"], max_codepoint=0xFF))


@given(printable)
def test_a_value_reads_back_as_it_was_set(value: str) -> None:
    sent = encode_field_value("X", value)
    assert sent.encode("latin-1").decode() == value
    assert decode_field_value(sent) == value


@pytest.mark.parametrize("value", ["a\r\nb", "a\0", "\x7f", "\u20ac"])
def test_a_value_that_no_field_can_have_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot have the value"):
        encode_field_value("X", value)


def test_the_key_of_a_name_is_remembered_but_not_that_of_vary() -> None:
    assert [check_field_name(name) for name in ("X-Fields-Test", "Vary")] == ["x-fields-test", "vary"]
    assert FIELD_KEYS["X-Fields-Test"] == "x-fields-test"
    assert "Vary" not in FIELD_KEYS


VARY = [
    ([], ""),
    (["Accept"], "Accept"),
    (["Accept", "accept, Origin"], "Accept, Origin"),
    ([" Accept ,, "], "Accept"),
    (["Accept", "*"], "*"),
]


@pytest.mark.parametrize(("values", "merged"), VARY)
def test_vary_has_each_member_once(values: list[str], merged: str) -> None:
    assert merge_vary(values) == merged


def test_equal_lines_are_sent_once_for_cookies_only() -> None:
    assert field_lines("set-cookie", "Set-Cookie", ["a", "a"]) == [("Set-Cookie", "a")]
    assert field_lines("x", "X", ["a", "a"]) == [("X", "a"), ("X", "a")]
