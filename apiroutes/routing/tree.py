"""The route tree: all routes of a project, and the one that matches a path.

In: routes, then decoded path segments. Out: a `Match` or None. All conflicts between routes are in
`problems`. At each position, a static segment wins over a dynamic one, that over a catch-all, and that over
an optional catch-all, with full backtracking.

The backtracking is done at start. If a static and a dynamic segment are alternatives, the node of the static
segment is overlaid on the node of the dynamic one: it matches what either matches, in the order of
precedence. So a lookup takes one step per segment and never goes back, whatever the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from apiroutes.errors import Problems
from apiroutes.routing.pattern import Kind, Segment
from apiroutes.routing.scan import Route
from apiroutes.types import Params

__all__ = ["Match", "RouteTree", "is_plain"]

# Whether a path is plain: unreserved characters (RFC 3986 section 2.3), in segments that are not
# empty and do not begin with a dot. Decoding does not change it, and it has no defect.
is_plain = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+").fullmatch


# The route that matches a path, and the values of its parameters.
Match = tuple[Route, Params]


class _Node:
    """A place in the tree: the routes that end here, and the node for each next segment.

    `catch_all` matches every path that continues from here and leads nowhere else.
    """

    __slots__ = ("static", "dynamic", "dynamic_route", "route", "catch_all", "optional_catch_all")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.dynamic: _Node | None = None
        self.dynamic_route: Route | None = None  # the first route that named the dynamic segment
        self.route: Route | None = None
        self.catch_all: Route | None = None
        self.optional_catch_all: Route | None = None


class RouteTree:
    """The routes of a project, built once; `match` only walks.

    Most paths are matched by one or two dict lookups: `by_path` contains the routes whose whole path is
    static, `by_parent` the routes with a static path up to a dynamic last segment, with its name. Both are
    valid only for plain paths (`is_plain`). Only a fully static route outranks a static parent with a dynamic
    last segment, so these two, in this order, need no walk. The tree `is_flat` if the two contain all routes.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.problems = Problems()
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
        """Return the match of a path, given as decoded, nonempty segments; None without a match."""
        node = self._root
        rest: Route | None = None  # the last catch-all on the way
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
        """Yield every route, in the order of precedence in which Next.js lists them."""
        yield from self._ordered

    def _add(self, route: Route) -> None:
        problem_count = len(self.problems)
        node = self._insert(route)
        if node is None:
            self._index_catch_all(route)
        elif len(self.problems) > problem_count:
            return  # with its parameters renamed it may not be a conflict
        elif node.route is not None:
            self._report_same_path(node.route, route)
        else:
            node.route = route
            self._index(route)

    def _insert(self, route: Route) -> _Node | None:
        """Make the nodes of a route; return the last, or None for a catch-all, which is stored already."""
        node = self._root
        for index, segment in enumerate(route.pattern.segments):
            if segment.kind is Kind.STATIC:
                child = node.static.get(segment.text)
                if child is None:
                    child = node.static[segment.text] = _Node()
                node = child
            elif segment.kind is Kind.DYNAMIC:
                node = self._dynamic_child(node, route, index)
            else:
                self._add_catch_all(node, route, index)
                return None
        return node

    def _index(self, route: Route) -> None:
        """Put a route into `by_path` or `by_parent`, if it has that form."""
        segments = route.pattern.segments
        name = segments[-1].text if segments and segments[-1].kind is Kind.DYNAMIC else None
        path = _static_path(segments if name is None else segments[:-1])
        if path is None or (path and not is_plain(path)):
            self.is_flat = False
        elif name is None:
            self.by_path[path] = route
        else:
            self.by_parent[path] = route, name

    def _index_catch_all(self, route: Route) -> None:
        self.is_flat = False
        path = _static_path(route.pattern.segments[:-1])
        # The bare path is static, so it outranks a dynamic segment beside it.
        if path is not None and route.pattern.segments[-1].kind is Kind.OPTIONAL_CATCH_ALL:
            self._index_bare(path, route)

    def _index_bare(self, path: str, route: Route) -> None:
        """Index the bare path of an optional catch-all, if a lookup is enough."""
        if route.pattern.segments[-1].joined:
            self._bare_splats.append(path)  # needs the walk, because it captures an empty str
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
            self._report_same_path(same, route)
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

    def _report_same_path(self, first: Route, second: Route) -> None:
        self._problem(
            second,
            len(second.pattern.segments) - 1,
            f"{first.file} answers {first.pattern} already",
            "Remove or rename one of the two files.",
        )

    def _check_optional_catch_alls(self) -> None:
        for node in self._optional:
            bare, optional = node.route, node.optional_catch_all
            # A splat is different: an index file beside it is usual.
            if bare is not None and optional is not None and not optional.pattern.segments[-1].joined:
                self._problem(
                    optional,
                    len(optional.pattern.segments) - 1,
                    f"{bare.file} answers {bare.pattern}, which this optional catch-all answers too",
                    "Make this one a catch-all, [...name], or remove the other file.",
                )

    def _settle(self) -> None:
        """Do the backtracking, once for all paths."""
        for path in self._bare_splats:
            # `by_parent` would match it as the parameter beside it; only the walk captures its empty str.
            self.by_parent.pop(path.rpartition("/")[0], None)
        for node in self._optional:
            node.route = node.route or node.optional_catch_all
            node.catch_all = node.optional_catch_all
        overlaid: _Overlays = {}
        # Deepest first, because a node is overlaid with its settled children.
        for _, node in sorted(self._dynamic, key=lambda placed: placed[0], reverse=True):
            if node.dynamic is not None:
                for text, child in node.static.items():
                    node.static[text] = _overlay(child, node.dynamic, overlaid)

    def _problem(self, route: Route, segment: int, message: str, remedy: str) -> None:
        span = route.span(segment)
        self.problems.add(route.file, message + ".", remedy, source=route.file, span=span)


def _static_path(segments: Sequence[Segment]) -> str | None:
    """Return the path of these segments, or None unless all are static."""
    if any(segment.kind is not Kind.STATIC for segment in segments):
        return None
    return "".join(f"/{segment.text}" for segment in segments)


def _texts(route: Route) -> list[str]:
    return [segment.text for segment in route.pattern.segments]


_Overlays = dict[tuple[_Node, _Node], _Node]


def _overlay(first: _Node, second: _Node, known: _Overlays) -> _Node:
    """Return a node that matches what `first` matches, and everything else as `second` does.

    Both are settled, and so is the result; it is `first` itself if `second` adds nothing.
    """
    # Nodes are compared by identity.
    key = (first, second)
    if key not in known:
        known[key] = _overlaid(first, second, known)
    return known[key]


def _overlaid(first: _Node, second: _Node, known: _Overlays) -> _Node:
    """Lay `first` over `second`, child by child. Beside a static `a`, a dynamic `[x]`:

    first,    below /a:    b     d    /a/b is first's, laid over second's b
    second,   below /[x]:  b  c       /a/c is second's, with x = "a"
    overlaid, below /a:    b  c  d    /a/d is first's
    """
    node = _Node()
    node.route = first.route or second.route
    if first.catch_all is not None:  # it matches whatever `second` might
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
        return second.static  # shared: it may be large, and `first` is often only a leaf
    static = {}
    for text in first.static.keys() | second.static.keys():
        # A static child is already laid over the dynamic one.
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
