"""What a route's module exports, checked: handlers, middleware, `config` and `responses`.

In: an imported module and its route. Out: a `RouteModule`. Raises ProjectError with every mistake of the
module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

from apiroutes.concurrency import is_async
from apiroutes.errors import Problem, Problems, shown
from apiroutes.handlers.cache_checks import cache_mistakes, is_cached_function
from apiroutes.handlers.cache_config import CacheConfig
from apiroutes.handlers.config import RouteConfig, read_config
from apiroutes.handlers.constants import Constant, constants_in
from apiroutes.handlers.declarations import FileRoute, middleware_of, security_of
from apiroutes.handlers.dependencies import Depends
from apiroutes.handlers.dependency_exports import dependencies_in
from apiroutes.handlers.dependency_graph import Dependencies, KnownDependencies
from apiroutes.handlers.file_routes import FileRouteReader
from apiroutes.handlers.habits import wrong_globals
from apiroutes.handlers.middleware_exports import steps_of, wrong_steps
from apiroutes.handlers.misnamed import (
    Misnamed,
    misnamed_constants,
    misnamed_dependencies,
    misnamed_handler,
    misnamed_methods,
    misnamed_middleware,
    misnamed_route,
    misplaced_middleware,
    misplaced_rate_limit,
)
from apiroutes.handlers.parameters import ParameterError, read_signature
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.handlers.signatures import Signature
from apiroutes.handlers.sources import OwnNames, line_of_function
from apiroutes.http import METHODS
from apiroutes.places import located, place_at
from apiroutes.routing import Route, Segment, convention_of
from apiroutes.schemas import SchemaError, fits_any_text, schema_of
from apiroutes.structs import replace
from apiroutes.types import Middleware

__all__ = ["how_to_hide", "read_exports"]


def read_exports(
    module: ModuleType,
    route: Route,
    path: Path,
    defaults: RouteConfig,
    prefixes: Sequence[tuple[Segment, ...]],
    around: Sequence[Depends],
    known: KnownDependencies,
) -> tuple[RouteModule, list[Constant], Problems]:
    """Return the exports of the module in the file `path`, its constants, and possible mistakes.

    `around` are the dependencies that the directories of the file declare, and `known` what was read of
    other modules' dependencies. Raises ProjectError.
    """
    reader = _ExportReader(module, route, path, defaults, prefixes)
    reader.known = known
    reader.dependencies = (*around, *reader.declared_dependencies())
    route_module = reader.read()
    reader.problems.raise_any()
    return route_module, reader.constants, reader.warnings


def how_to_hide(file: str) -> str:
    """Return how to keep a file from being a route, in the words of its convention."""
    convention = convention_of(file)
    return "move the file" if convention is None else convention.how_to_hide


class _ExportReader:
    """Reads what one module exports and collects the problems, so that all are reported."""

    def __init__(
        self,
        module: ModuleType,
        route: Route,
        path: Path,
        defaults: RouteConfig,
        prefixes: Sequence[tuple[Segment, ...]],
    ) -> None:
        self.module = module
        self.route = route
        self.path = path
        self.defaults = defaults
        self.problems = Problems()
        self.warnings = Problems()
        self.own = OwnNames(path)
        self.dependencies: tuple[Depends, ...] = ()  # of all handlers
        self.known: KnownDependencies = {}
        self.constants = constants_in(vars(module), self.own.line_of_value)
        declared = getattr(module, "Route", None)
        self.file_route: FileRouteReader | None = None
        if isinstance(declared, FileRoute):
            self.file_route = FileRouteReader(declared, route, path, prefixes, self.own, self.problems)

    def read(self) -> RouteModule:
        """Return the route module; it is only to be used if there are no problems."""
        handlers = dict(self._handlers())
        self._check_names(handlers)
        self._problem_of_name(misplaced_rate_limit(self.module, self.own))
        self._check_globals(handlers)
        if not handlers and not self.problems:
            self._report_no_handler()
        doc = inspect.cleandoc(self.module.__doc__ or "")
        middleware, config = self._middleware(handlers), self._config()
        self._check_parsing(handlers, config)
        self._warn_of_unions(handlers)
        if config.cache is not None:
            self._check_caching(handlers, config.cache)
        return RouteModule(self.route, handlers, config, middleware, doc, self._responses())

    # -- handlers --------------------------------------------------------------------------

    def _handlers(self) -> Iterator[tuple[str, Handler]]:
        functions: dict[str, object] = {
            name: getattr(self.module, name) for name in METHODS if hasattr(self.module, name)
        }
        for_all_methods = getattr(self.module, "handler", None)
        if self.file_route is not None:
            yield from self._declared_handlers(self.file_route, functions)
            if for_all_methods is not None:
                line = self.own.line_of("handler")
                self._problem("has both `Route` and `handler`.", "Keep one of the two.", line=line)
            return
        if for_all_methods is not None and functions:
            self._problem(
                f"has both `handler` and {', '.join(functions)}.",
                "Keep `handler`, which gets every method, or the methods; or call it `_handler`.",
                line=self.own.line_of("handler"),
            )
            functions = {}
        elif for_all_methods is not None:
            functions = {RouteModule.ANY: for_all_methods}
        for name, function in functions.items():
            handler = self._handler("handler" if name == RouteModule.ANY else name, function)
            if handler is not None:
                yield name, handler

    def _declared_handlers(
        self, file_route: FileRouteReader, exported: Mapping[str, object]
    ) -> Iterator[tuple[str, Handler]]:
        """Yield the handlers of a `file_route`."""
        for declared in file_route.handlers(exported):
            handler = self._handler(declared.method, declared.function)
            if handler is not None:
                middleware = (*declared.middleware, *handler.middleware)
                yield declared.method, replace(handler, middleware=middleware)

    def _handler(self, name: str, function: object) -> Handler | None:
        if not self._is_handler(function, name):
            return None
        try:
            signature = read_signature(function, self.route.pattern.segments)
            dependencies = self._dependencies_of(name, signature)
        except ParameterError as error:
            line = line_of_function(function)
            self._problem(f"`{name}`: {error}.", error.remedy, line=line, mark=error.name)
            return None
        doc = inspect.getdoc(function) if isinstance(function, FunctionType) else None
        return Handler(
            signature.call,
            function,
            self._place(function),
            is_async(function),
            middleware_of(function),
            security_of(function),
            signature if dependencies is None else dependencies.whole_signature,
            doc or "",
            name,
            dependencies,
        )

    def _is_handler(self, function: object, name: str) -> TypeGuard[Callable[..., Any]]:
        """Return whether something is a function that can answer; report it if it is not."""
        if isinstance(function, type) or not callable(function):
            what = f"of type {type(function).__name__}, which cannot be called"
            what = "a class, which nothing calls" if isinstance(function, type) else what
            remedy = f"Write `def {name}(req, res): ...`."
            self._problem(f"`{name}` is {what}.", remedy, line=self.own.line_of(name))
            return False
        if is_cached_function(function):
            message = f"`{name}` has `@cached`, which keeps values of functions, not answers of a route."
            remedy = f"Put `@cached` on a function that `{name}` calls"
            remedy += ", or write `revalidate = 60` instead." if name in ("GET", "handler") else "."
            self._problem(message, remedy, line=line_of_function(function))
            return False
        return True

    def _dependencies_of(self, name: str, signature: Signature) -> Dependencies | None:
        """Return what a handler depends on. Raises ParameterError."""
        if not (signature.dependencies or self.dependencies):
            return None
        segments = self.route.pattern.segments
        return Dependencies.of(f"`{name}`", signature, self.dependencies, segments, self.known)

    def _place(self, function: Callable[..., Any]) -> str:
        line = line_of_function(function)
        return self.route.file if line is None else f"{self.route.file}:{line}"

    def _check_parsing(self, handlers: Mapping[str, Handler], config: RouteConfig) -> None:
        for name, handler in handlers.items():
            if handler.signature.takes_content and not config.parse_body:
                self._problem(
                    f"`{name}` takes the body as a type, but config.api.bodyParser is off.",
                    "Turn it on, or read `req.stream`.",
                    line=int(handler.place.rpartition(":")[2]),
                )

    def _warn_of_unions(self, handlers: Mapping[str, Handler]) -> None:
        """Warn of `id: int | str`, which is a str for every request: all that a URL has is text."""
        for name, handler in handlers.items():
            for parameter in handler.signature.inputs:
                is_in_url = parameter.source in ("path", "query") and parameter.name is not None
                if is_in_url and fits_any_text(parameter.annotation):
                    spelled = f"{parameter.name}: {inspect.formatannotation(parameter.annotation)}"
                    message = f"`{spelled}` of `{name}` is always a str, because any text in a URL fits it."
                    remedy = "Write `str`, and convert it in the handler, or the other type alone."
                    line = line_of_function(handler.function)
                    self.warnings.add(self.route.file, message, remedy, line=line)

    def _check_caching(self, handlers: Mapping[str, Handler], cache: CacheConfig) -> None:
        """Check the handler whose answers are cached."""
        for mistake in cache_mistakes(handlers, cache):
            self._problem(mistake.message, mistake.remedy, mistake.line, mistake.parameter)
        is_answered = any(hasattr(self.module, name) for name in ("GET", "handler"))
        if handlers and not is_answered and not {"GET", RouteModule.ANY} & {*handlers}:
            lines = [item.line for item in self.constants if item.name in ("revalidate", "dynamic")]
            line = lines[0] if lines else self.own.line_of_key("config", ["cache"])
            remedy = "Write `def GET(): ...`, or remove the cache."
            self._problem("caches the answers of GET, but has no `GET` or `handler`.", remedy, line=line)

    # -- names -----------------------------------------------------------------------------

    def _check_names(self, handlers: Mapping[str, Handler]) -> None:
        """Report names that are almost right, so that nothing uses them."""
        for misnamed in misnamed_constants(self.module, self.own):
            self.warnings.add(self.route.file, misnamed.message, misnamed.remedy, line=misnamed.line)
        if hasattr(self.module, "handler"):
            return  # its helpers may have any name
        if self.file_route is not None and self.problems:
            return  # the names may be those of functions in a faulty declaration
        for misnamed in misnamed_methods(self.module, handlers):
            self._problem_of_name(misnamed)
        if self.file_route is None:
            self._problem_of_name(misnamed_route(self.module, self.own.line_of))

    def _check_globals(self, handlers: Mapping[str, Handler]) -> None:
        functions = [handler.function for handler in handlers.values()]
        for found in wrong_globals(self.module, functions):
            self._problem(found.message, found.remedy, line=found.line)

    def _report_no_handler(self) -> None:
        hide, line_of = how_to_hide(self.route.file), self.own.line_of
        if "handler" in self.own and getattr(self.module, "handler", self) is None:
            message = "exports no handler: `handler` is None, which cannot be called."
            self._problem(message, "Write `def handler(req, res): ...`.", line=line_of("handler"))
            return
        misnamed = misplaced_middleware(self.module, self.route.file, line_of)
        misnamed = misnamed or misnamed_handler(self.module, line_of, hide)
        self._problem_of_name(misnamed)
        if misnamed is None:
            remedy = f"Write `def handler(req, res): ...` or `def GET(): ...`, or {hide}."
            self._problem("exports no handler.", remedy)

    # -- the other exports -----------------------------------------------------------------

    def declared_dependencies(self) -> tuple[Depends, ...]:
        """Return what the module declares for all its handlers: `dependencies = [Depends(signed_in)]`."""
        self._problem_of_name(misnamed_dependencies(self.module, self.own.line_of))
        found = dependencies_in(self.module)
        for mistake in found.mistakes:
            self._problem(mistake.message, mistake.remedy, line=self.own.line_of("dependencies"))
        return found.dependencies

    def _middleware(self, handlers: Mapping[str, Handler]) -> tuple[Middleware, ...]:
        if self.file_route is not None:
            return self.file_route.middleware()
        if not hasattr(self.module, "middleware"):
            used = [step for handler in handlers.values() for step in handler.middleware]
            self._problem_of_name(misnamed_middleware(self.module, self.own.line_of, used))
            return ()
        steps = steps_of(self.module.middleware)
        for step in wrong_steps(steps, "`middleware`", self.path):
            self._problem(step.message, step.remedy, line=step.line or self.own.line_of("middleware"))
        return steps

    def _config(self) -> RouteConfig:
        config = getattr(self.module, "config", {})
        line_of = partial(self.own.line_of_key, "config")
        with self.problems.collecting():
            return read_config(config, self.route.file, self.defaults, line_of, self.constants, self.warnings)
        return self.defaults

    def _responses(self) -> Mapping[Any, Any]:
        """Return the declared responses: `responses = {404: "No such user", 201: User}`.

        The responses of one method are declared as `responses = {"POST": {201: User}}`.
        """
        declared = getattr(self.module, "responses", {})
        if not isinstance(declared, Mapping):
            return {}  # a name of the module's own
        for key, value in declared.items():
            if key in METHODS and isinstance(value, Mapping):
                for status, meaning in value.items():
                    self._check_response(status, meaning)
            else:
                self._check_response(key, value)
        return declared

    def _check_response(self, status: object, meaning: object) -> None:
        if type(status) is not int or not 100 <= status <= 599:
            remedy = "Write a number such as 404, or a method with a dict of such numbers."
            message = f"`responses` has {shown(status)}, which is not a status code."
            self._problem(message, remedy, line=self.own.line_of("responses"))
        elif not isinstance(meaning, str):
            try:
                schema_of(meaning)
            except SchemaError as error:
                remedy, line = "Use a type or a descriptive string.", self.own.line_of("responses")
                self._problem(f"`responses` of {status}: {error}.", remedy, line=line)

    # -- problems --------------------------------------------------------------------------

    def _problem_of_name(self, misnamed: Misnamed | None) -> None:
        if misnamed is not None:
            self._problem(misnamed.message, misnamed.remedy, line=misnamed.line)

    def _problem(self, message: str, remedy: str, line: int | None = None, mark: str | None = None) -> None:
        problem = Problem(self.route.file, message, remedy, line)
        if mark is not None:
            root = self.path.parents[self.route.file.count("/")]
            place = place_at(root, self.route.file, line, mark)
            if mark in (place.source or ""):  # it may be in another line
                problem = located(problem, place)
        self.problems.append(problem)
