"""The `app` convention, Next.js's App Router: a directory is a path, its `route.py` answers.

    path     = *( directory "/" ) "route"
    directory = "(" group ")" | [ "%5F" ] segment    ; a group is not part of the path

In: the parts of a path. Out: segments, or None for a file that is not called `route`. Raises
PatternError with the wrong characters marked.
"""

from __future__ import annotations

from apiroutes.routing.conventions.segments import read_segment
from apiroutes.routing.pattern import PatternError, Placed, Segment

__all__ = ["read"]

_GROUP = "A group is a whole name in parentheses: (admin)."


def read(parts: tuple[str, ...]) -> tuple[Placed, ...] | None:
    """path = *( directory "/" ) "route" """
    if parts[-1] != "route":
        return None  # a helper beside the routes
    return tuple(
        Placed(_directory(part, index), index, 0, len(part))
        for index, part in enumerate(parts[:-1])
        if not _is_group(part, index)
    )


def _is_group(part: str, index: int) -> bool:
    """ "(" group ")" """
    if not part.startswith("("):
        return False
    end = part.find(")") + 1
    if not end:
        raise PatternError(f"{part!r} opens a group but does not close it", _GROUP, index, (0, 1))
    if part.startswith(("()", "(.")):
        # Dots are for intercepting routes of Next.js, which exist only for pages.
        raise PatternError(f"{part[:end]!r} is not a group", _GROUP, index, (0, end))
    if end < len(part):
        raise PatternError(f"{part!r} has text after its group", _GROUP, index, (end, len(part)))
    return True


def _directory(part: str, index: int) -> Segment:
    """[ "%5F" ] segment: an escaped underscore begins a name that is not private"""
    if part[:3].lower() == "%5f":
        return Segment(read_segment(part, index).kind, "_" + part[3:])
    if part.startswith("@"):
        raise PatternError(
            f"{part!r} is a slot of a page, but endpoints have no slots",
            "Rename the directory.",
            index,
            (0, 1),
        )
    return read_segment(part, index)
