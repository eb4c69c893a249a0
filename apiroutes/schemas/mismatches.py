"""What is wrong with a value, and how much of it is said.

In: places and messages. Out: the same, bounded in number and length. Raises DoesNotFit and SchemaError.

A client chooses how much of its request does not fit, and what the names in it are. The answer is no
larger for it: an answer tells a developer where to look, and a hundred places are enough for that.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

__all__ = [
    "MOST_FAULTS",
    "Mismatch",
    "DoesNotFit",
    "SchemaError",
    "bounded",
    "collecting_paused",
    "inside",
    "place_of",
]

# The place of a problem, as `body.items[3].price`, and what is wrong there; never the value.
Mismatch = tuple[str, str]

MOST_FAULTS = 100
_MOST_BYTES = 48_000  # of all problems of a request, as JSON; the whole answer has less than 64 KB
_LARGE = 100_000
_SHORTEST = 8  # bytes of an object that says something, as `{"a":1},` does
_LONGEST_MESSAGE = 1_000  # characters; an enum may have more values than anybody reads
_LONGEST_PLACE = 100  # characters, of names that a client chose


class SchemaError(TypeError):
    """An annotation that nothing can be checked against."""


class DoesNotFit(Exception):
    """A value that does not fit its type."""

    def __init__(self, mismatches: list[Mismatch]) -> None:
        super().__init__(mismatches)
        self.mismatches = mismatches


def bounded(mismatches: Iterable[Mismatch]) -> list[Mismatch]:
    """The first of the problems: as many as an answer has room for, at least one if there are any."""
    found: list[Mismatch] = []
    room = _MOST_BYTES
    for place, message in mismatches:
        mismatch = _readable(place), _readable(message)
        room -= len(msgspec.json.encode(mismatch)) + len('{"place":,"message":}')
        if found and room < 0:
            break
        found.append(mismatch)
        if len(found) == MOST_FAULTS:
            break
    return found


def _readable(text: str) -> str:
    """As UTF-8 has it, and cut where it is long."""
    return _cut(text, _LONGEST_MESSAGE).encode("utf-8", "replace").decode()


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(length, 0)] + "…"


def inside(place: str, name: str) -> str:
    """The place of something whose name the client chose: cut where it grows long."""
    return _cut(f"{place}.{name}", max(_LONGEST_PLACE, len(place) + 1))


def place_of(place: str, parts: Iterable[str | int]) -> str:
    """The place that the parts lead to, from another one: cut where it grows long."""
    for part in parts:
        if len(place) > _LONGEST_PLACE:
            return place if place.endswith("…") else place + "…"
        place = f"{place}[{part}]" if isinstance(part, int) else inside(place, part)
    return place


def is_dense(content: bytes) -> bool:
    """Whether a document is large and has hardly more than empty objects: what it is made into is
    many times its size."""
    return len(content) > _LARGE and content.count(b"{") * _SHORTEST > len(content)


def is_small(value: Any, most: int) -> bool:
    """Whether a value has at most so many parts, itself and those of its parts counted."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        most -= 1
        if isinstance(part, (Mapping, list, tuple)):
            if len(part) > most:
                return False
            waiting += part.values() if isinstance(part, Mapping) else part
    return most >= 0


@contextlib.contextmanager
def collecting_paused() -> Iterator[None]:
    """No garbage collection inside, for work that makes many objects at once and frees them itself.

    Each collection would walk all that is made so far, which is most of the time that a large body
    costs. A process that has it off keeps it off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
