"""application/x-www-form-urlencoded: query strings and form bodies.

In: text. Out: pairs, or a dict in which repeated names are lists. Raises nothing: an escape
that is none stays as it is, and escaped bytes that are not UTF-8 become U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

__all__ = ["Values", "collect", "parse_pairs", "parse_urlencoded", "percent_decode"]

Values = dict[str, "str | list[str]"]

# Runs of escapes are decoded as one, because a character may take several of them.
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def percent_decode(text: str) -> str:
    """Escapes decoded once, as UTF-8; everything else is left alone."""
    return _ESCAPES.sub(_decode_run, text)


def _decode_run(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def parse_urlencoded(text: str) -> Values:
    """All pairs of `text`; a name alone has the value "", empty pairs are none."""
    if "%" in text or "+" in text:
        return collect(parse_pairs(text))
    found: Values = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            if name in found:
                _append(found, name, value)
            else:
                found[name] = value
    return found


def parse_pairs(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of `text` in their order, decoded; a plus is a blank."""
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.replace("+", " ").partition("=")
            yield percent_decode(name), percent_decode(value)


def collect(pairs: Iterable[tuple[str, str]]) -> Values:
    """Pairs as a dict; the values of a repeated name become a list."""
    found: Values = {}
    for name, value in pairs:
        if name in found:
            _append(found, name, value)
        else:
            found[name] = value
    return found


def _append(found: Values, name: str, value: str) -> None:
    known = found[name]
    if isinstance(known, list):
        known.append(value)
    else:
        found[name] = [known, value]
