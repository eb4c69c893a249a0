"""Server-sent events as text (WHATWG HTML section 9.2).

In: what an event has. Out: its lines. Raises ValueError for what would break out of a field.
"""

from __future__ import annotations

from dataclasses import dataclass

from apiroutes.http.json import encode_json

__all__ = ["Event", "comment"]


@dataclass(frozen=True)
class Event:
    """One event. `data` that is no str is sent as JSON; `retry` is in milliseconds."""

    data: object = ""
    event: str | None = None
    id: str | None = None
    retry: int | None = None

    def __str__(self) -> str:
        lines = [f"{name}: {_one_line(name, value)}" for name, value in self._fields()]
        data = self.data if isinstance(self.data, str) else encode_json(self.data).decode()
        # Section 9.2.5: any line break ends a field, so that each line of data is one.
        text = data.replace("\r\n", "\n").replace("\r", "\n")
        lines += [f"data: {line}" for line in text.split("\n")]
        return "\n".join(lines) + "\n\n"

    def _fields(self) -> list[tuple[str, str]]:
        fields = [("id", self.id), ("event", self.event)]
        found = [(name, value) for name, value in fields if value is not None]
        if self.retry is not None:
            found.append(("retry", str(int(self.retry))))
        return found


def comment(text: str = "") -> str:
    """A line that clients ignore: it keeps a connection from being taken for dead."""
    return f": {_one_line('comment', text)}\n\n"


def _one_line(name: str, value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise ValueError(f"{value!r} cannot be the {name} of an event")
    return value
