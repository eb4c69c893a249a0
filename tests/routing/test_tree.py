"""The route tree, against a naive reference that tries every route."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes.routing import Kind, Route, RoutePattern, RouteTree, Segment
from apiroutes.routing.conventions import pages
from apiroutes.routing.pattern import PatternError, check


def route(path: str) -> Route:
    """Return the route of a file of that name."""
    read = pages.read(tuple(path.strip("/").split("/")))
    segments = tuple(placed.segment for placed in read)
    check(segments)
    return Route(RoutePattern(segments), path)


def tree(*paths: str) -> RouteTree:
    return RouteTree([route(path) for path in paths])


def naive(routes: list[Route], segments: list[str]) -> Route | None:
    """Try all routes; of those that match, the one whose kinds of segments come first wins."""
    ranked = [(rank, route) for route in routes if (rank := rank_of(route.pattern, segments)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def rank_of(pattern: RoutePattern, segments: list[str]) -> tuple[int, ...] | None:
    kinds: list[int] = []
    for index, segment in enumerate(pattern.segments):
        if segment.kind is Kind.OPTIONAL_CATCH_ALL:
            # Where nothing is left it stands for the bare path, which is as static as its parent; a
            # splat may have a file for that beside it.
            return (*kinds, Kind.OPTIONAL_CATCH_ALL) if len(segments) > index else (*kinds, -1)
        if index >= len(segments):
            return None
        if segment.kind is Kind.CATCH_ALL:
            return (*kinds, Kind.CATCH_ALL)
        if segment.kind is Kind.STATIC and segment.text != segments[index]:
            return None
        kinds.append(segment.kind)
    return (*kinds, -2) if len(segments) == len(pattern.segments) else None


names = st.sampled_from(["a", "b", "c"])
static = names.map(lambda name: Segment(Kind.STATIC, name))


@st.composite
def patterns(draw: st.DrawFn) -> RoutePattern:
    """One name for each depth, so that names never conflict."""
    depth = draw(st.integers(1, 4))
    segments = [
        draw(static) if draw(st.booleans()) else Segment(Kind.DYNAMIC, f"p{index}") for index in range(depth)
    ]
    last = draw(st.sampled_from(list(Kind)))
    if last >= Kind.CATCH_ALL:
        joined = last is Kind.OPTIONAL_CATCH_ALL and draw(st.booleans())
        segments.append(Segment(last, f"p{depth}", joined))
    return RoutePattern(tuple(segments))


@given(st.lists(patterns(), unique=True, max_size=12), st.lists(names, max_size=6))
@settings(max_examples=500)
def test_a_match_is_that_of_the_naive_reference(drawn: list[RoutePattern], segments: list[str]) -> None:
    routes = [Route(pattern, str(pattern)) for pattern in drawn]
    built = RouteTree(routes)
    if built.problems:
        return
    match, expected = built.match(segments), naive(routes, segments)
    assert (match[0] if match else None) == expected
    path = "/" + "/".join(segments)
    if path in built.by_path:
        assert built.by_path[path] == expected
    elif segments and path.rpartition("/")[0] in built.by_parent:
        by_parent, name = built.by_parent[path.rpartition("/")[0]]
        assert (by_parent, {name: segments[-1]}) == match


@given(st.lists(patterns(), unique=True, max_size=8))
def test_a_walk_has_every_route_once(drawn: list[RoutePattern]) -> None:
    routes = [Route(pattern, str(pattern)) for pattern in drawn]
    built = RouteTree(routes)
    if not built.problems:
        assert sorted(route.file for route in built.walk()) == sorted(route.file for route in routes)


@given(st.text(alphabet="[].ab…", min_size=1, max_size=12))
def test_a_name_reads_back_or_is_refused_with_its_place(name: str) -> None:
    try:
        spelled, wrong = str(pages.read((name, "index"))[0][0]), None
    except PatternError as error:
        spelled, wrong = "", error
    if wrong is None:
        assert spelled == name
    else:
        assert 0 <= wrong.span[0] < wrong.span[1] <= len(name)
        assert wrong.remedy


CAPTURES = [
    (["/a/[id]"], "/a/1", {"id": "1"}),
    (["/a/[id]/b/[x]"], "/a/1/b/2", {"id": "1", "x": "2"}),
    (["/a/[...r]"], "/a/1/2", {"r": ["1", "2"]}),
    (["/a/[[...r]]"], "/a/1", {"r": ["1"]}),
    (["/a/[[...r]]"], "/a", {}),
    (["/[x]/b", "/[x]/[y]/[...z]"], "/1/c/d", {"x": "1", "y": "c", "z": ["d"]}),
    (["/a/b/c", "/a/[x]/d"], "/a/b/d", {"x": "b"}),
    (["/a/[[...r]]", "/[x]"], "/a", {}),
]


@pytest.mark.parametrize(("paths", "path", "params"), CAPTURES)
def test_parameters_are_captured(paths: list[str], path: str, params: dict[str, object]) -> None:
    match = tree(*paths).match(path.split("/")[1:])
    assert match is not None
    assert match[1] == params


def test_conflicts_are_found_in_every_order() -> None:
    both = [Segment(Kind.OPTIONAL_CATCH_ALL, "r", joined) for joined in (True, False)]
    assert len(RouteTree([Route(RoutePattern((segment,)), str(segment)) for segment in both]).problems) == 1
    paths = ["/a/[x]/1", "/a/[y]/2", "/b/[[...r]]", "/b", "/c/[...r]", "/c/[[...r]]"]
    for order in itertools.permutations(paths):
        assert len(tree(*order).problems) == 3


def test_a_lookup_visits_each_node_once() -> None:
    """The worst tree for backtracking: a lookup must not visit a node twice."""
    depth = 12
    choices = itertools.product(("a", "[{}]"), repeat=depth)
    paths = ["/" + "/".join(name.format(f"p{n}") for n, name in enumerate(names)) for names in choices]
    built = tree(*(f"{path}/end" for path in paths))
    assert built.match(["a"] * depth + ["nowhere"]) is None
    match = built.match(["b"] * depth + ["end"])
    assert match is not None
    assert match[1] == {f"p{n}": "b" for n in range(depth)}


def test_a_splat_without_segments_outranks_a_dynamic_name_beside_it() -> None:
    """Its bare path is as static as its directory, and the lookup by the parent must not match it."""
    splat = Route(
        RoutePattern((Segment(Kind.STATIC, "file"), Segment(Kind.OPTIONAL_CATCH_ALL, "_splat", joined=True))),
        "file/$",
    )
    built = RouteTree([splat, route("/[id]")])
    assert built.match(["file"]) == (splat, {"_splat": ""})
    assert "" not in built.by_parent
