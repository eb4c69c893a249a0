"""The route pattern: the form to which every naming convention compiles.

In: segments. Out: a `RoutePattern`, which obeys the rules that all conventions share. Raises PatternError,
which names the wrong segment, the reason and a remedy.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from apiroutes.structs import Struct

__all__ = ["Kind", "PatternError", "Placed", "RoutePattern", "Segment", "check"]


class Kind(enum.IntEnum):
    """The kinds of segments, in the order of precedence: the first wins."""

    STATIC = 0
    DYNAMIC = 1
    CATCH_ALL = 2
    OPTIONAL_CATCH_ALL = 3


_SPELLING = {
    Kind.STATIC: "{}",
    Kind.DYNAMIC: "[{}]",
    Kind.CATCH_ALL: "[...{}]",
    Kind.OPTIONAL_CATCH_ALL: "[[...{}]]",
}


class Segment(Struct, frozen=True):
    """One part of a pattern: `text` is the text of a static segment, otherwise the parameter's name.

    A `joined` catch-all, TanStack's splat, captures one str that contains slashes; it is empty if no segments
    are left.
    """

    kind: Kind
    text: str
    joined: bool = False

    def __str__(self) -> str:
        return "$" if self.joined else _SPELLING[self.kind].format(self.text)


class Placed(NamedTuple):
    """A segment, and the characters in a part of the file's path from which it was read."""

    segment: Segment
    part: int
    start: int
    end: int


class RoutePattern(Struct, frozen=True, dict=True):
    """The segments of a route, outermost first; `str()` writes the pattern as Next.js does."""

    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "/" + "/".join(map(str, self.segments))

    @cached_property
    def _dynamic(self) -> tuple[tuple[str, int], ...]:
        """Return the names and indexes of the dynamic segments."""
        return tuple(
            (segment.text, index)
            for index, segment in enumerate(self.segments)
            if segment.kind is Kind.DYNAMIC
        )

    @cached_property
    def _catch_all(self) -> Segment | None:
        """Return the last segment, if it is a catch-all."""
        last = self.segments[-1] if self.segments else None
        return last if last is not None and last.kind >= Kind.CATCH_ALL else None

    def captures(self, segments: Sequence[str]) -> dict[str, str | list[str]]:
        """Return the values of the parameters, by name, in a path that the pattern matches."""
        params: dict[str, str | list[str]] = {name: segments[index] for name, index in self._dynamic}
        last = self._catch_all
        if last is not None:
            rest = list(segments[len(self.segments) - 1 :])
            if last.joined:
                params[last.text] = "/".join(rest)
            elif rest:
                params[last.text] = rest
        return params


class PatternError(ValueError):
    """A name that is not a valid pattern.

    `part` is the index of the wrong part of the file's path, `span` marks the wrong characters in
    it, and `remedy` says what to write instead.
    """

    def __init__(self, message: str, remedy: str, part: int, span: tuple[int, int]) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.part = part
        self.span = span


_NON_WORD = re.compile(r"[^A-Za-z0-9_]")


def check(segments: tuple[Segment, ...]) -> None:
    """Check the rules within one pattern; `part` of the PatternError is the segment's index."""
    seen: dict[str, str] = {}
    for index, segment in enumerate(segments):
        if segment.kind is Kind.STATIC:
            continue
        whole = (0, len(str(segment)))
        if segment.kind >= Kind.CATCH_ALL and index != len(segments) - 1:
            raise PatternError(
                f"a catch-all must be the last segment, but {segment} is not",
                f"Nothing can follow {segment}: end the route there, or make it a parameter.",
                index,
                whole,
            )
        # A rule of Next.js: names that differ only in their punctuation are the same name.
        word = _NON_WORD.sub("", segment.text)
        if word in seen:
            other = seen[word]
            same = other == segment.text
            raise PatternError(
                f"the name {segment.text!r} is used twice in one pattern"
                if same
                else f"the names {other!r} and {segment.text!r} differ only in their punctuation",
                f"Give {segment} another name.",
                index,
                whole,
            )
        seen[word] = segment.text
