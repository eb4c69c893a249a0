"""What does the route tree cost, from 10 routes to 100,000?

No HTTP and no files: patterns as the `pages` convention reads them, the tree built of them, its memory, and
nanoseconds per look-up of a path, tried the way a request tries it: the whole path first, then by segments.
"""

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter_ns

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from apiroutes.routing import CONVENTIONS, Match, Route, RoutePattern, RouteTree
from benchmarks.commandline import positive
from benchmarks.machine import machine_line
from benchmarks.tables import progress, table

SIZES = (10, 100, 1_000, 10_000, 100_000)
LOOKUPS = 1_000  # of each kind in a round
ROUNDS = 15
COLUMNS = ["read ms", "build ms", "tree MB", "static", "dynamic", "inside", "catch-all", "missing"]


@dataclass(frozen=True)
class Kind:
    """One kind of route: its file, and a path that it answers; `value` fills the parameter."""

    file: str
    path: str


STATIC = Kind("area{area}/list{item}.py", "/api/area{area}/list{item}")
DYNAMIC = Kind("area{area}/item{item}/[id].py", "/api/area{area}/item{item}/{value}")
INSIDE = Kind("area{area}/item{item}/[id]/parts.py", "/api/area{area}/item{item}/{value}/parts")
CATCH_ALL = Kind("area{area}/files{item}/[...path].py", "/api/area{area}/files{item}/{value}/a/b")
MISSING = "/api/area{area}/gone{item}/{value}"

MIXTURE = (STATIC, STATIC, STATIC, STATIC, DYNAMIC, DYNAMIC, DYNAMIC, INSIDE, INSIDE, CATCH_ALL)
PER_AREA = 100


def place(number: int) -> dict[str, int]:
    """Where route `number` lies; a hundred of them share a directory."""
    return {"area": number // PER_AREA, "item": number % PER_AREA}


def read_routes(count: int) -> list[Route]:
    """`count` routes of the mixture, as the scan makes them of files."""
    convention = next(convention for convention in CONVENTIONS if convention.name == "pages")
    routes = []
    for number in range(count):
        file = MIXTURE[number % len(MIXTURE)].file.format(**place(number))
        segments = convention.read(("api", *file.removesuffix(".py").split("/")))
        routes.append(
            Route(RoutePattern(tuple(placed.segment for placed in segments or ())), f"pages/api/{file}")
        )
    return routes


def look_up(tree: RouteTree, path: str) -> Match | None:
    route = tree.by_path.get(path)
    if route is not None:
        return route, {}
    parent, _, last = path.rpartition("/")
    found = tree.by_parent.get(parent)
    return (found[0], {found[1]: last}) if found is not None else tree.match(path[1:].split("/"))


def paths_of(kind: Kind, count: int) -> list[str]:
    """Random paths that routes of `kind` answer, in a tree of `count` routes."""
    choice = Random(count)
    numbers = [number for number in range(count) if MIXTURE[number % len(MIXTURE)] is kind]
    chosen = choice.choices(numbers, k=LOOKUPS)
    return [kind.path.format(**place(number), value=choice.randrange(10_000)) for number in chosen]


def missing_paths(count: int) -> list[str]:
    """Random paths that are missing, but whose first segments are not."""
    choice = Random(count)
    chosen = choice.choices(range(count), k=LOOKUPS)
    return [MISSING.format(**place(number), value=choice.randrange(10_000)) for number in chosen]


def nothing(tree: RouteTree, path: str) -> Match | None:
    """What the loop itself costs."""
    return None


def time_lookups(tree: RouteTree, paths: Sequence[str]) -> float:
    """Median nanoseconds of one look-up, less those of the loop."""
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
    """Megabytes that the tree holds on top of its routes."""
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
        raise ValueError(f"the routes are meant to be right, but: {tree.problems[0]}")


def measure(count: int) -> list[str]:
    """A row of the table."""
    start = perf_counter_ns()
    routes = read_routes(count)
    read = perf_counter_ns()
    tree = RouteTree(routes)
    built = perf_counter_ns()
    check(tree)
    answered = {kind: paths_of(kind, count) for kind in (STATIC, DYNAMIC, INSIDE, CATCH_ALL)}
    missing = missing_paths(count)
    if any(look_up(tree, path) is None for paths in answered.values() for path in paths):
        raise ValueError("a path that should be answered is not")
    if any(look_up(tree, path) for path in missing):
        raise ValueError("a path that should be missing is answered")
    gc.collect()
    gc.disable()
    try:
        lookups = [time_lookups(tree, paths) for paths in (*answered.values(), missing)]
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
    print("reading patterns and building the tree in ms, the tree's memory, look-ups in nanoseconds\n")
    print("\n".join(table("routes", COLUMNS, rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
