"""Answers as a worker keeps them in its memory, ready to be copied into a response.

In: an answer from the store, and its age. Out: the response with it, as if the handler had just answered.
"""

from __future__ import annotations

import time

from apiroutes.cache.answers import Answer
from apiroutes.http import HeaderLines, merge_vary
from apiroutes.response import Response
from apiroutes.response_state import SENT

__all__ = ["HotAnswer", "Variants"]


class Variants:
    """The headers, by their keys in the environ, whose values distinguish the answers of a URL."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names


class HotAnswer:
    """An answer, with the headers that the cache adds; `control` is its Cache-Control unless it has its own.

    `made` is when its age was 0, in monotonic seconds; `fresh` are the seconds from then on.
    """

    __slots__ = (
        "appended",
        "content",
        "content_headers",
        "fresh",
        "has_etag",
        "headers",
        "is_conditional",
        "made",
        "own_control",
        "repeated",
        "sets_status",
        "size",
        "status",
    )

    def __init__(self, answer: Answer, age: float, vary: HeaderLines, control: str) -> None:
        self.status, self.sets_status = answer.status, answer.sets_status
        self.appended = answer.appended
        self.content = answer.content
        self.content_headers = answer.content_headers
        self.is_conditional, self.has_etag = answer.is_conditional, answer.has_etag
        self.made, self.fresh = time.monotonic() - age, answer.fresh
        self.headers = {key: lines[0] for key, lines in answer.headers.items()}
        self.repeated = {key: lines[1:] for key, lines in answer.headers.items() if lines[1:]}
        self.own_control = "cache-control" in self.headers
        if not self.own_control:
            self.headers["cache-control"] = ("Cache-Control", control)
        members = merge_vary(value for _, value in (*answer.headers.get("vary", ()), *vary))
        if members:
            self.headers["vary"] = ("Vary", members)
        self.size = len(answer.content) + sum(len(n) + len(v) for n, v in self.headers.values()) + 500

    def copy_to(self, response: Response, age: float) -> None:
        """Make this the response's answer."""
        if response._headers or self.repeated:
            self._merge_into(response)
        else:
            response._headers = self.headers.copy()
            if not self.own_control:
                response._shared_control = self.headers["cache-control"]
        response._headers["age"] = ("Age", str(int(age)))
        if self.sets_status:
            response._status, response._status_was_set = self.status, True
        response._content = self.content
        response._content_headers = self.content_headers
        if self.is_conditional:
            response._etag_start = response._etag_prefix if self.has_etag else ""
        response._state = SENT

    def _merge_into(self, response: Response) -> None:
        """Add the headers to those that middleware has set."""
        has_control = "cache-control" in response._headers and not self.own_control
        for key, line in self.headers.items():
            if key != "cache-control" or not has_control:
                change = "append" if key in self.appended else "set"
                response._apply(change, key, [line, *self.repeated.get(key, ())])
        if not (has_control or self.own_control):
            response._shared_control = self.headers["cache-control"]
        if self.content_headers and "content-type" not in self.headers and self._replaces_type:
            response._drop("content-type")

    @property
    def _replaces_type(self) -> bool:
        """Whether the content has its own type, whatever type middleware has set, as JSON does."""
        return self.content_headers[0][1].startswith("application/json")
