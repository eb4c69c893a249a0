"""The routes that are nearest to a path that none of them matches.

In: decoded segments and the routes. Out: the routes that were probably meant, the nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from apiroutes.routing.pattern import Kind, RoutePattern, Segment
from apiroutes.routing.scan import Route

__all__ = ["nearest_routes"]

# The distance for each segment from which on a route is not what was meant.
_TOO_FAR = 0.39
# What a segment costs that is missing or too much, and one that a parameter takes.
_MISSING = 1.0
_CAPTURED = 0.1
# Another name is worse than a missing one, unless it is mistyped: so much of it is the same.
_OTHER = 1.5
_MISTYPED = 0.6


def nearest_routes(segments: Sequence[str], routes: Iterable[Route], count: int = 3) -> list[Route]:
    """Return at most `count` routes whose paths are like the one of these segments."""
    rated = []
    for place, route in enumerate(routes):
        longest = max(len(segments), len(route.pattern.segments), 1)
        distance = _distance(segments, route.pattern) / longest
        if distance < _TOO_FAR:
            rated.append((distance, place, route))
    return [route for _, _, route in sorted(rated, key=lambda rating: rating[:2])[:count]]


def _distance(segments: Sequence[str], pattern: RoutePattern) -> float:
    """Return what it costs to turn the path into one that the pattern matches (Levenshtein, by segments)."""
    row = [_MISSING * number for number in range(len(segments) + 1)]
    for part in pattern.segments:
        above, row = row, [row[0] + _MISSING]
        extra = _CAPTURED if part.kind >= Kind.CATCH_ALL else _MISSING
        for number, segment in enumerate(segments, 1):
            exchanged = above[number - 1] + _exchange(segment, part)
            row.append(min(exchanged, above[number] + _MISSING, row[number - 1] + extra))
    return row[-1]


def _exchange(segment: str, part: Segment) -> float:
    if part.kind is not Kind.STATIC:
        return _CAPTURED
    likeness = SequenceMatcher(None, segment, part.text).ratio()
    return 1 - likeness if likeness >= _MISTYPED else _OTHER
