"""What does the route tree cost with 10 to 100,000 routes, and what if a tree is made to be slow?

No HTTP and no files: patterns as the `pages` convention reads them, the tree built from them, its memory, and
nanoseconds per lookup of a path. A lookup does what a request does: it tries the whole path first, then the
segments. A tree would be slow if lookups backtracked: in the second table every level has a static and a
dynamic name, and the paths match as far as possible and fail at the very end.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter_ns

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from apiroutes.routing import CONVENTIONS, Route, RoutePattern, RouteTree
from apiroutes.routing.tree import Match
from benchmarks.commandline import positive
from benchmarks.machine import machine_line
from benchmarks.tables import progress, table

SIZES = (10, 100, 1_000, 10_000, 100_000)
LOOKUPS = 1_000  # of each kind in a round
ROUNDS = 15
COLUMNS = ["read ms", "build ms", "tree MB", "static", "dynamic", "inside", "catch-all", "missing"]


@dataclass(frozen=True)
class Kind:
    """A kind of route: its file, and a path that leads to it; `value` fills the parameter."""

    file: str
    path: str


STATIC = Kind("area{area}/list{item}.py", "/api/area{area}/list{item}")
DYNAMIC = Kind("area{area}/item{item}/[id].py", "/api/area{area}/item{item}/{value}")
INSIDE = Kind("area{area}/item{item}/[id]/parts.py", "/api/area{area}/item{item}/{value}/parts")
CATCH_ALL = Kind("area{area}/files{item}/[...path].py", "/api/area{area}/files{item}/{value}/a/b")
MISSING = "/api/area{area}/gone{item}/{value}"

MIXTURE = (STATIC, STATIC, STATIC, STATIC, DYNAMIC, DYNAMIC, DYNAMIC, INSIDE, INSIDE, CATCH_ALL)
PER_AREA = 100

PAGES = next(convention for convention in CONVENTIONS if convention.name == "pages")


def place(number: int) -> dict[str, int]:
    """Return the place of route `number`; a hundred routes share a directory."""
    return {"area": number // PER_AREA, "item": number % PER_AREA}


def read_routes(count: int) -> list[Route]:
    """Return `count` routes of the mixture, as the scan makes them from files."""
    return [route_of(MIXTURE[number % len(MIXTURE)].file.format(**place(number))) for number in range(count)]


def route_of(file: str) -> Route:
    """Return the route of a file below pages/api."""
    segments = PAGES.read(("api", *file.removesuffix(".py").split("/")))
    return Route(RoutePattern(tuple(placed.segment for placed in segments or ())), f"pages/api/{file}")


@dataclass(frozen=True)
class Slow:
    """A tree made to be slow, and paths for different kinds of lookup."""

    title: str
    files: list[str]
    paths: list[str]


def every_level_both(depth: int, part: float = 1) -> Slow:
    """Return all files of `depth` levels, each static or dynamic, or a random part of them."""
    levels = [("a", f"[p{level}]") for level in range(depth)]
    files = ["/".join((*names, "end.py")) for names in product(*levels)]
    if part < 1:
        files = Random(depth).sample(files, int(len(files) * part))
    names = ["a"] * depth
    paths = ["/".join(("/api", *names, "nowhere")), "/".join(("/api", *names[:-1], "b", "nowhere"))]
    return Slow(f"depth {depth}{'' if part == 1 else ', a random half'}", files, paths)


def beside_a_large_one(count: int) -> Slow:
    """Return static directories beside a dynamic one that has as many routes as there are directories."""
    files = [f"[tenant]/item{number}/list.py" for number in range(count)]
    files += [f"area{number}/item{number}/all.py" for number in range(count)]
    paths = [f"/api/area{count // 2}/item{count // 3}/list", f"/api/area{count // 2}/item{count // 2}/none"]
    return Slow(f"{count} beside [tenant]", files, paths)


SLOW = (
    *(every_level_both(depth) for depth in (4, 8, 12)),
    *(every_level_both(depth, 0.5) for depth in (4, 8, 12)),
    beside_a_large_one(300),
)
SLOW_COLUMNS = ["routes", "build ms", "tree MB", "segments", "ns a lookup", "ns a segment"]


def measure_slow(slow: Slow) -> list[str]:
    """Return a row of the second table."""
    routes = [route_of(file) for file in slow.files]
    start = perf_counter_ns()
    tree = RouteTree(routes)
    built = perf_counter_ns() - start
    check(tree)
    segments = sum(path.count("/") for path in slow.paths) / len(slow.paths)
    nanoseconds = time_lookups(tree, slow.paths * (LOOKUPS // len(slow.paths)))
    return [
        f"{len(routes):,}",
        f"{built / 1e6:,.1f}",
        f"{built_memory(routes):,.1f}",
        f"{segments:g}",
        f"{nanoseconds:,.0f}",
        f"{nanoseconds / segments:,.0f}",
    ]


def look_up(tree: RouteTree, path: str) -> Match | None:
    route = tree.by_path.get(path)
    if route is not None:
        return route, {}
    parent, _, last = path.rpartition("/")
    entry = tree.by_parent.get(parent)
    return (entry[0], {entry[1]: last}) if entry is not None else tree.match(path[1:].split("/"))


def paths_of(kind: Kind, count: int) -> list[str]:
    """Return random paths that lead to routes of `kind`, in a tree of `count` routes."""
    choice = Random(count)
    numbers = [number for number in range(count) if MIXTURE[number % len(MIXTURE)] is kind]
    chosen = choice.choices(numbers, k=LOOKUPS)
    return [kind.path.format(**place(number), value=choice.randrange(10_000)) for number in chosen]


def missing_paths(count: int) -> list[str]:
    """Return random paths whose first segments exist, but which do not."""
    choice = Random(count)
    chosen = choice.choices(range(count), k=LOOKUPS)
    return [MISSING.format(**place(number), value=choice.randrange(10_000)) for number in chosen]


def nothing(tree: RouteTree, path: str) -> Match | None:
    """Do nothing, to measure the loop itself."""
    return None


def time_lookups(tree: RouteTree, paths: Sequence[str]) -> float:
    """Return the median nanoseconds of a lookup, less those of the loop."""
    return _median_time(look_up, tree, paths) - _median_time(nothing, tree, paths)


def _median_time(
    function: Callable[[RouteTree, str], Match | None], tree: RouteTree, paths: Sequence[str]
) -> float:
    times = []
    for _ in range(ROUNDS):
        start = perf_counter_ns()
        for path in paths:
            function(tree, path)
        times.append((perf_counter_ns() - start) / len(paths))
    return median(times)


def built_memory(routes: Sequence[Route]) -> float:
    """Return the megabytes that the tree takes on top of its routes."""
    tracemalloc.start()
    try:
        tree = RouteTree(routes)
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    finally:
        tracemalloc.stop()
    check(tree)
    return megabytes


def check(tree: RouteTree) -> None:
    if tree.problems:
        raise ValueError(f"the routes should be valid, but: {tree.problems[0]}")


def measure(count: int) -> list[str]:
    """Return a row of the table."""
    start = perf_counter_ns()
    routes = read_routes(count)
    read = perf_counter_ns()
    tree = RouteTree(routes)
    built = perf_counter_ns()
    check(tree)
    present = {kind: paths_of(kind, count) for kind in (STATIC, DYNAMIC, INSIDE, CATCH_ALL)}
    missing = missing_paths(count)
    if any(look_up(tree, path) is None for paths in present.values() for path in paths):
        raise ValueError("a path that should exist does not")
    if any(look_up(tree, path) for path in missing):
        raise ValueError("a path that should not exist does")
    gc.collect()
    gc.disable()
    try:
        lookups = [time_lookups(tree, paths) for paths in (*present.values(), missing)]
    finally:
        gc.enable()
    cells = [f"{(read - start) / 1e6:,.1f}", f"{(built - read) / 1e6:,.1f}", f"{built_memory(routes):,.1f}"]
    return cells + [f"{nanoseconds:,.0f}" for nanoseconds in lookups]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=positive, default=SIZES, help="numbers of routes, from 10")
    chosen = parser.parse_args(arguments)
    rows = {}
    for size in chosen.sizes:
        progress(f"{size:,} routes")
        rows[f"{size:,}"] = measure(max(size, len(MIXTURE)))
    progress("")
    print(machine_line(["apiroutes"]))
    print("reading patterns and building the tree in ms, the tree's memory, lookups in nanoseconds\n")
    print("\n".join(table("routes", COLUMNS, rows)))
    slow_rows = {}
    for slow in SLOW:
        progress(slow.title)
        slow_rows[slow.title] = measure_slow(slow)
    progress("")
    print("\n" + "\n".join(table("trees made to be slow", SLOW_COLUMNS, slow_rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
