"""Server-sent events as text (WHATWG HTML section 9.2).

In: the parts of an event. Out: its lines. Raises ValueError for a part that would break out of its field.
"""

from __future__ import annotations

from dataclasses import dataclass

from apiroutes.http.json import encode_json

__all__ = ["Event", "comment"]


@dataclass(frozen=True)
class Event:
    """One event. `data` other than a str is sent as JSON; `retry` is in milliseconds."""

    data: object = ""
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __str__(self) -> str:
        lines = [f"{name}: {_one_line(name, value)}" for name, value in self._fields()]
        data = self.data if isinstance(self.data, str) else encode_json(self.data).decode()
        # Section 9.2.5: any line break ends a field, so each line of data is a field of its own.
        text = data.replace("\r\n", "\n").replace("\r", "\n")
        lines += [f"data: {line}" for line in text.split("\n")]
        return "\n".join(lines) + "\n\n"

    def _fields(self) -> list[tuple[str, str]]:
        retry = None if self.retry is None else str(int(self.retry))
        fields = [("id", self.id), ("event", self.event), ("retry", retry)]
        return [(name, value) for name, value in fields if value is not None]


def comment(text: str = "") -> str:
    """Return a line that clients ignore; it keeps an idle connection open."""
    return f": {_one_line('comment', text)}\n\n"


def _one_line(name: str, value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"{value!r} cannot be the {name} of an event")
    return value
