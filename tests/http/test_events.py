"""Server-sent events as text."""

from __future__ import annotations

import pytest

from apiroutes import Event, comment

EVENTS = [
    (Event("a"), "data: a\n\n"),
    (Event(), "data: \n\n"),
    (Event("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
    (Event({"a": 1}), 'data: {"a":1}\n\n'),
    (Event("a", event="e", id="1", retry=5), "id: 1\nevent: e\nretry: 5\ndata: a\n\n"),
    (Event("a", retry=0), "retry: 0\ndata: a\n\n"),
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


def test_a_comment_is_a_line_of_its_own() -> None:
    assert (comment(), comment("a")) == (": \n\n", ": a\n\n")
