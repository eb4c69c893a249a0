"""All routes of a project, and the one that answers a path.

In: routes, then decoded path segments. Out: a `Match` or None. What is wrong between routes
is in `problems`, all of it. Per segment a static one wins over a dynamic one, over a
catch-all, over an optional catch-all, with full backtracking; a look-up visits each node of
the tree at most once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from apiroutes.errors import Problem
from apiroutes.routing.pattern import Kind
from apiroutes.routing.scan import Route

__all__ = ["Match", "RouteTree"]

_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")

Params = dict[str, "str | list[str]"]


# The route that answers a path, and what its parameters captured.
Match = tuple[Route, Params]


class _Node:
    """A place in the tree: what answers here, and where the next segment leads."""

    __slots__ = (
        "static",
        "dynamic",
        "dynamic_route",
        "route",
        "catch_all",
        "optional_catch_all",
        "branches",
    )

    def __init__(self) -> None:
        self.branches = False  # whether a segment may be matched by something not static
        self.static: dict[str, _Node] = {}
        self.dynamic: _Node | None = None
        self.dynamic_route: Route | None = None  # the first one that named the dynamic segment
        self.route: Route | None = None
        self.catch_all: Route | None = None
        self.optional_catch_all: Route | None = None


class RouteTree:
    """The routes of a project, built once; `match` only walks."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.problems: list[Problem] = []
        self._root = _Node()
        self._by_path: dict[str, Route] = {}
        self._by_parent: dict[str, tuple[Route, str]] = {}
        self._bare_splats: set[str] = set()
        self._optional_catch_alls: list[_Node] = []
        for route in routes:
            self._add(route)
        self._check_optional_catch_alls()

    def match_plain(self, path: str) -> Match | None:
        """The match of a path by one or two dict look-ups, when that is enough.

        Answers only for paths of unreserved characters (RFC 3986 section 2.3), which are the
        same decoded or not; None says nothing. Only a fully static route outranks a static
        parent with a dynamic last segment, so these two need no walk.
        """
        route = self._by_path.get(path)
        if route is not None:
            return route, {}
        if path in self._bare_splats:
            return None
        parent, _, last = path.rpartition("/")
        found = self._by_parent.get(parent)
        if found is None or not ((last.isalnum() and last.isascii()) or _PLAIN_SEGMENT.fullmatch(last)):
            return None
        return found[0], {found[1]: last}

    def match(self, segments: Sequence[str]) -> Match | None:
        """The match of a path given as its decoded segments, none of them empty, or None."""
        captures: list[str | list[str]] = []
        node, index = self._root, 0
        for segment in segments:  # as long as there is one way only, no step can be taken back
            child = node.static.get(segment)
            if child is None or node.branches:
                break
            node, index = child, index + 1
        route = _walk(node, segments, index, captures)
        if route is None:
            return None
        params: Params = dict(zip(route.pattern.names, captures))
        last = route.pattern.segments[-1] if route.pattern.segments else None
        if last is not None and last.joined:
            params[last.text] = "/".join(params.get(last.text, ()))
        return route, params

    def walk(self) -> Iterator[Route]:
        """Every route, in the order of precedence that Next.js lists them in."""
        yield from _routes_below(self._root)

    def _add(self, route: Route) -> None:
        known_problems = len(self.problems)
        node = self._root
        parent: str | None = ""  # the path so far, None past a parameter
        name = None  # of the dynamic segment that was last
        for index, segment in enumerate(route.pattern.segments):
            if name is not None:
                parent, name = None, None  # a segment below a parameter
            kind, text = segment.kind, segment.text
            if kind is Kind.STATIC:
                child = node.static.get(text)
                if child is None:
                    child = node.static[text] = _Node()
                node = child
                if parent is not None:
                    parent += "/" + text
            elif kind is Kind.DYNAMIC:
                node = self._dynamic_child(node, route, index)
                name = text
            else:
                self._add_catch_all(node, route, index)
                if kind is Kind.OPTIONAL_CATCH_ALL and parent is not None and name is None:
                    # The bare path is static, and as such outranks a dynamic segment beside it.
                    self._bare(parent, route)
                return
        if len(self.problems) > known_problems:
            return  # under another name it may be no conflict
        if node.route is not None:
            self._same_path(node.route, route)
            return
        node.route = route
        if parent is None or not _PLAIN_PATH.fullmatch(parent):
            return
        if name is not None:
            self._by_parent[parent] = route, name
        else:
            self._by_path[parent] = route

    def _bare(self, path: str, route: Route) -> None:
        """The path of an optional catch-all without segments, by one look-up where that is enough."""
        if route.pattern.segments[-1].joined:
            self._bare_splats.add(path)  # a splat captures an empty str there, so it needs the walk
        elif _PLAIN_PATH.fullmatch(path):
            self._by_path.setdefault(path, route)

    def _dynamic_child(self, node: _Node, route: Route, index: int) -> _Node:
        if node.dynamic is None or node.dynamic_route is None:
            node.dynamic = _Node()
            node.branches = True
            node.dynamic_route = route
        self._check_name(node.dynamic_route, route, index)
        return node.dynamic

    def _add_catch_all(self, node: _Node, route: Route, index: int) -> None:
        node.branches = True
        required = route.pattern.segments[index].kind is Kind.CATCH_ALL
        same, other = (
            (node.catch_all, node.optional_catch_all)
            if required
            else (node.optional_catch_all, node.catch_all)
        )
        if other is not None:
            self._problem(
                route,
                index,
                f"{other.file} is a catch-all at the same place",
                "Keep one: [[...name]] also answers the path without segments, [...name] does not.",
            )
        elif same is None and required:
            node.catch_all = route
        elif same is None:
            node.optional_catch_all = route
            if not route.pattern.segments[index].joined:  # beside a splat an index file is usual
                self._optional_catch_alls.append(node)
        elif same.pattern.names == route.pattern.names:
            self._same_path(same, route)
        else:
            self._check_name(same, route, index)

    def _check_name(self, first: Route, route: Route, index: int) -> None:
        known, name = first.pattern.segments[index].text, route.pattern.segments[index].text
        if known != name:
            self._problem(
                route,
                index,
                f"the parameter is called {name!r} here and {known!r} in {first.file}",
                "One place in the path has one name: rename one of the two.",
            )

    def _same_path(self, first: Route, second: Route) -> None:
        self._problem(
            second,
            len(second.pattern.segments) - 1,
            f"{first.file} answers {first.pattern} already",
            "Remove or rename one of the two files.",
        )

    def _check_optional_catch_alls(self) -> None:
        for node in self._optional_catch_alls:
            bare, optional = node.route, node.optional_catch_all
            if bare is not None and optional is not None:
                self._problem(
                    optional,
                    len(optional.pattern.segments) - 1,
                    f"{bare.file} answers {bare.pattern}, which this optional catch-all answers too",
                    "Make this one a catch-all, [...name], or remove the other file.",
                )

    def _problem(self, route: Route, segment: int, message: str, remedy: str) -> None:
        span = route.span(segment)
        self.problems.append(Problem(route.file, message + ".", remedy, source=route.file, span=span))


def _walk(node: _Node, segments: Sequence[str], index: int, captures: list[str | list[str]]) -> Route | None:
    # Recursion ends with the tree, not with the path: it is as deep as the longest pattern.
    if index == len(segments):
        return node.route or node.optional_catch_all
    segment = segments[index]
    # 1. static
    child = node.static.get(segment)
    if child is not None:
        route = _walk(child, segments, index + 1, captures)
        if route is not None:
            return route
    # 2. dynamic
    if node.dynamic is not None:
        captures.append(segment)
        route = _walk(node.dynamic, segments, index + 1, captures)
        if route is not None:
            return route
        captures.pop()
    # 3. catch-all, 4. optional catch-all
    route = node.catch_all or node.optional_catch_all
    if route is not None:
        captures.append(list(segments[index:]))
    return route


def _routes_below(node: _Node) -> Iterator[Route]:
    if node.route is not None:
        yield node.route
    for _, child in sorted(node.static.items()):
        yield from _routes_below(child)
    if node.dynamic is not None:
        yield from _routes_below(node.dynamic)
    if node.catch_all is not None:
        yield node.catch_all
    if node.optional_catch_all is not None:
        yield node.optional_catch_all
