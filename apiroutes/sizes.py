"""Sizes such as `1mb`: the text of a limit and its number of bytes.

In: an int of bytes or a string. Out: a `Size`. Raises ValueError or TypeError with a sentence
that shows a valid size.
"""

from __future__ import annotations

import math
import re

from apiroutes.errors import shown
from apiroutes.structs import Struct

__all__ = ["Size", "parse_size", "read_size"]

_UNITS = {"kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40, "pb": 2**50}
# The grammar of npm's `bytes`, without its minus sign.
_WITH_UNIT = r"\+?([0-9]+(?:\.[0-9]+)?) *(kb|mb|gb|tb|pb)"
# What JavaScript's parseInt skips in front of a number (ECMA-262 section 12.2 and 12.3).
_BLANK = "[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*"
_WITHOUT_UNIT = rf"{_BLANK}\+?[0-9]+(?:\.[0-9]+)?{_BLANK}b?{_BLANK}"
_LEADING_INT = rf"{_BLANK}\+?([0-9]+)"
_FLAGS = re.IGNORECASE | re.ASCII
_MAX_DIGITS = 18
_EXPECTED = 'a size is an int of bytes or a string such as "500kb" or "1.5mb"'


class Size(Struct, frozen=True):
    """A number of bytes, and the text with which it was configured, which error messages repeat."""

    bytes: int
    text: str


def parse_size(value: object) -> Size:
    """Read a size as npm's `bytes` package does, which Next.js uses.

    `1kb` is 1024 bytes, decimals and blanks before the unit are allowed, and a string without one of the
    units means its leading integer in bytes (`"100"`, `"100b"`). Raises TypeError for anything except an int
    or a string, ValueError for a string that cannot be read or is negative.
    """
    if type(value) is int:
        if value < 0:
            raise ValueError(f"{shown(value)} is negative; {_EXPECTED}")
        return Size(value, str(value))
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is a {type(value).__name__}; {_EXPECTED}")
    with_unit = re.fullmatch(_WITH_UNIT, value, _FLAGS)
    if with_unit is not None:
        number, unit = with_unit.groups()
        if len(number) > _MAX_DIGITS:
            raise ValueError(f"{value[:40]!r}... is larger than any size; {_EXPECTED}")
        return Size(math.floor(float(number) * _UNITS[unit.lower()]), value)
    leading = re.match(_LEADING_INT, value)
    if leading is None:
        raise ValueError(f"{shown(value)} is not a size; {_EXPECTED}")
    if len(leading[1]) > _MAX_DIGITS:
        raise ValueError(f"{value[:40]!r}... is larger than any size; {_EXPECTED}")
    return Size(int(leading[1]), value)


def read_size(value: object) -> Size:
    """Read a size as `parse_size` does, but raise ValueError for a unit that it would ignore."""
    size = parse_size(value)
    if not re.fullmatch(f"{_WITH_UNIT}|{_WITHOUT_UNIT}", size.text, _FLAGS):
        raise ValueError(
            f"{shown(value)} has no known unit, so it would mean {size.bytes} bytes; "
            "units are b, kb, mb, gb, tb and pb"
        )
    return size
