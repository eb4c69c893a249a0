"""Which routes are nearest to a path that no route matches, and where a file for it would be.

In: a path and the patterns of routes. Out: routes with how they differ from the path, and names of files.
Segments are compared one by one: a path is near a pattern that it matches except for one segment, the
prefix, the case of its letters, or an extension.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from apiroutes.structs import Struct

__all__ = ["Near", "RouteLine", "by_distance", "files_for", "nearest"]

_MAX_SEGMENTS = 40
_MOST = 5
_FARTHEST = 0.5  # of the cost of all segments
_MISSING = 1.0
_PREFIX_MISSING = 0.25
_CASE = 0.1
_EXTENSION = 0.15
_DYNAMIC = 0.2  # a parameter matches any segment, so it means less than the same text
_CLOSE = 0.6  # difflib's ratio
_EXTENSIONS = re.compile(r"\.(py|json|html?|xml|txt|[jt]sx?)$", re.IGNORECASE)
_METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class RouteLine(Struct, frozen=True):
    """A route in a list: `pattern` as in `/api/users/[id]`, `file` relative to the project.

    `methods` are those that the route answers; empty for all of them. A route that cannot be served is
    `broken_by` a file with a mistake, its own or another.
    """

    pattern: str
    methods: tuple[str, ...]
    file: str
    broken_by: str | None = None

    @property
    def methods_text(self) -> str:
        """The methods in their usual order."""
        if self.broken_by is not None:
            return "has a mistake" if self.broken_by == self.file else f"{self.broken_by} has a mistake"
        known = [method for method in _METHOD_ORDER if method in self.methods]
        return (
            ", ".join([*known, *(method for method in self.methods if method not in known)]) or "any method"
        )


class Near(Struct, frozen=True):
    """A route near a path. `path` is one that the route answers, None if it would have to be invented.

    `reasons` are the differences between it and the requested path, in words.
    """

    route: RouteLine
    path: str | None
    reasons: tuple[str, ...]


class _Way(Struct, frozen=True):
    """A way from the path to a pattern: its cost, the segments of the path meant, and the reasons.

    `alike` counts the static segments that are the same, or almost.
    """

    cost: float = 0.0
    segments: tuple[str | None, ...] = ()
    reasons: tuple[str, ...] = ()
    alike: int = 0

    def step(self, cost: float, segment: str | None, reason: str = "", alike: bool = False) -> _Way:
        """Continue with a segment of the path that is meant."""
        reasons = (*self.reasons, reason) if reason else self.reasons
        return _Way(self.cost + cost, (*self.segments, segment), reasons, self.alike + alike)

    def without(self, segment: str) -> _Way:
        """Leave out a segment of the requested path."""
        reasons = (*self.reasons, f"without `{segment}`")
        return _Way(self.cost + _MISSING, self.segments, reasons, self.alike)


def nearest(path: str, routes: Iterable[RouteLine], prefix: str = "/api") -> list[Near]:
    """Return the routes that are near the decoded `path`, the nearest first, five at most.

    `prefix` is the path that routes are below.
    """
    near = [distant.near for distant in _by_distance(path, routes, prefix) if distant.is_near]
    return near[:_MOST]


def by_distance(path: str, routes: Iterable[RouteLine], prefix: str = "/api") -> list[RouteLine]:
    """Return all routes, the nearest to the decoded `path` first, near it or not."""
    return [distant.near.route for distant in _by_distance(path, routes, prefix)]


class _Distant(Struct, frozen=True):
    """A route at a distance from a path."""

    near: Near
    cost: float
    is_near: bool


def _by_distance(path: str, routes: Iterable[RouteLine], prefix: str) -> list[_Distant]:
    asked = [segment for segment in path.split("/") if segment][:_MAX_SEGMENTS]
    common = [segment for segment in prefix.split("/") if segment]
    found = []
    for route in routes:
        pattern = [segment for segment in route.pattern.split("/") if segment]
        way = _way(asked, pattern, common)
        # What all routes have in common means nothing.
        size = max(len(asked), len(pattern)) - (len(common) if asked[: len(common)] == common else 0)
        has_text = any(not _is_parameter(part) for part in pattern if part not in common)
        is_alike = way.alike > sum(part in common for part in asked) or not has_text
        near = Near(route, _path_of(way.segments), way.reasons)
        found.append(_Distant(near, way.cost, is_alike and way.cost <= _FARTHEST * max(1, size)))
    return sorted(found, key=lambda distant: (distant.cost, distant.near.route.pattern))


def _path_of(segments: Sequence[str | None]) -> str | None:
    if None in segments:
        return None
    return "/" + "/".join(quote(segment or "", safe="!$&'()*+,;=:@~") for segment in segments)


def _way(asked: Sequence[str], pattern: Sequence[str], prefix: Sequence[str]) -> _Way:
    """Return the cheapest way from the requested segments to a pattern: an edit distance."""
    catch_all = bool(pattern) and _is_catch_all(pattern[-1])
    shared = len(prefix) if list(pattern[: len(prefix)]) == list(prefix) else 0
    # ways[j]: from the segments so far to the first j of the pattern.
    ways = [_Way()]
    for index, part in enumerate(pattern):
        ways.append(_insert(ways[-1], part, index < shared))
    for segment in asked:
        row = [ways[0].without(segment)]
        for index, part in enumerate(pattern):
            choices = [
                # First: of ways with equal costs, the one that keeps the path's first segments.
                ways[index + 1].without(segment),
                _replace(ways[index], segment, part),
                _insert(row[index], part, index < shared),
            ]
            if catch_all and index == len(pattern) - 1:  # it takes any number of segments
                choices.append(ways[index + 1].step(_DYNAMIC, segment))
            row.append(min(choices, key=lambda way: way.cost))
        ways = row
    return ways[-1]


def _insert(way: _Way, part: str, is_prefix: bool) -> _Way:
    """Continue with a segment of the pattern that the path does not have."""
    if part.startswith("[[") or part == "$":
        return way
    if _is_parameter(part):
        return way.step(_MISSING, None, f"with a value for `{part}`")
    cost = _PREFIX_MISSING if is_prefix else _MISSING
    return way.step(cost, part, f"below `/{part}`" if is_prefix else f"with `{part}`")


def _replace(way: _Way, segment: str, part: str) -> _Way:
    """Continue with a segment of the pattern in place of one of the path."""
    if segment == part:
        return way.step(0, segment, alike=True)
    if _is_parameter(part):
        return way.step(_DYNAMIC, segment)
    if segment.lower() == part.lower():
        return way.step(_CASE, part, f"`{part}`, as paths are case-sensitive", alike=True)
    bare = _EXTENSIONS.sub("", segment)
    if bare == part:
        return way.step(_EXTENSION, part, f"without `{segment[len(bare) :]}`", alike=True)
    ratio = difflib.SequenceMatcher(None, segment.lower()[:200], part.lower()).ratio()
    if ratio < _CLOSE:
        return way.step(2 * _MISSING, part, f"`{part}` for `{segment}`")
    return way.step(1 - ratio, part, f"`{part}` for `{segment}`", alike=True)


def _is_parameter(part: str) -> bool:
    return part == "$" or (part.startswith("[") and part.endswith("]"))


def _is_catch_all(part: str) -> bool:
    return part == "$" or part.startswith(("[...", "[[..."))


_CONVENTIONS = ("pages", "app", "routes")
# Segments of a path that can be the name of a route's file.
_NAME = re.compile(r"[A-Za-z0-9~@+,=-][A-Za-z0-9~@+,=_-]*")


def files_for(path: str, routes: Iterable[RouteLine], prefix: str = "/api") -> list[str]:
    """Return the files that would answer a path, one for each convention that the project uses.

    A project without routes uses `pages`. The list is empty for a path that no file can answer.
    """
    segments = [segment for segment in path.split("/") if segment]
    common = [segment for segment in prefix.split("/") if segment]
    if not all(_NAME.fullmatch(segment) for segment in segments):
        return []
    used = {route.file.split("/")[0] for route in routes}
    conventions = [name for name in _CONVENTIONS if name in used] or ["pages"]
    is_below = segments[: len(common)] == common
    files = []
    for name in conventions:
        if name == "app":
            files.append("/".join(["app", *_names(segments, "[id]"), "route.py"]))
        elif is_below:
            below = _names(segments[len(common) :], "$id" if name == "routes" else "[id]")
            files.append("/".join([name, "api", *(below or ["index"])]) + ".py")
    return files


def _names(segments: Sequence[str], parameter: str) -> list[str]:
    """Return names of files for segments; a number or a UUID is one of many, so its name is a parameter."""
    is_many = bool(segments) and re.fullmatch(r"[0-9]+|[0-9a-fA-F-]{32,36}", segments[-1])
    return [*segments[:-1], parameter] if is_many else list(segments)
