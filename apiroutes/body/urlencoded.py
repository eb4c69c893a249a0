"""application/x-www-form-urlencoded: query strings and form bodies.

In: text. Out: pairs, or a dict in which repeated names are lists. Raises nothing: an escape
that is none stays as it is, and escaped bytes that are not UTF-8 become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Values", "collect", "parse_pairs", "parse_urlencoded", "percent_decode"]

Values = dict[str, "str | list[str]"]

# Runs of escapes are decoded as one, because a character may take several of them.
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


# Escapes of ASCII, which stand for a character each, in every spelling of their digits.
_ASCII = {high + low: chr(int(high + low, 16)) for high in "01234567" for low in "0123456789abcdefABCDEF"}


def percent_decode(text: str) -> str:
    """Escapes decoded once, as UTF-8; everything else is left alone."""
    first, percent, rest = text.partition("%")
    if not percent:
        return text
    if "%" not in rest:  # as most that have one
        character = _ASCII.get(rest[:2])
        if character is not None:
            return first + character + rest[2:]
    first, *pieces = text.split("%")
    decoded = [first]
    for piece in pieces:
        character = _ASCII.get(piece[:2])
        if character is None:
            return _ESCAPES.sub(_decode_run, text)
        decoded.append(character + piece[2:])
    return "".join(decoded)


def _decode_run(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def parse_urlencoded(text: str) -> Values:
    """All pairs of `text`; a name alone has the value "", empty pairs are none."""
    if "+" in text:
        text = text.replace("+", " ")
    escaped = "%" in text
    found: Values = {}
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        if escaped and "%" in pair:
            name, value = percent_decode(name), percent_decode(value)
        if name in found:
            # A name that is repeated: begin again, the other way.
            return collect(parse_pairs(text))
        if name or equals:
            found[name] = value
    return found


def collect(pairs: Iterable[tuple[str, str]]) -> Values:
    """Pairs as a dict; the values of a repeated name become a list."""
    found: Values = {}
    for name, value in pairs:
        known = found.get(name)
        if known is None:
            found[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            found[name] = [known, value]
    return found


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """The pairs of `text` in their order, decoded; a plus is a blank."""
    if "+" in text:
        text = text.replace("+", " ")
    split = [pair.partition("=") for pair in text.split("&") if pair]
    if "%" not in text:
        return [(name, value) for name, _, value in split]
    return [(percent_decode(name), percent_decode(value)) for name, _, value in split]
