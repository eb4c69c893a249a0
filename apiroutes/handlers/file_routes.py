"""TanStack's declared routes: what a `file_route` declares, checked against its file.

In: a `FileRoute` and the route of its file. Out: its handlers and middleware; mistakes are collected.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from apiroutes.errors import Problems, one_line, shown, suggest
from apiroutes.handlers.declarations import FileRoute
from apiroutes.handlers.middleware_exports import steps_of, wrong_steps
from apiroutes.handlers.sources import OwnNames, line_of_function
from apiroutes.http import METHODS
from apiroutes.routing import Kind, Route, RoutePattern, Segment
from apiroutes.types import Middleware

__all__ = ["DeclaredHandler", "FileRouteReader"]

_HOW_TO_DECLARE = (
    "Give a dict of methods and functions, or a function of `create_handlers` that returns "
    "`create_handlers({...})`."
)


class DeclaredHandler(NamedTuple):
    """A function for one method, with the middleware that is declared for it alone."""

    method: str
    function: Callable[..., Any]
    middleware: tuple[Middleware, ...]


class FileRouteReader:
    """Reads one `file_route`, and adds its mistakes to `problems`.

    `path` is where the route's file is. A path may be declared without one of `prefixes`.
    """

    def __init__(
        self,
        declared: FileRoute,
        route: Route,
        path: Path,
        prefixes: Sequence[tuple[Segment, ...]],
        own: OwnNames,
        problems: Problems,
    ) -> None:
        self._declared = declared
        self._route = route
        self._path = path
        self._prefixes = prefixes
        self._own = own
        self._problems = problems

    def handlers(self, exported: Mapping[str, object]) -> Iterator[DeclaredHandler]:
        """Yield the declared handlers; `exported` are functions that the module exports besides them."""
        self._check_path()
        functions: list[object] = []
        for method, value in self._handlers_by_method().items():
            if method not in METHODS:
                methods = ", ".join(METHODS)
                self._problem(f"`Route` has a handler for {shown(method)}.", f"Methods are {methods}.")
                continue
            place = f"`Route`'s {method}"
            function: object = value
            middleware: tuple[Middleware, ...] = ()
            if isinstance(value, Mapping):
                function, middleware = self._in_dict(value, place)
                if "handler" not in value:
                    continue
            functions.append(function)
            if callable(function):
                yield DeclaredHandler(method, function, middleware)
            else:
                message = f"{place} is of type {type(function).__name__}, which cannot be called."
                self._problem(message, 'Give a function, or {"middleware": [...], "handler": function}.')
        for name, function in exported.items():
            if function not in functions and name in self._own:
                message = f"has both `Route` and `{name}`, which never answers a request."
                remedy = "Put it into the handlers of `Route`, or call it by another name."
                self._problem(message, remedy, line=self._own.line_of(name))

    def middleware(self) -> tuple[Middleware, ...]:
        """Return the middleware that is declared for all handlers."""
        return self._steps(self._declared.middleware, "`middleware`")

    def _check_path(self) -> None:
        path = self._declared.path
        if not isinstance(path, str) or path not in self._spellings():
            own = _tanstack_path(self._route.pattern.segments)
            message = f"`Route` has the path {shown(path)}, but the file's own path is {own!r}."
            self._problem(message, "Correct the path, or move the file.")

    def _spellings(self) -> Iterator[str]:
        """Yield the spellings of the file's path: in both grammars, without a prefix, with a final slash."""
        segments = self._route.pattern.segments
        for prefix in self._prefixes:
            if segments[: len(prefix)] == prefix:
                rest = segments[len(prefix) :]
                for path in (str(RoutePattern(rest)), _tanstack_path(rest)):
                    yield from (path, path.rstrip("/") + "/")

    def _handlers_by_method(self) -> Mapping[Any, object]:
        """Return the declared dict of handlers, or the one that the declared function returns."""
        handlers = self._declared.handlers
        if isinstance(handlers, FunctionType):
            parameters = inspect.signature(handlers).parameters
            if [*parameters] != ["create_handlers"]:
                message = f"the function that makes the handlers of `Route` takes ({', '.join(parameters)})."
                self._problem(message, _HOW_TO_DECLARE, line=line_of_function(handlers))
                return {}
            try:
                if parameters["create_handlers"].kind is inspect.Parameter.KEYWORD_ONLY:
                    handlers = handlers(create_handlers=_create_handlers)
                else:
                    handlers = handlers(_create_handlers)
            except Exception as error:
                message = f"the function that makes the handlers of `Route` failed: {one_line(error)}."
                self._problem(message, "Correct it.", line=line_of_function(handlers))
                return {}
            if inspect.iscoroutine(handlers):
                handlers.close()  # which nobody will await
        if isinstance(handlers, Mapping):
            return handlers
        self._problem(
            f"the handlers of `Route` are of type {type(handlers).__name__}, not a dict.", _HOW_TO_DECLARE
        )
        return {}

    def _in_dict(self, declared: Mapping[Any, object], place: str) -> tuple[object, tuple[Middleware, ...]]:
        """Return the function and the middleware of `{"middleware": [...], "handler": function}`."""
        unknown = [key for key in declared if key not in ("middleware", "handler")]
        for key in unknown:
            message = f"{place} has the unknown key {shown(key)}."
            self._problem(message, suggest(str(key), ("middleware", "handler")))
        if "handler" not in declared and not unknown:
            self._problem(f"{place} has no 'handler'.", 'Give it one: {"handler": function}.')
        steps = self._steps(declared.get("middleware", ()), f"the middleware of {place}")
        return declared.get("handler"), steps

    def _steps(self, exported: object, place: str) -> tuple[Middleware, ...]:
        steps = steps_of(exported)
        for step in wrong_steps(steps, place, self._path):
            self._problem(step.message, step.remedy, line=step.line)
        return steps

    def _problem(self, message: str, remedy: str, line: int | None = None) -> None:
        """Add a problem, at the line of `Route` unless another is known."""
        self._problems.add(self._route.file, message, remedy, line=line or self._own.line_of("Route"))


def _create_handlers(handlers: object) -> object:
    """TanStack's `createHandlers`, which is for type checkers there: it returns its argument."""
    return handlers


def _tanstack_path(segments: tuple[Segment, ...]) -> str:
    """Return a path as TanStack spells it: `/api/posts/$id`, `/api/files/$`."""
    spellings = {Kind.STATIC: "{}", Kind.DYNAMIC: "${}", Kind.CATCH_ALL: "$", Kind.OPTIONAL_CATCH_ALL: "$"}
    return "/" + "/".join(spellings[segment.kind].format(segment.text) for segment in segments)
