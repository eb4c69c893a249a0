"""Server-sent events as text (WHATWG HTML section 9.2).

In: the parts of an event. Out: its lines. Raises ValueError for a part that would break out of its field.
"""

from __future__ import annotations

from apiroutes.errors import shown
from apiroutes.http.json import encode_json
from apiroutes.structs import Struct

__all__ = ["Event", "comment"]


class Event(Struct, frozen=True):
    """One server-sent event. When it is sent, raises ValueError for a part that contains a line break or NUL.

    Args:
        data: A str, which is sent as it is, or any other value, which is sent as JSON.
        event: The event's type, for `addEventListener`; None for "message".
        id: The id that a client sends as `Last-Event-ID` when it reconnects.
        retry: How long a client waits before it reconnects, in milliseconds.
    """

    data: object = ""
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __str__(self) -> str:
        head = ""
        if self.id is not None:
            head = f"id: {_one_line('id', self.id)}\n"
        if self.event is not None:
            head += f"event: {_one_line('event', self.event)}\n"
        if self.retry is not None:
            head += f"retry: {int(self.retry)}\n"
        data = self.data if isinstance(self.data, str) else encode_json(self.data).decode()
        # Section 9.2.5: any line break ends a field, so each line of data is a field of its own.
        if "\r" in data:
            data = data.replace("\r\n", "\n").replace("\r", "\n")
        if "\n" in data:
            data = data.replace("\n", "\ndata: ")
        return "".join((head, "data: ", data, "\n\n"))


def comment(text: str = "") -> str:
    """Return a line that clients ignore; it keeps an idle connection open.

    Args:
        text: The text of the comment, without line breaks.
    """
    return f": {_one_line('comment', text)}\n\n"


def _one_line(name: str, value: str) -> str:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError(f"{shown(value)} cannot be the {name} of an event")
    return value
