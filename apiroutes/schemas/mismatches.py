"""Mismatches of a value with its type, and how many of them are reported.

In: places and messages. Out: the same, limited in number and length. Raises DoesNotFit and SchemaError.

A client decides how much of its request does not fit, and how long the names in it are. Still, the response
stays small: it tells a developer where to look, for which a hundred places are enough.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = [
    "MOST_MISMATCHES",
    "DoesNotFit",
    "Mismatch",
    "SchemaError",
    "bounded",
    "inside",
    "place_of",
]

# A place, as `body.items[3].price`, and a message about it; never the value.
Mismatch = tuple[str, str]

MOST_MISMATCHES = 100
_MOST_BYTES = 48_000  # of all mismatches of a request as JSON, so that the whole response is below 64 KB
_LONGEST_MESSAGE = 1_000  # characters; an enum may have too many values to read
_LONGEST_PLACE = 100  # characters, of names that a client chose


class SchemaError(TypeError):
    """An annotation that no value can be checked against."""


class DoesNotFit(Exception):
    """A value that does not fit its type."""

    def __init__(self, mismatches: list[Mismatch]) -> None:
        super().__init__(mismatches)
        self.mismatches = mismatches


def bounded(mismatches: Iterable[Mismatch]) -> list[Mismatch]:
    """Return the first mismatches, as many as fit into a response, and at least one if there are any."""
    reported: list[Mismatch] = []
    room = _MOST_BYTES
    for place, message in mismatches:
        mismatch = _readable(place), _readable(message)
        room -= len(msgspec.json.encode(mismatch)) + len('{"place":,"message":}')
        if reported and room < 0:
            break
        reported.append(mismatch)
        if len(reported) == MOST_MISMATCHES:
            break
    return reported


def _readable(text: str) -> str:
    """Return a string that UTF-8 can encode, shortened if it is long."""
    return _cut(text, _LONGEST_MESSAGE).encode("utf-8", "replace").decode()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(length, 0)] + "…"


def inside(place: str, name: str) -> str:
    """Return the place of a part that the client named, shortened if it grows long."""
    return _cut(f"{place}.{name}", max(_LONGEST_PLACE, len(place) + 1))


def place_of(place: str, parts: Iterable[str | int]) -> str:
    """Return the place to which names and indexes lead from another place, shortened if it grows long."""
    for part in parts:
        if len(place) > _LONGEST_PLACE:
            return place if place.endswith("…") else place + "…"
        place = f"{place}[{part}]" if isinstance(part, int) else inside(place, part)
    return place
