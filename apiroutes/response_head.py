"""The head of a response: its status and header lines, and the view of them that is `res.headers`.

In: keys in lower case and checked header lines. Out: the same, in the order in which they were set. Raises
TypeError for a write to the view. Nothing here checks whether the response may still change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from werkzeug.datastructures import Headers

from apiroutes.http import HeaderLines, decode_field_value, merge_vary

__all__ = ["UNTOUCHED", "HeadersView", "ResponseHead", "Snapshot"]

# The status, whether it was set, the first line of each header, and the further lines.
Snapshot = tuple[int, bool, dict[str, tuple[str, str]], dict[str, list[tuple[str, str]]]]

UNTOUCHED: Snapshot = (200, False, {}, {})


class ResponseHead:
    """The status and headers of a response, as they are stored."""

    _status: int
    _status_was_set: bool
    _headers: dict[str, tuple[str, str]]
    _repeated_headers: dict[str, list[tuple[str, str]]] | None  # further lines of a header
    _content_headers: HeaderLines  # which the content adds unless a Content-Type was set

    def _lines_of(self, key: str) -> list[tuple[str, str]]:
        line = self._headers.get(key)
        return [] if line is None else [line, *(self._repeated_headers or {}).get(key, ())]

    def _append(self, key: str, name: str, value: str) -> None:
        if self._headers.setdefault(key, line := (name, value)) is not line:
            if self._repeated_headers is None:
                self._repeated_headers = {}
            self._repeated_headers.setdefault(key, []).append(line)

    def _drop(self, key: str) -> None:
        self._headers.pop(key, None)
        if self._repeated_headers is not None:
            self._repeated_headers.pop(key, None)

    def _apply(self, change: str, key: str, lines: Sequence[tuple[str, str]]) -> None:
        """Make a change: "set", "append" or "remove". Vary only gains members."""
        if key == "vary" and change != "remove":
            self._add_to_vary(lines)
            return
        if change != "append":
            self._drop(key)
        for name, value in lines:
            self._append(key, name, value)

    def _add_to_vary(self, lines: Iterable[tuple[str, str]]) -> None:
        members = merge_vary(value for _, value in (*self._lines_of("vary"), *lines))
        self._drop("vary")
        if members:
            self._headers["vary"] = ("Vary", members)

    def _announced_length(self) -> int | None:
        """Return the Content-Length that was set; None if it was not, or is not a number."""
        line = self._headers.get("content-length")
        return int(line[1]) if line is not None and line[1].isascii() and line[1].isdigit() else None

    def _adopt_head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """Adopt the head of an application's response; its headers replace headers set before."""
        self._status, self._status_was_set = status, True
        for key in {name.lower() for name, _ in headers} - {"set-cookie", "vary"}:
            self._drop(key)
        for name, value in headers:
            self._apply("append", name.lower(), [(name, value)])
        self._content_headers = ()

    def _replace_head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Set the status and all headers."""
        self._status, self._status_was_set = status, True
        self._headers, self._repeated_headers = {}, None
        for name, value in headers:
            self._append(name.lower(), name, value)

    def _snapshot(self) -> Snapshot:
        """Return a copy of status and headers, for `_roll_back`."""
        if not (self._headers or self._status_was_set):
            return UNTOUCHED
        repeated = {key: list(lines) for key, lines in (self._repeated_headers or {}).items()}
        return self._status, self._status_was_set, dict(self._headers), repeated

    def _roll_back(self, snapshot: Snapshot) -> None:
        """Set status and headers back to a snapshot, which can be used again."""
        self._status, self._status_was_set, headers, repeated = snapshot
        self._headers = dict(headers)
        self._repeated_headers = {key: list(lines) for key, lines in repeated.items()} or None


class HeadersView(Headers):
    """A live view of the headers of a response."""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head

    @property
    def _list(self) -> list[tuple[str, str]]:
        head = self._head
        lines = [line for key in head._headers for line in head._lines_of(key)]
        if "content-type" not in head._headers:
            lines += [line for line in head._content_headers if line[0].lower() not in head._headers]
        return [(name, decode_field_value(value)) for name, value in lines]

    @_list.setter
    def _list(self, value: object) -> None:
        raise TypeError("res.headers is read-only: res.set_header(name, value) sets one")

    def _reject(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("res.headers is read-only: res.set_header(name, value) sets one")

    def copy(self) -> Any:
        """Return the current headers as an object that can be changed."""
        return Headers(self._list)

    __copy__ = copy
    __setitem__ = __delitem__ = _reject
    add = add_header = append = clear = extend = insert = pop = popitem = remove = _reject
    set = setlist = setdefault = setlistdefault = update = __ior__ = _reject
