"""Routes that a directory's middleware seems to guard but does not: they belong to another convention.

In: the directories with middleware, and the resource of each route. Out: warnings. Middleware of a directory
runs for the files in it. But a user who guards `/api/admin` with a file below `pages/` means the same path
below `app/` as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from apiroutes.errors import Problem
from apiroutes.project.middleware import LoadedDirectory
from apiroutes.project.missing_routes import shortened
from apiroutes.resources import Resource
from apiroutes.routing import Kind, RoutePattern, RouteTree

__all__ = ["unguarded_routes"]

_REMEDY = (
    "Import its functions into a `_middleware.py` beside these routes too, or write middleware.py, "
    "which is around all routes."
)


def unguarded_routes(
    routes: RouteTree, directories: Sequence[LoadedDirectory], resources: Mapping[str, Resource]
) -> Iterator[Problem]:
    """Yield a warning for each directory whose middleware leaves out routes at its path.

    These routes belong to another convention and run other functions. No directory at or below this path has
    middleware for them: whoever wrote such middleware has thought of them. A group of `app/` has no path.
    """
    for directory in directories:
        if directory.source.is_in_group:
            continue
        path = directory.source.path
        files = [
            route.file
            for route in routes.walk()
            if _convention(route.file) != _convention(directory.source.file)
            and _is_at(route.pattern, path)
            and not any(other.holds(route) and _is_at(other.source.path, path) for other in directories)
            and not _runs(resources.get(route.file), directory)
        ]
        if files:
            message = (
                f"does not run for other routes at or below {path} ({shortened(files)}): "
                "the middleware of a directory runs only for the files in it."
            )
            yield Problem(directory.source.file, message, _REMEDY)


def _convention(file: str) -> str:
    return file.partition("/")[0]


def _is_at(pattern: RoutePattern, path: RoutePattern) -> bool:
    """Return whether a pattern begins with the segments of a path, whatever the names of its parameters."""
    return _shape(pattern)[: len(path.segments)] == _shape(path)


def _shape(pattern: RoutePattern) -> list[tuple[Kind, str]]:
    return [
        (segment.kind, segment.text if segment.kind is Kind.STATIC else "") for segment in pattern.segments
    ]


def _runs(resource: Resource | None, directory: LoadedDirectory) -> bool:
    """Return whether every handler runs the directory's functions, or the route cannot be served at all."""
    if resource is None or resource.module is None:
        return True
    wanted = [*directory.steps, *(item.dependency for item in directory.dependencies)]
    return all(
        step in handler.steps(resource.middleware)
        for handler in resource.module.handlers.values()
        for step in wanted
    )
