"""Range requests (RFC 9110 section 14), in the unit "bytes".

In: a Range field, a size. Out: the parts that it requests.
"""

from __future__ import annotations

import re

__all__ = ["byte_ranges"]

# One member of a list (section 5.6.1.2), which may be empty, up to the comma after it.
_LISTED_RANGE = re.compile(r"(?:([0-9]+)-([0-9]*)|-([0-9]+))?[\t ]*(?:,[\t ]*|\Z)")


def byte_ranges(field: str, size: int) -> list[tuple[int, int]] | None:
    """Return the parts of `size` bytes that a Range field requests, as offsets (start, end), end excluded.

    They are in order, and parts that overlap or touch are joined (section 15.3.7.2). An empty list means that
    no part exists: 416. None means that the field is ignored, because it has another unit or is invalid: the
    whole content is sent (section 14.2).
    """
    unit, _, text = field.strip("\t ").partition("=")
    if unit.lower() != "bytes" or text[:1] in ("", "\t", " "):
        return None
    parts: list[tuple[int, int]] = []
    is_empty = True
    position = 0
    while position < len(text):
        member = _LISTED_RANGE.match(text, position)
        if member is None:
            return None
        position = member.end()
        first, last, suffix = member.groups()
        if suffix is not None:
            is_empty = False
            length = _number(suffix, size)
            if _digits(suffix):
                parts.append((size - length, size))
        elif first is not None:
            is_empty = False
            start = _digits(first)
            if last and (len(_digits(last)), _digits(last)) < (len(start), start):
                return None  # section 14.1.1: it makes the whole field invalid
            if _number(first, size) < size:
                parts.append((_number(first, size), _number(last, size - 1) + 1 if last else size))
    # Either nothing was requested, or the last bytes of an empty file: a part without a Content-Range.
    if is_empty or (parts and size == 0):
        return None
    return _joined(parts)


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
    """Return the number, at most `most`: no size has more than 19 digits (section 14.1.1)."""
    digits = _digits(text)
    return min(int(digits or "0"), most) if len(digits) <= 19 else most
