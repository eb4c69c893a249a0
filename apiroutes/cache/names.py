"""Names under which a store revalidates what it keeps: of paths, routes, tags and values.

In: the segments of a path, a route's pattern, tags, calls. Out: names, each with the kind that it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

from apiroutes.http import path_of

__all__ = [
    "below_name",
    "names_of_path",
    "path_name",
    "route_name",
    "tag_name",
    "value_name",
]


def path_name(segments: Sequence[str]) -> str:
    """Return the name of one path, whatever its host, query and headers."""
    return f"path:{path_of([*segments])}"


def below_name(segments: Sequence[str]) -> str:
    """Return the name of a path and everything below it."""
    return f"below:{path_of([*segments])}"


def route_name(pattern: str) -> str:
    """Return the name of all paths of a route."""
    return f"route:{pattern}"


def tag_name(tag: str) -> str:
    """Return the name of a tag."""
    return f"tag:{tag}"


def value_name(call: bytes) -> str:
    """Return the name of the value of one call of a function, both of them as bytes."""
    return f"value:{blake2b(call, digest_size=16).hexdigest()}"


def names_of_path(segments: Sequence[str], pattern: str, tags: Iterable[str] = ()) -> tuple[str, ...]:
    """Return all names of an answer of a route."""
    return tuple(_names(segments, pattern, tags))


def _names(segments: Sequence[str], pattern: str, tags: Iterable[str]) -> Iterator[str]:
    yield path_name(segments)
    for count in range(len(segments) + 1):
        yield below_name(segments[:count])
    yield route_name(pattern)
    yield from map(tag_name, tags)
