"""Builds a project: reads its settings, scans its files, loads them, and composes what answers.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace as replace_in
from functools import partial
from pathlib import Path
from typing import Any

from apiroutes.body import limits_of
from apiroutes.chain import Step, as_coroutine, as_sync, compose
from apiroutes.concurrency import HandlerThreads, coroutines
from apiroutes.deadlines import with_deadline, with_deadline_on_loop
from apiroutes.endpoint import CheckedEndpoint, Endpoint
from apiroutes.errors import Problem, Problems
from apiroutes.explainer import Explainer
from apiroutes.handlers import ModuleLoader, RouteConfig, RouteModule, SecurityScheme
from apiroutes.places import Place, located
from apiroutes.project.extras import check_extras
from apiroutes.project.hidden_modules import warn_of_hidden_modules
from apiroutes.project.instrumentation import Instrumentation, load_instrumentation
from apiroutes.project.middleware import (
    LoadedDirectory,
    ProjectMiddleware,
    dependencies_around,
    directory_middleware,
    middleware_around,
    middleware_below,
)
from apiroutes.project.missing_routes import check_directory, shortened
from apiroutes.project.mistakes import Mistakes
from apiroutes.project.nested import loading
from apiroutes.project.scanning import prefix_of, scan_project, segments_of
from apiroutes.project.secret_key import with_secret_key
from apiroutes.readiness import request_replacement
from apiroutes.resources import LoopRun, NotFound, Resource, Run
from apiroutes.routing import RouteTree, Scan
from apiroutes.settings import Settings, read_settings, setting_place
from apiroutes.structs import Struct
from apiroutes.telemetry import with_child_spans
from apiroutes.types import Middleware

__all__ = ["Project", "build"]

_NO_METHODS: Mapping[str, Run] = {}
_NONE_ON_LOOP: Mapping[str, LoopRun | None] = {}

_log = logging.getLogger("apiroutes")


class Project(Struct, frozen=True):
    """A project that can be served; `resources` are by the route's file.

    `middleware` runs around every route, in this order. `mistakes` keep single routes from being served, for
    a project with an explainer. `checks` are those of readiness, by name.
    """

    settings: Settings
    routes: RouteTree
    resources: Mapping[str, Resource]
    not_found: NotFound
    middleware: tuple[Middleware, ...]
    instrumentation: Instrumentation
    mistakes: tuple[Problem, ...]


def build(
    root: Path,
    environ: MutableMapping[str, str],
    arguments: Mapping[str, Any],
    middleware: Sequence[Middleware] = (),
    explainer: Explainer | None = None,
) -> Project:
    """Read, scan, load and compose. What may be meant is logged as a warning.

    Raises ProjectError with all mistakes; with an explainer only where they break the whole project, as it
    responds for the routes that the others break. Raises NestedAppError for a file of the project that asks.
    """
    check_directory(root)
    mistakes, warnings = Mistakes(root), Problems()
    with loading(root):
        project = _build(root, environ, arguments, middleware, explainer, mistakes, warnings)
    for warning in warnings:
        place = warning.file if warning.line is None else f"{warning.file}:{warning.line}"
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
    # Go on with the settings that could be read, so that files are not misjudged.
    settings, unreadable = read_settings(root, environ, arguments)
    mistakes.everywhere += unreadable
    scanned, routes = _find_routes(root, settings, mistakes, warnings)
    warn_of_hidden_modules(root, warnings)
    loader = _loader(root, settings)
    # It may change libraries that the other files import.
    instrumentation = load_instrumentation(root, loader, mistakes.everywhere, warnings)

    def place_of(name: str, item: str | None = None) -> tuple[str, Place]:
        return setting_place(name, root, environ, arguments, item)

    project_middleware = ProjectMiddleware(root, loader, place_of, mistakes.everywhere, warnings)
    everywhere = (*_log_context(settings), *project_middleware.everywhere(settings, middleware))
    directories = directory_middleware(scanned.middleware, loader, mistakes)
    around = {route.file: (*everywhere, *middleware_around(route, directories)) for route in routes.walk()}
    resources = _resources(routes, settings, loader, around, directories, mistakes)
    warnings += [*loader.warnings, *_ineffective(loader.ineffective)]
    _check(settings, routes, resources, place_of, mistakes)
    users = _steps(everywhere, directories, resources)
    settings = with_secret_key(settings, users, root, place_of, mistakes.everywhere)
    if explainer is not None:
        resources |= _broken_resources(routes, settings, around, mistakes, explainer)
    write = explainer.write_not_found if explainer is not None else None
    not_found = NotFound(everywhere, middleware_below(directories), limits_of(settings), write)
    return Project(settings, routes, resources, not_found, everywhere, instrumentation, tuple(mistakes))


def _log_context(settings: Settings) -> tuple[Middleware, ...]:
    """Return what gives the log's records their request, if the setting asks for it."""
    if settings.log_format is None:
        return ()
    from apiroutes.middleware import log_context

    return (log_context(),)


def _find_routes(
    root: Path, settings: Settings, mistakes: Mistakes, warnings: Problems
) -> tuple[Scan, RouteTree]:
    problems = Problems()
    scanned = scan_project(root, settings, problems, warnings)
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


def _resources(
    routes: RouteTree,
    settings: Settings,
    loader: ModuleLoader,
    around: Mapping[str, tuple[Middleware, ...]],
    directories: Sequence[LoadedDirectory],
    mistakes: Mistakes,
) -> dict[str, Resource]:
    """Load every route, and compose what answers it inside its middleware, by the route's file."""
    threads = HandlerThreads(settings.max_abandoned_handlers, settings.abandon_timeout)
    coroutines.configure(
        abandon_timeout=settings.abandon_timeout,
        reports_blocking=settings.mode == "development",
        on_blocked=request_replacement,
    )
    resources = {}
    for route in routes.walk():
        with mistakes.in_route(route.file).collecting():
            module = loader.load(route, dependencies_around(route, directories))
            middleware = (*around[route.file], *module.middleware)
            resources[route.file] = _resource(module, settings, middleware, threads)
    return resources


def _broken_resources(
    routes: RouteTree,
    settings: Settings,
    around: Mapping[str, tuple[Middleware, ...]],
    mistakes: Mistakes,
    explainer: Explainer,
) -> dict[str, Resource]:
    """Return what explains the routes that cannot be served.

    Their directories' middleware is around it, or a page of another origin could not read what it says.
    """
    resources = {}
    for route in routes.walk():
        problems = mistakes.breaking(route.file)
        if problems:
            middleware = around[route.file]
            step = Step(partial(explainer.write_problems, problems), never_waits=True)
            resources[route.file] = Resource(
                f"{route.pattern} ({route.file})",
                as_sync(compose(middleware, step)),
                limits_of(settings),
                pattern=str(route.pattern),
                middleware=middleware,
                mistakes=problems,
                others_on_loop=as_coroutine(middleware, step),
            )
    return resources


def _resource(
    module: RouteModule, settings: Settings, around: tuple[Middleware, ...], threads: HandlerThreads
) -> Resource:
    limits = limits_of(settings, size=module.config.size_limit, parse=module.config.parse_body)
    observed, chain = with_child_spans(module, around, settings)
    endpoint = (CheckedEndpoint if settings.mode == "development" else Endpoint)(observed, limits)
    runs = {method: as_sync(compose(chain, step)) for method, step in endpoint.steps.items()}
    on_loop = {method: as_coroutine(chain, step) for method, step in endpoint.steps.items()}
    seconds = module.config.max_duration
    if seconds is not None:
        runs = {method: with_deadline(run, seconds, threads) for method, run in runs.items()}
        on_loop = {
            method: run and with_deadline_on_loop(run, seconds, threads) for method, run in on_loop.items()
        }
    return Resource(
        name=f"{endpoint.pattern} ({module.route.file})",
        other_methods=runs.pop(RouteModule.ANY),
        others_on_loop=on_loop.pop(RouteModule.ANY),
        limits=limits,
        # What is the same for many routes is one object, as the limits are.
        by_method=runs or _NO_METHODS,
        on_loop=on_loop if any(on_loop.values()) else _NONE_ON_LOOP,
        pattern=endpoint.pattern,
        module=module,
        middleware=around,
        planned=tuple(endpoint.planned),
    )


def _steps(
    everywhere: Sequence[Middleware],
    directories: Sequence[LoadedDirectory],
    resources: Mapping[str, Resource],
) -> Iterator[tuple[Any, str]]:
    """Yield every function that answers requests, with the file that uses it."""
    yield from ((step, "around every route") for step in everywhere)
    yield from ((step, directory.source.file) for directory in directories for step in directory.steps)
    for file, resource in resources.items():
        module = resource.module
        assert module is not None
        yield from ((step, file) for step in module.middleware)
        for handler in module.handlers.values():
            yield from ((step, file) for step in (*handler.middleware, handler.function))


def _ineffective(constants: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[Problem]:
    """Yield the warning about each constant that changes nothing, by name and reason."""
    for (name, effect), places in constants.items():
        remedy = "Remove it, or begin its name with '_' if it is your own."
        yield Problem(shortened(places), f"`{name}` {effect}.", remedy)


def _check(
    settings: Settings,
    routes: RouteTree,
    resources: Mapping[str, Resource],
    place_of: Callable[[str], tuple[str, Place]],
    mistakes: Mistakes,
) -> None:
    """Check what several parts of the project have in common."""
    check_extras(settings, place_of, mistakes.everywhere)
    _check_builtin_paths(settings, routes, place_of, mistakes)
    _check_security(resources, mistakes)


def _check_builtin_paths(
    settings: Settings,
    routes: RouteTree,
    place_of: Callable[[str], tuple[str, Place]],
    mistakes: Mistakes,
) -> None:
    """Check that no built-in endpoint hides a route, in development either, or another endpoint."""
    taken: dict[str, str] = {}
    for name in ("readiness_path", "liveness_path", "openapi_path", "metrics_path"):
        path = getattr(settings, name)
        if path is None:
            continue
        route = routes.by_path.get(path)
        other = taken.setdefault(path, name)
        if route is not None or other != name:
            spelled, place = place_of(name)
            message = f"{spelled}: {other if route is None else route.file} answers {path} too."
            remedy = "Choose a path that no file answers." if route else "Choose another path."
            mistakes.everywhere.append(located(Problem(place.file, message, remedy), place))
    docs = None if settings.docs is False else replace_in(settings, docs=True).docs_path
    for path, route in routes.by_path.items():
        if docs is not None and (path == docs or path.startswith(f"{docs}/")):
            message = f"never answers {path}: the documentation page is there, in development at least."
            mistakes.in_route(route.file).add(route.file, message, "Rename the file, or set `docs = false`.")


def _check_security(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that a name stands for one security scheme in the whole project."""
    known: dict[str, SecurityScheme] = {}
    differing: dict[str, Problem] = {}
    for file, resource in resources.items():
        assert resource.module is not None
        for handler in resource.module.handlers.values():
            for declared in (scheme for asked in handler.asks(resource.middleware) for scheme in asked):
                first = known.setdefault(declared.name, declared)
                if first.scheme != declared.scheme:
                    functions = f"`{first.declared_by}` and `{declared.declared_by}`"
                    message = f"the security scheme {declared.name!r} is not the same for {functions}."
                    differing[declared.name] = Problem(file, message, "Give one of the two another name.")
    for problem in differing.values():
        mistakes.in_route(problem.file).append(problem)
