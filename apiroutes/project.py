"""A project directory to everything that is served: all that is decided at start.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError with every
mistake of settings, names, conflicts, modules and middleware, all reported together.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from apiroutes.body import Limits, limits_of
from apiroutes.chain import as_sync, compose
from apiroutes.concurrency import HandlerThreads, coroutines
from apiroutes.deadlines import with_deadline
from apiroutes.endpoint import OTHER, Endpoint
from apiroutes.errors import Problem, ProjectError
from apiroutes.handlers import (
    PROJECT_MIDDLEWARE_FILE,
    ModuleLoader,
    RouteConfig,
    RouteModule,
    SecurityScheme,
    fault_of,
    one_line,
    with_checked_result,
)
from apiroutes.readiness import request_replacement
from apiroutes.resources import NotFound, Resource, Run
from apiroutes.routing import (
    API,
    CONVENTIONS,
    MIDDLEWARE_FILE,
    Convention,
    DirectoryMiddleware,
    Kind,
    Route,
    RouteTree,
    Scan,
    Segment,
    guard_problem,
    scan,
)
from apiroutes.settings import Settings, read_settings
from apiroutes.types import Middleware

__all__ = ["Project", "build", "prefix_of"]

_Built = TypeVar("_Built")

_NO_METHODS: Mapping[str, Run] = {}

_log = logging.getLogger("apiroutes")


@dataclass(frozen=True)
class Project:
    """A project that can be served; `resources` is by the route's file.

    `middleware` is around everything, in order.
    """

    settings: Settings
    routes: RouteTree
    resources: Mapping[str, Resource]
    not_found: NotFound
    middleware: tuple[Middleware, ...]


def prefix_of(settings: Settings) -> tuple[Segment, ...]:
    """The segments that every route begins with, unless its convention is not below `api`."""
    return _segments(settings.base_path + settings.api_prefix)


def _segments(path: str) -> tuple[Segment, ...]:
    return tuple(Segment(Kind.STATIC, text) for text in path.split("/") if text)


def build(
    root: Path,
    environ: MutableMapping[str, str],
    arguments: Mapping[str, Any],
    middleware: Sequence[Middleware] = (),
) -> Project:
    """Read, scan, load and compose. Raises ProjectError. What is only odd is logged as a warning."""
    builder = _Builder(root)
    project = builder.build(environ, arguments, middleware)
    for warning in builder.warnings:
        _log.warning("%s %s %s", warning.file, warning.message, warning.remedy)
    if builder.problems:
        raise ProjectError(builder.problems)
    return project


class _Builder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def build(
        self,
        environ: MutableMapping[str, str],
        arguments: Mapping[str, Any],
        middleware: Sequence[Middleware],
    ) -> Project:
        # With what can be read of the settings, so that no file is taken for a route that is none.
        settings, self.problems = read_settings(self.root, environ, arguments)
        found = self._scan(settings)
        routes = RouteTree(found.routes)
        self.problems += routes.problems
        defaults = RouteConfig(size_limit=settings.body_size_limit, response_limit=settings.response_limit)
        prefixes = (prefix_of(settings), _segments(settings.base_path), ())
        modules = ModuleLoader(self.root, defaults, prefixes)
        of_file = self._middleware_file(settings, modules)
        # What the setting names of the file that runs anyway would run twice.
        names = [name for name in settings.middleware if not (of_file and name == "middleware:middleware")]
        everywhere = (
            *of_file,
            *self._middleware_setting(names, "APIROUTES_MIDDLEWARE" in environ),
            *self._callables_only(middleware, "App(middleware=...)"),
        )
        directories = self._directories(found.middleware, modules)
        threads = HandlerThreads(settings.max_abandoned_handlers, settings.abandon_timeout)
        coroutines.configure(
            abandon_timeout=settings.abandon_timeout,
            reports_blocking=settings.mode == "development",
            on_blocked=request_replacement,
        )
        resources = {}
        for route in routes.walk():
            module = self._try(lambda route=route: modules.load(route))  # type: ignore[misc]
            if module is not None:
                if settings.mode == "development":
                    handlers = {
                        method: with_checked_result(handler) for method, handler in module.handlers.items()
                    }
                    module = replace(module, handlers=handlers)
                around = (*everywhere, *_around(route, directories), *module.middleware)
                resources[route.file] = _route_resource(module, settings, around, threads)
        self._warn_of_ineffective(modules.ineffective)
        self._check_own_paths(settings, routes)
        self._check_security(resources)
        below = [(one.below.segments, steps) for one, steps in directories if one.below is not None]
        not_found = NotFound(everywhere, below, limits_of(settings))
        return Project(settings, routes, resources, not_found, everywhere)

    def _try(self, make: Callable[[], _Built]) -> _Built | None:
        try:
            return make()
        except ProjectError as error:
            # A package that fails does so for every route in it, and is said once.
            self.problems += [problem for problem in error.problems if problem not in self.problems]
            return None

    def _scan(self, settings: Settings) -> Scan:
        everything = Scan()
        conventions = [each for each in CONVENTIONS if each.name in settings.conventions]
        for convention in conventions:
            if (self.root / convention.directory).is_dir():
                prefix = settings.base_path + (settings.api_prefix if convention.is_below_api else "")
                found = scan(self.root, convention, _segments(prefix), settings.page_extensions)
                everything.routes += found.routes
                everything.middleware += found.middleware
                everything.problems += found.problems
                everything.helpers += found.helpers
                self.warnings += found.warnings
                if found.unlike:
                    everything.unlike += found.unlike
                    self.warnings.append(_unlike(found.unlike, convention, settings.page_extensions))
            elif (self.root / convention.directory).is_symlink():
                message = "is a link to what is no directory, so that no route can be in it."
                everything.problems.append(
                    Problem(convention.directory, message, "Mend the link, or remove it.")
                )
        self.problems += everything.problems
        if not everything.routes and not everything.problems:
            self._report_no_route(everything, conventions)
        return everything

    def _report_no_route(self, found: Scan, conventions: Sequence[Convention]) -> None:
        name = self.root.name or self.root
        message = f"there is no route in {name}, so there is nothing to serve."
        remedy = "Create pages/api/hello.py with `def handler(req, res): ...` in it."
        if found.unlike:
            place, message = found.unlike[0], f"{message} No route: {_listed(found.unlike)}."
        elif found.helpers:
            place, message = found.helpers[0], f"{message} No route: {_listed(found.helpers)}."
            remedy = f"Call it {found.helpers[0].removesuffix('.py')}/route.py."
        elif any((self.root / each.directory / API).is_dir() for each in conventions):
            return  # where the first one will be
        else:
            place = "pages/api"
        self.problems.append(Problem(place, message, remedy))

    def _warn_of_ineffective(self, ineffective: Mapping[tuple[str, str], Sequence[str]]) -> None:
        for (name, effect), places in ineffective.items():
            remedy = "Remove it, or begin its name with '_' if it is your own."
            self.warnings.append(Problem(_listed(places), f"`{name}` {effect}.", remedy))

    def _check_own_paths(self, settings: Settings, routes: RouteTree) -> None:
        for name in ("readiness_path", "openapi_path"):
            path = getattr(settings, name)
            route = None if path is None else routes.by_path.get(path)
            if route is not None:
                message = f"{route.file} answers {path} too."
                self.problems.append(Problem(name, message, "Choose a path that no file answers."))

    def _check_security(self, resources: Mapping[str, Resource]) -> None:
        known: dict[str, SecurityScheme] = {}
        problems: dict[str, Problem] = {}
        for file, one in resources.items():
            assert one.module is not None
            asked = [handler.asks(one.middleware) for handler in one.module.handlers.values()]
            for declared in (each for steps in asked for step in steps for each in step):
                first = known.setdefault(declared.name, declared)
                if first.scheme != declared.scheme:
                    functions = f"`{first.declared_by}` and `{declared.declared_by}`"
                    message = f"the security scheme {declared.name!r} is not the same for {functions}."
                    problems[declared.name] = Problem(file, message, "Give one of the two another name.")
        self.problems += problems.values()

    def _directories(
        self, files: Sequence[DirectoryMiddleware], modules: ModuleLoader
    ) -> list[tuple[DirectoryMiddleware, tuple[Middleware, ...]]]:
        """The middleware of directories, from the outside in."""
        loaded = []
        for one in sorted(files, key=lambda one: one.file.count("/")):
            steps = self._try(lambda one=one: modules.load_middleware(one.file))  # type: ignore[misc]
            if steps is not None:
                loaded.append((one, steps))
        return loaded

    def _middleware_file(self, settings: Settings, modules: ModuleLoader) -> tuple[Middleware, ...]:
        """What `middleware.py` at the root exports."""
        for name in sorted(os.listdir(self.root)):
            if name.lower() in (MIDDLEWARE_FILE, PROJECT_MIDDLEWARE_FILE) and name != PROJECT_MIDDLEWARE_FILE:
                message = f"runs around no route: the project's middleware is in {PROJECT_MIDDLEWARE_FILE}."
                self.warnings.append(Problem(name, message, "Rename it."))
        path = self.root / PROJECT_MIDDLEWARE_FILE
        if not os.path.lexists(path):
            return ()
        problem = guard_problem(str(path), PROJECT_MIDDLEWARE_FILE, PROJECT_MIDDLEWARE_FILE)
        if problem is not None:
            self.problems.append(problem)
            return ()
        is_used = any(name.startswith("middleware:") for name in settings.middleware)
        return self._try(lambda: self._load_middleware_file(modules, is_used)) or ()

    def _load_middleware_file(self, modules: ModuleLoader, is_used: bool) -> tuple[Middleware, ...]:
        """`is_used`: the setting takes functions from this module, which may have no other."""
        file = PROJECT_MIDDLEWARE_FILE
        if modules.has_middleware(file, is_used=is_used):
            return modules.load_middleware(file)
        if not is_used:
            message = "exports no `middleware`, so that it runs around no route."
            self.warnings.append(Problem(file, message, "Rename it, if it is another module."))
        return ()

    def _middleware_setting(self, names: Sequence[str], is_from_environ: bool) -> tuple[Middleware, ...]:
        place = "environment" if is_from_environ else "pyproject.toml"
        shown = "APIROUTES_MIDDLEWARE" if is_from_environ else "[tool.apiroutes] middleware"
        found: list[Any] = []
        for name in names:
            module, _, attribute = name.partition(":")
            try:
                step = getattr(importlib.import_module(module), attribute)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too, as for a route's file
                self._bad_middleware(place, f"{shown}: {name!r} cannot be imported: {one_line(error)}.")
                continue
            fault = fault_of(step)
            if fault is not None:
                self._bad_middleware(place, f"{shown}: {name!r} is {fault}.")
            found.append(step)
        return tuple(found)

    def _callables_only(self, middleware: Sequence[Any], place: str) -> tuple[Middleware, ...]:
        for step in middleware:
            fault = fault_of(step)
            if fault is not None:
                self._bad_middleware(place, f"{fault}." if callable(step) else f"{step!r} cannot be called.")
        return tuple(middleware)

    def _bad_middleware(self, place: str, message: str) -> None:
        remedy = "Middleware is a function (req, res, next), in settings as 'package.module:function'."
        self.problems.append(Problem(place, message, remedy))


def _unlike(files: Sequence[str], convention: Convention, extensions: Sequence[str]) -> Problem:
    """The warning about files that are no routes because of their extension."""
    endings = " or ".join(f".{each}" for each in extensions)
    what = "is no route" if len(files) == 1 else "are no routes"
    remedy = f"Rename what is meant to be one, or {convention.how_to_hide}."
    return Problem(_listed(files), f"{what}: the name of a route's file ends in {endings}.", remedy)


def _listed(names: Sequence[str]) -> str:
    """The names, the first of them where they are many."""
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


_MOST = 20


def _around(
    route: Route, directories: Sequence[tuple[DirectoryMiddleware, tuple[Middleware, ...]]]
) -> tuple[Middleware, ...]:
    """The middleware of the directories that the route's file lies in."""
    found: tuple[Middleware, ...] = ()
    for one, steps in directories:
        if route.file.startswith(one.file.rpartition("/")[0] + "/"):
            found += steps
    return found


def _route_resource(
    module: RouteModule,
    settings: Settings,
    around: tuple[Middleware, ...],
    threads: HandlerThreads,
) -> Resource:
    limits = _limits(settings, module.config)
    endpoint = Endpoint(module, limits)
    runs = {method: as_sync(compose(around, step)) for method, step in endpoint.steps.items()}
    seconds = module.config.max_duration
    if seconds is not None:
        runs = {method: with_deadline(run, seconds, threads) for method, run in runs.items()}
    other_methods = runs.pop(OTHER)
    name = f"{endpoint.pattern} ({module.route.file})"
    # What is the same for many routes is one object, which stays in the processor's cache.
    return Resource(name, other_methods, limits, runs or _NO_METHODS, endpoint.pattern, module, around)


@lru_cache
def _limits(settings: Settings, config: RouteConfig) -> Limits:
    return limits_of(settings, size=config.size_limit, parse=config.parse_body)
