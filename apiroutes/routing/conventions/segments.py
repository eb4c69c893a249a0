"""Segments in brackets, as the `pages` and `app` conventions write them.

    segment  = "[[..." name "]]" | "[..." name "]" | "[" name "]" | static
    name     = 1*character                    ; no brackets, no leading dot, no "…"
    static   = 1*character                    ; no brackets

In: one part of a file's path. Out: its segment. Raises PatternError with the wrong characters
marked.
"""

from __future__ import annotations

from apiroutes.routing.pattern import Kind, PatternError, Segment

__all__ = ["check_characters", "read_segment"]

_LITERAL = "Put brackets around a whole name, for a parameter: [id].py, [...path].py, [[...path]].py."


def read_segment(part: str, index: int) -> Segment:
    """segment = "[[..." name "]]" | "[..." name "]" | "[" name "]" | static"""
    if part.startswith("[["):
        return _optional_catch_all(part, index)
    if part.startswith("["):
        return _parameter(part, index)
    for position, character in enumerate(part):
        if character in "[]":
            raise PatternError(f"{part!r} has a bracket inside", _LITERAL, index, (position, position + 1))
    check_characters(part, index)
    return Segment(Kind.STATIC, part)


def _optional_catch_all(part: str, index: int) -> Segment:
    """ "[[..." name "]]" """
    if part.endswith("]]") and "..." not in part and "[" not in part[2:] and "]" not in part[2:-2]:
        raise PatternError(
            f"{part!r} would be an optional parameter, which does not exist",
            f"Write {part[1:-1]!r} for a parameter, '[[...{part[2:-2]}]]' for an optional catch-all.",
            index,
            (0, len(part)),
        )
    if not part.startswith("[[..."):
        raise PatternError(f"{part!r} has an extra bracket", _LITERAL, index, (1, 2))
    name = _name(part, index, 5, "]]")
    return Segment(Kind.OPTIONAL_CATCH_ALL, name)


def _parameter(part: str, index: int) -> Segment:
    """ "[..." name "]" | "[" name "]" """
    if part.startswith("[..."):
        return Segment(Kind.CATCH_ALL, _name(part, index, 4, "]"))
    return Segment(Kind.DYNAMIC, _name(part, index, 1, "]"))


def _name(part: str, index: int, start: int, closing: str) -> str:
    """name = 1*character, then the closing brackets and nothing more"""
    end = len(part) - len(closing)
    after = part.find(closing, start) + len(closing)
    if len(closing) <= after < len(part) and "]" not in part[after:]:
        raise PatternError(f"{part!r} has text after its bracket", _LITERAL, index, (after, len(part)))
    if not part.endswith(closing) or end < start:
        raise PatternError(
            f"{part!r} is not closed by {closing!r}", _LITERAL, index, (max(0, len(part) - 1), len(part))
        )
    name = part[start:end]
    if not name:
        raise PatternError(
            f"{part!r} has no name", "Give the parameter a name: [id].py.", index, (start, start + 1)
        )
    _check_name(part, index, start, name)
    return name


def _check_name(part: str, index: int, start: int, name: str) -> None:
    """1*character: no brackets, no leading dot, no "…" """
    for position, character in enumerate(name, start):
        if character in "[]":
            raise PatternError(f"{part!r} has an extra bracket", _LITERAL, index, (position, position + 1))
    if name.startswith("…"):
        raise PatternError(
            f"{part!r} has the single character '…'",
            "Write three dots: '...'.",
            index,
            (start, start + 1),
        )
    if name.startswith("."):
        dots = len(name) - len(name.lstrip("."))
        raise PatternError(
            f"{part!r} has stray dots before its name",
            "Write three dots for a catch-all, [...path].py, and none for a parameter, [id].py.",
            index,
            (start, start + dots),
        )
    check_characters(name, index, start)


def check_characters(text: str, index: int, start: int = 0) -> None:
    """Check that a request path can have all of the characters."""
    for position, character in enumerate(text, start):
        if not character.isprintable() or character == "\\":
            raise PatternError(
                f"{text!r} has the character {character!r}, which no request path has",
                "Rename the file.",
                index,
                (position, position + 1),
            )
