"""The `tanstack` convention: dots and directories are the same, `$` makes a parameter.

    path     = name *( ( "/" | "." ) name )
    name     = "index" | "route"              ; only at the end: its directory
             | "$"                            ; a splat, only at the end
             | "$" 1*character                ; a parameter
             | 1*character                    ; static

In: the parts of a path. Out: segments. Raises PatternError with the wrong characters marked;
`[.]` escapes, `{-$optional}` and affixes such as `{$id}[.]json` are such errors for now.
"""

from __future__ import annotations

from apiroutes.routing.conventions.segments import check_characters
from apiroutes.routing.pattern import Kind, PatternError, Placed, Segment

__all__ = ["read"]

# TanStack Router's name for the value that a splat captures.
_SPLAT = "_splat"


def read(parts: tuple[str, ...]) -> tuple[Placed, ...]:
    """path = name *( ( "/" | "." ) name )"""
    names = [(name, index, start) for index, part in enumerate(parts) for name, start in _names(part, index)]
    if names[-1][0] in ("index", "route"):
        names.pop()
    return tuple(
        Placed(_segment(name, index, start), index, start, start + len(name)) for name, index, start in names
    )


def _names(part: str, index: int) -> list[tuple[str, int]]:
    """Return the names of one part, split at its dots, each with its offset."""
    for position, character in enumerate(part):
        if character in "[]{}":
            raise PatternError(
                f"{part!r} has {character!r}, and escapes, optional parameters and affixes do not work yet",
                "Use plain names, $name and $.",
                index,
                (position, position + 1),
            )
    names: list[tuple[str, int]] = []
    start = 0
    for name in part.split("."):
        if not name:
            raise PatternError(
                f"{part!r} has an empty name between its dots",
                "Write one dot between two names.",
                index,
                (max(0, start - 1), max(1, start)),
            )
        names.append((name, start))
        start += len(name) + 1
    return names


def _segment(name: str, index: int, start: int) -> Segment:
    """name = "$" | "$" 1*character | 1*character"""
    if name == "$":
        return Segment(Kind.OPTIONAL_CATCH_ALL, _SPLAT, joined=True)
    check_characters(name, index, start)
    if name.startswith("$"):
        return Segment(Kind.DYNAMIC, name[1:])
    return Segment(Kind.STATIC, name)
