"""All routes of a project, and the one that answers a path.

In: routes, then decoded path segments. Out: a `Match` or None. What is wrong between routes
is in `problems`, all of it. Per segment a static one wins over a dynamic one, over a
catch-all, over an optional catch-all, with full backtracking.

The backtracking is done at start. Where a static and a dynamic segment stand side by side, the
static one's node is overlaid on the dynamic one's: it answers what either answers, in the order
of precedence. So a look-up takes one step for each segment and none back, whatever the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from apiroutes.errors import Problem
from apiroutes.routing.pattern import Kind
from apiroutes.routing.scan import Route
from apiroutes.types import Params

__all__ = ["Match", "RouteTree", "is_plain"]

# Whether a path is all unreserved characters (RFC 3986 section 2.3) in segments that are neither
# empty nor begin with a dot: it is the same decoded or not, and nothing in it can be wrong.
is_plain = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+").fullmatch


# The route that answers a path, and what its parameters captured.
Match = tuple[Route, Params]


class _Node:
    """A place in the tree: what answers here, and where the next segment leads.

    `catch_all` answers what goes on from here and leads nowhere else.
    """

    __slots__ = ("static", "dynamic", "dynamic_route", "route", "catch_all", "optional_catch_all")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.dynamic: _Node | None = None
        self.dynamic_route: Route | None = None  # the first one that named the dynamic segment
        self.route: Route | None = None
        self.catch_all: Route | None = None
        self.optional_catch_all: Route | None = None


class RouteTree:
    """The routes of a project, built once; `match` only walks.

    Most paths are matched by one or two look-ups: `by_path` has the routes whose whole path is
    static, `by_parent` those with a static path up to a dynamic last segment, with its name. They
    hold for paths that are plain (`is_plain`), and for no others. Only a fully static route outranks
    a static parent with a dynamic last segment, so these two, in this order, need no walk. The tree
    `is_flat` when they have all routes.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.problems: list[Problem] = []
        self.by_path: dict[str, Route] = {}
        self.by_parent: dict[str, tuple[Route, str]] = {}
        self.is_flat = True
        self._root = _Node()
        self._dynamic: list[tuple[int, _Node]] = []  # nodes with a dynamic segment below, by depth
        self._optional: list[_Node] = []  # nodes with an optional catch-all
        self._bare_splats: list[str] = []  # paths of splats without segments
        for route in routes:
            self._add(route)
        self._check_optional_catch_alls()
        self._ordered = list(_routes_below(self._root))
        self._settle()

    def match(self, segments: Sequence[str]) -> Match | None:
        """The match of a path given as its decoded segments, none of them empty, or None."""
        node = self._root
        rest: Route | None = None  # of the catch-alls on the way, the last
        for segment in segments:
            if node.catch_all is not None:
                rest = node.catch_all
            child = node.static.get(segment) or node.dynamic
            if child is None:
                route = rest
                break
            node = child
        else:
            route = node.route or rest
        return None if route is None else (route, route.pattern.captures(segments))

    def walk(self) -> Iterator[Route]:
        """Every route, in the order of precedence that Next.js lists them in."""
        yield from self._ordered

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
                self.is_flat = False
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
        if parent is None or (parent and not is_plain(parent)):
            self.is_flat = False
            return
        if name is not None:
            self.by_parent[parent] = route, name
        else:
            self.by_path[parent] = route

    def _bare(self, path: str, route: Route) -> None:
        """The path of an optional catch-all without segments, by one look-up where that is enough."""
        if route.pattern.segments[-1].joined:
            self._bare_splats.append(path)  # which capture an empty str, so that they need the walk
        elif not path or is_plain(path):
            self.by_path.setdefault(path, route)

    def _dynamic_child(self, node: _Node, route: Route, index: int) -> _Node:
        if node.dynamic is None or node.dynamic_route is None:
            node.dynamic = _Node()
            node.dynamic_route = route
            self._dynamic.append((index, node))
        self._check_name(node.dynamic_route, route, index)
        return node.dynamic

    def _add_catch_all(self, node: _Node, route: Route, index: int) -> None:
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
            self._optional.append(node)
        elif _texts(same) == _texts(route):
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
        for node in self._optional:
            bare, optional = node.route, node.optional_catch_all
            # Beside a splat an index file is usual.
            if bare is not None and optional is not None and not optional.pattern.segments[-1].joined:
                self._problem(
                    optional,
                    len(optional.pattern.segments) - 1,
                    f"{bare.file} answers {bare.pattern}, which this optional catch-all answers too",
                    "Make this one a catch-all, [...name], or remove the other file.",
                )

    def _settle(self) -> None:
        """Do what would be backtracking, once and for all paths."""
        for path in self._bare_splats:
            # Below its parent it is a path like any other, and only the walk gives what it captures.
            self.by_parent.pop(path.rpartition("/")[0], None)
        for node in self._optional:
            node.route = node.route or node.optional_catch_all
            node.catch_all = node.optional_catch_all
        overlaid: _Overlays = {}
        # What is below a node is settled first.
        for _, node in sorted(self._dynamic, key=lambda placed: placed[0], reverse=True):
            if node.dynamic is not None:
                for text, child in node.static.items():
                    node.static[text] = _overlay(child, node.dynamic, overlaid)

    def _problem(self, route: Route, segment: int, message: str, remedy: str) -> None:
        span = route.span(segment)
        self.problems.append(Problem(route.file, message + ".", remedy, source=route.file, span=span))


def _texts(route: Route) -> list[str]:
    return [segment.text for segment in route.pattern.segments]


_Overlays = dict[tuple[_Node, _Node], _Node]


def _overlay(first: _Node, second: _Node, known: _Overlays) -> _Node:
    """A node that answers what `first` answers, and what `first` does not as `second` does.

    Both are settled, and so is what is returned; it is `first` itself where `second` adds nothing.
    """
    # Nodes are known as what they are, whatever is in them.
    key = (first, second)
    if key not in known:
        known[key] = _overlaid(first, second, known)
    return known[key]


def _overlaid(first: _Node, second: _Node, known: _Overlays) -> _Node:
    node = _Node()
    node.route = first.route or second.route
    if first.catch_all is not None:  # it answers whatever `second` might
        node.static, node.dynamic, node.catch_all = first.static, first.dynamic, first.catch_all
    else:
        node.static = _overlaid_static(first, second, known)
        node.dynamic = _either(first.dynamic, second.dynamic, known)
        node.catch_all = second.catch_all
    adds_nothing = (
        node.route is first.route
        and node.dynamic is first.dynamic
        and node.catch_all is first.catch_all
        and len(node.static) == len(first.static)
        and all(node.static[text] is child for text, child in first.static.items())
    )
    return first if adds_nothing else node


def _overlaid_static(first: _Node, second: _Node, known: _Overlays) -> dict[str, _Node]:
    if not first.static and first.dynamic is None:
        return second.static  # shared, because it may be large and `first` is often a mere leaf
    static = {}
    for text in first.static.keys() | second.static.keys():
        # Where a static child is, the dynamic one has been overlaid by it.
        child = _either(first.static.get(text, first.dynamic), second.static.get(text, second.dynamic), known)
        if child is not None:
            static[text] = child
    return static


def _either(first: _Node | None, second: _Node | None, known: _Overlays) -> _Node | None:
    if first is None or second is None or first is second:
        return first or second
    return _overlay(first, second, known)


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
