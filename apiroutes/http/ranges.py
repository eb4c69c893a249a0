"""Range requests (RFC 9110 section 14), for the unit of bytes.

In: a Range field, a size. Out: the parts that it asks for. Raises nothing.
"""

from __future__ import annotations

import re

__all__ = ["byte_ranges"]

# One member of a list (section 5.6.1.2), which may be empty, up to the comma after it.
_MEMBER = re.compile(r"(?:([0-9]+)-([0-9]*)|-([0-9]+))?[\t ]*(?:,[\t ]*|\Z)")


def byte_ranges(field: str, size: int) -> list[tuple[int, int]] | None:
    """The parts of `size` bytes that a Range field asks for, as offsets (start, end), end excluded.

    They are in order, and what overlaps or touches is one (section 15.3.7.2). An empty list means
    that nothing of it is there: 416. None means that the field says nothing, because its unit is
    another, or it cannot be read: the whole, as if it were not there (section 14.2).
    """
    unit, _, text = field.strip("\t ").partition("=")
    if unit.lower() != "bytes" or text[:1] in ("", "\t", " "):
        return None
    asked: list[tuple[int, int]] = []
    is_empty = True
    position = 0
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            return None
        position = member.end()
        first, last, suffix = member.groups()
        if suffix is not None:
            is_empty = False
            length = _number(suffix, size)
            if _digits(suffix):
                asked.append((size - length, size))
        elif first is not None:
            is_empty = False
            start = _digits(first)
            if last and (len(_digits(last)), _digits(last)) < (len(start), start):
                return None  # section 14.1.1: invalid, and with it the field
            if _number(first, size) < size:
                asked.append((_number(first, size), _number(last, size - 1) + 1 if last else size))
    # Nothing was asked for; or an end of what is empty, which is there and has no Content-Range.
    if is_empty or (asked and size == 0):
        return None
    return _joined(asked)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _digits(number: str) -> str:
    return number.lstrip("0")


def _number(text: str, most: int) -> int:
    """The number, or `most` where it is larger: no size has more than 19 digits (section 14.1.1)."""
    digits = _digits(text)
    return min(int(digits or "0"), most) if len(digits) <= 19 else most
