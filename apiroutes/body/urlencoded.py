"""application/x-www-form-urlencoded: query strings and form bodies.

In: text. Out: pairs, or a dict in which repeated names are lists. A malformed escape stays as it is,
and escaped bytes that are not UTF-8 become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from apiroutes.types import Params

__all__ = ["collect", "parse_pairs", "parse_urlencoded"]

# Runs of escapes are decoded as one, because a character may take several of them.
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# Escapes of ASCII, each of which represents one character, in every spelling of their digits.
_ASCII = {high + low: chr(int(high + low, 16)) for high in "01234567" for low in "0123456789abcdefABCDEF"}


def _percent_decode(text: str) -> str:
    """Return `text` with its escapes decoded once, as UTF-8, and everything else left alone."""
    first, percent, rest = text.partition("%")
    if not percent:
        return text
    if "%" not in rest:  # the usual case
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


def parse_urlencoded(text: str) -> Params:
    """Return all pairs of `text`; a name without a value has the value "", and empty pairs are skipped."""
    if "+" in text:
        text = text.replace("+", " ")
    has_escapes = "%" in text
    params: Params = {}
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        if has_escapes and "%" in pair:
            if "%" in name:
                name = _percent_decode(name)
            if "%" in value:
                value = _percent_decode(value)
        if name in params:
            # A repeated name: start again, with lists.
            return collect(parse_pairs(text))
        if name or equals:
            params[name] = value
    return params


def collect(pairs: Iterable[tuple[str, str]]) -> Params:
    """Return the pairs as a dict; the values of a repeated name become a list."""
    params: Params = {}
    for name, value in pairs:
        earlier = params.get(name)
        if earlier is None:
            params[name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            params[name] = [earlier, value]
    return params


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Return the pairs of `text` in order, decoded; a plus is a space."""
    if "+" in text:
        text = text.replace("+", " ")
    split = [pair.partition("=") for pair in text.split("&") if pair]
    if "%" not in text:
        return [(name, value) for name, _, value in split]
    return [(_percent_decode(name), _percent_decode(value)) for name, _, value in split]
