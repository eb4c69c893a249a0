"""Server-sent events as text."""

from __future__ import annotations

import enum
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import Event, comment


class Level(str, enum.Enum):
    HIGH = "high"


EVENTS = [
    (Event("a"), "data: a\n\n"),
    (Event(), "data: \n\n"),
    (Event("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
    (Event({"a": 1}), 'data: {"a":1}\n\n'),
    (Event("a", event="e", id="1", retry=5), "id: 1\nevent: e\nretry: 5\ndata: a\n\n"),
    (Event("a", retry=0), "retry: 0\ndata: a\n\n"),
    (Event("a", id="", event=""), "id: \nevent: \ndata: a\n\n"),
    (Event("a", retry=True), "retry: 1\ndata: a\n\n"),
    (Event("\n"), "data: \ndata: \n\n"),
    (Event("\r"), "data: \ndata: \n\n"),
    (Event("\r\n"), "data: \ndata: \n\n"),
    (Event("\n\r"), "data: \ndata: \ndata: \n\n"),
    (Event("a\r\r\n\nb"), "data: a\ndata: \ndata: \ndata: b\n\n"),
    (Event("a\n", event="e"), "event: e\ndata: a\ndata: \n\n"),
    (Event("data: a"), "data: data: a\n\n"),
    (Event(" a: b\0\x0b\x0c\x1c\x85\u2028\u2029"), "data:  a: b\0\x0b\x0c\x1c\x85\u2028\u2029\n\n"),
    (Event("é😀", id="é", event="😀"), "id: é\nevent: 😀\ndata: é😀\n\n"),
    (Event(Level.HIGH), "data: high\n\n"),
    (Event({"a": "b\r\nc"}), 'data: {"a":"b\\r\\nc"}\n\n'),
    (Event(None), "data: null\n\n"),
    (Event(1.5), "data: 1.5\n\n"),
    (Event([]), "data: []\n\n"),
]


@pytest.mark.parametrize(("event", "text"), EVENTS)
def test_an_event_is_written_field_by_field(event: Event, text: str) -> None:
    assert str(event) == text


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_a_field_that_would_break_out_is_refused(character: str) -> None:
    for event in (Event(event=f"a{character}b"), Event(id=f"a{character}b")):
        with pytest.raises(ValueError, match=r"cannot be the (event|id) of an event"):
            str(event)
    with pytest.raises(ValueError, match="cannot be the comment"):
        comment(f"a{character}b")


LINES = st.text(alphabet=" ab:é😀\r\n\0\x85\u2028", max_size=12)
VALUES = st.one_of(
    LINES, st.none(), st.booleans(), st.integers(), st.lists(LINES), st.dictionaries(LINES, LINES)
)


@given(data=VALUES, event=st.none() | LINES, id=st.none() | LINES, retry=st.none() | st.integers(0, 10**6))
@settings(max_examples=500, deadline=None)
def test_an_event_is_written_line_by_line(
    data: Any, event: str | None, id: str | None, retry: int | None
) -> None:
    if re.search("[\r\n\0]", (event or "") + (id or "")):
        with pytest.raises(ValueError, match="of an event"):
            str(Event(data, event=event, id=id, retry=retry))
        return
    fields = [("id", id), ("event", event), ("retry", retry)]
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    lines = [f"{name}: {value}" for name, value in fields if value is not None]
    lines += [f"data: {line}" for line in re.split("\r\n|\r|\n", text)]
    assert str(Event(data, event=event, id=id, retry=retry)) == "".join(f"{line}\n" for line in [*lines, ""])


def test_events_of_equal_fields_are_equal_and_cannot_be_changed() -> None:
    event = Event("a", event="b")
    assert (event == Event("a", event="b"), event == Event("a"), hash(event)) == (
        True,
        False,
        hash(Event("a", event="b")),
    )
    with pytest.raises(AttributeError):
        event.data = "c"  # type: ignore[misc]


def test_a_comment_is_a_line_of_its_own() -> None:
    assert (comment(), comment("a")) == (": \n\n", ": a\n\n")
