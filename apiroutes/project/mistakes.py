"""The mistakes of a project, by what they break.

In: problems, as they are found. Out: all of them, or those that keep a route from being served.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.places import with_source
from apiroutes.routing import MIDDLEWARE_FILE, Kind, Route, RouteTree

__all__ = ["Mistakes"]

_GUARD = MIDDLEWARE_FILE.removesuffix(".py")


class Mistakes:
    """Collects the problems of the project in `root`. Those in `everywhere` break the whole project."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.everywhere = Problems()
        self._elsewhere = Problems()  # in files that no request would reach
        self._directories: dict[str, Problems] = {}
        self._routes: dict[str, Problems] = {}

    def __iter__(self) -> Iterator[Problem]:
        """Yield each problem once, the problems that break most first."""
        groups = (self.everywhere, self._elsewhere, *self._directories.values(), *self._routes.values())
        yield from self._merged(groups)

    def in_directory(self, directory: str) -> Problems:
        """Return the collection of the problems that break every route below a directory."""
        return self._directories.setdefault(directory, Problems())

    def in_route(self, file: str) -> Problems:
        """Return the collection of the problems that break the route of a file."""
        return self._routes.setdefault(file, Problems())

    def add_of_scan(self, problems: Iterable[Problem]) -> None:
        """Add the problems of names. A guard that cannot be read breaks what it should guard."""
        for problem in problems:
            directory, _, name = problem.file.rpartition("/")
            is_guard = name.partition(".")[0].lower() == _GUARD
            (self.in_directory(directory) if is_guard else self._elsewhere).append(problem)

    def add_of_tree(self, tree: RouteTree, routes: Sequence[Route]) -> None:
        """Add the conflicts between routes. Two routes that answer the same paths break each other."""
        shapes = {route.file: _shape(route) for route in routes}
        for problem in tree.problems:
            self.in_route(problem.file).append(problem)
            for route in tree.walk():
                if route.file != problem.file and shapes[route.file] == shapes[problem.file]:
                    self.in_route(route.file).append(problem)

    def breaking(self, file: str) -> tuple[Problem, ...]:
        """Return the problems that break the route of a file."""
        directories = (
            problems for directory, problems in self._directories.items() if file.startswith(directory + "/")
        )
        groups = (*directories, self._routes.get(file, ()))
        return self._merged(groups)

    def _merged(self, groups: Iterable[Iterable[Problem]]) -> tuple[Problem, ...]:
        """Return each problem once, with the source of its line."""
        merged = Problems()
        for problem in (problem for group in groups for problem in group):
            merged.merge(problem)
        return tuple(with_source(problem, self._root) for problem in merged)


def _shape(route: Route) -> tuple[tuple[Kind, str], ...]:
    """Return the shape of a route's paths: its segments without the names of parameters."""
    return tuple(
        (segment.kind, segment.text if segment.kind is Kind.STATIC else "")
        for segment in route.pattern.segments
    )
