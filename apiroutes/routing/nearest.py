"""The routes that are nearest to a path that none of them matches.

In: decoded segments and the routes. Out: the routes that were probably meant, the nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from apiroutes.routing.pattern import Kind, RoutePattern
from apiroutes.routing.scan import Route

__all__ = ["nearest_routes"]

_LEAST = 0.6  # as difflib.get_close_matches has it


def nearest_routes(segments: Sequence[str], routes: Iterable[Route], count: int = 3) -> list[Route]:
    """Return at most `count` routes whose paths are like the one of these segments."""
    path = "/".join(segments)
    rated = []
    for place, route in enumerate(routes):
        likeness = SequenceMatcher(None, path, _filled(route.pattern, segments)).ratio()
        if likeness >= _LEAST:
            rated.append((-likeness, place, route))
    return [route for _, _, route in sorted(rated, key=lambda rating: rating[:2])[:count]]


def _filled(pattern: RoutePattern, segments: Sequence[str]) -> str:
    """Return a path that the pattern matches, with the parameters as they are in these segments."""
    parts = []
    for place, segment in enumerate(pattern.segments):
        if segment.kind is Kind.STATIC:
            parts.append(segment.text)
        elif segment.kind is Kind.DYNAMIC:
            parts += segments[place : place + 1] or [str(segment)]
        else:
            parts += segments[place:]
    return "/".join(parts)
