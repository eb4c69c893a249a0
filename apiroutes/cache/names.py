"""Names by which a store revalidates what it keeps: of paths and all below them, of routes, tags and values.

In: the segments of a path, a route's pattern, tags. Out: names, each with its kind. Their number and length
are bounded, whatever path a client requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice

from apiroutes.cache.targets import digest
from apiroutes.http import path_of

__all__ = ["below_name", "names_of_path", "path_name", "route_name", "tag_name", "value_name"]

# How many segments count for what is below a path. For a deeper path, everything below its first segments is
# revalidated: that is more than necessary, and never less.
_DEEPEST = 32
_LONGEST = 200  # characters of a path in a name; longer ones become a digest


def path_name(segments: Sequence[str]) -> str:
    """Return the name of one path, whatever its host, query and headers."""
    return f"path:{_bounded(path_of([*segments]))}"


def below_name(segments: Sequence[str]) -> str:
    """Return the name of a path and everything below it."""
    return f"below:{_bounded(path_of([*segments[:_DEEPEST]]))}"


def route_name(pattern: str) -> str:
    """Return the name of all paths of a route."""
    return f"route:{pattern}"


def tag_name(tag: str) -> str:
    """Return the name of a tag."""
    return f"tag:{tag}"


def value_name(call: bytes) -> str:
    """Return the name of the value of one call of a function, both of them as bytes."""
    return f"value:{digest(call).hex()}"


def names_of_path(segments: Sequence[str], pattern: str, tags: Iterable[str] = ()) -> tuple[str, ...]:
    """Return all names of an answer of a route."""
    return tuple(_names(segments, pattern, tags))


def _names(segments: Sequence[str], pattern: str, tags: Iterable[str]) -> Iterator[str]:
    yield path_name(segments)
    yield below_name(())
    for path in accumulate(path_of([segment]) for segment in islice(segments, _DEEPEST)):
        yield f"below:{_bounded(path)}"
    yield route_name(pattern)
    yield from map(tag_name, tags)


def _bounded(path: str) -> str:
    if len(path) <= _LONGEST:
        return path
    return digest(path.encode("utf-8", "surrogatepass")).hex()
