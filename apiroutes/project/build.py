"""Builds a project: reads its settings, scans its files, loads them, and composes what answers.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from apiroutes.body import limits_of
from apiroutes.cache import Cache
from apiroutes.chain import never_waits
from apiroutes.errors import Problem, Problems
from apiroutes.explainer import Explainer
from apiroutes.handlers import ModuleLoader, RouteConfig
from apiroutes.places import Place, implicit
from apiroutes.project.binding import StepBinder
from apiroutes.project.cache_store import cache_of
from apiroutes.project.checking import check_together, meaningless, steps_of
from apiroutes.project.composing import compose_resources, explaining_resources
from apiroutes.project.cross_site import protected
from apiroutes.project.files_above import warn_of_files_above
from apiroutes.project.hidden_modules import warn_of_hidden_modules
from apiroutes.project.instrumentation import Instrumentation, load_instrumentation
from apiroutes.project.middleware import (
    LoadedDirectory,
    ProjectMiddleware,
    directory_middleware,
    middleware_around,
    middleware_below,
)
from apiroutes.project.missing_routes import check_directory
from apiroutes.project.mistakes import Mistakes
from apiroutes.project.nested import loading
from apiroutes.project.release import release_of
from apiroutes.project.scanning import prefix_of, scan_project, segments_of
from apiroutes.project.secret_key import with_secret_key
from apiroutes.project.unguarded_routes import unguarded_routes
from apiroutes.project.unused_middleware import report_unused_middleware
from apiroutes.resources import NotFound, Resource
from apiroutes.routing import RouteTree, Scan
from apiroutes.settings import Settings, read_settings, setting_place
from apiroutes.structs import Struct
from apiroutes.telemetry import prepare_metrics
from apiroutes.types import Middleware

__all__ = ["Project", "build"]

_log = logging.getLogger("apiroutes")


class Project(Struct, frozen=True):
    """A project that can be served; `resources` are keyed by the route's file.

    `middleware` runs around every route, in this order. `mistakes` keep single routes from being served, if
    the project has an explainer.
    """

    settings: Settings
    routes: RouteTree
    resources: Mapping[str, Resource]
    not_found: NotFound
    middleware: tuple[Middleware, ...]
    instrumentation: Instrumentation
    cache: Cache
    mistakes: tuple[Problem, ...]


def build(
    root: Path,
    environ: MutableMapping[str, str],
    arguments: Mapping[str, Any],
    middleware: Sequence[Middleware] = (),
    explainer: Explainer | None = None,
) -> Project:
    """Read, scan, load and compose. Possible mistakes are logged as warnings.

    Raises ProjectError with all mistakes; with an explainer, only for mistakes that break the whole project,
    because the explainer responds for single broken routes. Raises NestedAppError if a file of the project
    calls this.
    """
    check_directory(root)
    mistakes, warnings = Mistakes(root), Problems()
    with loading(root):
        project = _build(root, environ, arguments, middleware, explainer, mistakes, warnings)
        # After all files of the project have been imported, as they belong to the release.
        project.cache.release = release_of(root, project.settings, project.routes.walk())
    for warning in warnings:
        place = warning.file if warning.line is None else f"{warning.file}:{warning.line}"
        # Record WARNING "FILE:LINE MESSAGE REMEDY": The start finds a possible mistake, such as an export
        # that has a meaning only in Next.js.
        _log.warning("%s %s %s", place, warning.message, warning.remedy)
    if explainer is None or mistakes.everywhere:
        Problems(mistakes).raise_any()
    return project


def _build(
    root: Path,
    environ: MutableMapping[str, str],
    arguments: Mapping[str, Any],
    middleware: Sequence[Middleware],
    explainer: Explainer | None,
    mistakes: Mistakes,
    warnings: Problems,
) -> Project:
    settings = _settings(root, environ, arguments, mistakes)
    scanned, routes = _find_routes(root, settings, mistakes, warnings)
    loader = _loader(root, settings)
    # It may configure libraries that the other files import.
    instrumentation = load_instrumentation(root, loader, mistakes.everywhere, warnings)

    place_of = partial(_place_of, root, environ, arguments)
    project_middleware = ProjectMiddleware(root, loader, place_of, mistakes.everywhere, warnings)
    binder = StepBinder(root, settings)
    everywhere = binder.bind(_everywhere(project_middleware, settings, middleware))
    directories = directory_middleware(scanned.middleware, loader, binder, mistakes)
    around = {route.file: (*everywhere, *middleware_around(route, directories)) for route in routes.walk()}
    cache = cache_of(root, settings, routes, place_of, mistakes.everywhere)
    resources = compose_resources(routes, settings, loader, around, directories, mistakes, cache, binder)
    warnings += _likely_mistakes(loader, routes, directories, resources)
    report_unused_middleware(root, scanned, everywhere, mistakes.everywhere, warnings)
    check_together(root, settings, routes, resources, place_of, mistakes)
    users = steps_of(everywhere, directories, resources)
    settings = with_secret_key(settings, users, root, place_of, mistakes.everywhere, warnings)
    resources |= explaining_resources(routes, settings, around, mistakes, explainer)
    not_found = _not_found(everywhere, directories, settings, explainer)
    found = tuple(mistakes)
    return Project(settings, routes, resources, not_found, everywhere, instrumentation, cache, found)


def _likely_mistakes(
    loader: ModuleLoader,
    routes: RouteTree,
    directories: Sequence[LoadedDirectory],
    resources: Mapping[str, Resource],
) -> Iterator[Problem]:
    yield from loader.warnings
    yield from meaningless(loader.meaningless)
    yield from unguarded_routes(routes, directories, resources)


def _settings(
    root: Path, environ: MutableMapping[str, str], arguments: Mapping[str, Any], mistakes: Mistakes
) -> Settings:
    # Continue with the settings that could be read, so that files are not misjudged.
    settings, unreadable = read_settings(root, environ, arguments)
    mistakes.everywhere += unreadable
    prepare_metrics(settings)  # before a file of the project imports the library that counts
    return settings


def _place_of(
    root: Path,
    environ: Mapping[str, str],
    arguments: Mapping[str, object],
    name: str,
    item: str | None = None,
) -> tuple[str, Place]:
    return setting_place(name, root, environ, arguments, item)


def _not_found(
    everywhere: tuple[Middleware, ...],
    directories: Sequence[LoadedDirectory],
    settings: Settings,
    explainer: Explainer | None,
) -> NotFound:
    write = explainer.write_not_found if explainer is not None else None
    return NotFound(everywhere, middleware_below(directories), limits_of(settings), write, protected)


def _everywhere(
    loaded: ProjectMiddleware, settings: Settings, arguments: Sequence[Middleware]
) -> tuple[Middleware, ...]:
    """Return the middleware around every route, including what the settings add."""
    steps = loaded.everywhere(settings, arguments)
    if settings.log_format is None:
        return steps
    from apiroutes.middleware import log_context

    # Adds the request to log records. It is an object of its own, because the project may also name
    # `log_context()`, which is listed among its middleware.
    return implicit(never_waits(partial(log_context()))), *steps


def _find_routes(
    root: Path, settings: Settings, mistakes: Mistakes, warnings: Problems
) -> tuple[Scan, RouteTree]:
    problems = Problems()
    scanned = scan_project(root, settings, problems, warnings)
    warn_of_hidden_modules(root, warnings)
    warn_of_files_above(root, warnings)
    if scanned.routes:
        mistakes.add_of_scan(problems)
    else:
        mistakes.everywhere += problems
    routes = RouteTree(scanned.routes)
    mistakes.add_of_tree(routes, scanned.routes)
    return scanned, routes


def _loader(root: Path, settings: Settings) -> ModuleLoader:
    defaults = RouteConfig(size_limit=settings.body_size_limit, response_limit=settings.response_limit)
    return ModuleLoader(root, defaults, (prefix_of(settings), segments_of(settings.base_path), ()))
