"""A route's file to a route module: what it exports, checked.

In: routes and the project's directory. Out: `RouteModule`s and the middleware of directories.
Raises ProjectError for a file that fails to import, exports no handler, or has a `config` with
mistakes. Files are loaded once, at start, by path; no request ever imports.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import itertools
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from apiroutes.binding import Binding, BindingError, Bound, bind
from apiroutes.config import RouteConfig, read_config
from apiroutes.declarations import (
    FileRoute,
    Middleware,
    SecurityScheme,
    is_async,
    middleware_of,
    security_of,
)
from apiroutes.errors import Problem, ProjectError
from apiroutes.routing import Kind, Route
from apiroutes.validation import SchemaError, validator_of

__all__ = ["METHODS", "Handler", "RouteModule", "RouteModules", "cause_of"]

# What a module may export a function for (RFC 9110 section 9.3, RFC 5789).
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_PRIVATE = "or begin the file's name with '_' if it is no route."
_counter = itertools.count(1)


@dataclass(frozen=True)
class Handler:
    """A user's function: `call` takes request and response, `place` is its file and line."""

    call: Bound
    place: str
    is_async: bool
    middleware: tuple[Middleware, ...]
    security: tuple[SecurityScheme, ...]
    binding: Binding  # what it takes by its type
    doc: str

    def asks(self, around: Sequence[Middleware]) -> list[tuple[SecurityScheme, ...]]:
        """What credentials each step asks for, of `around` and its own, where one says so."""
        steps = [security_of(step) for step in (*around, *self.middleware)]
        return [alternatives for alternatives in (*steps, self.security) if alternatives]


@dataclass(frozen=True)
class RouteModule:
    """What a route's file exports: one handler for every method, or one for each of some."""

    route: Route
    handlers: Mapping[str, Handler]  # by method; ANY alone for `handler`
    config: RouteConfig
    middleware: tuple[Middleware, ...] = ()
    doc: str = ""
    # A type or a text, by status code; under a method's name those of that method alone.
    responses: Mapping[Any, Any] = field(default_factory=dict)

    ANY = "*"


class RouteModules:
    """Loads the files of one project, as modules of a package that is this project's alone.

    The package is the project directory, so that a relative import reaches every file of it,
    `[id].py` gets a name that an import could not spell, and two projects in one process
    share nothing.
    """

    def __init__(self, root: Path, defaults: RouteConfig) -> None:
        self._root = root
        self._defaults = defaults
        self._package = f"_apiroutes_project_{next(_counter)}"
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))

    def load(self, route: Route) -> RouteModule:
        """Import the route's file and check what it exports."""
        module = self._import(route.file)
        exports = _Exports(module, route, self._defaults)
        found = exports.read()
        if exports.problems:
            raise ProjectError(exports.problems)
        return found

    def load_middleware(self, file: str) -> tuple[Middleware, ...]:
        """Import a `_middleware.py`; it exports `middleware`, a function or a list of them."""
        module = self._import(file)
        try:
            return _middleware(getattr(module, "middleware", None))
        except TypeError as error:
            remedy = "Write `def middleware(req, res, next): ...`, or a list of such functions."
            raise ProjectError([Problem(file, f"`middleware` {error}.", remedy)]) from error

    # -- importing -------------------------------------------------------------------------

    def _import(self, file: str) -> ModuleType:
        *directories, name = file.split("/")
        package = self._packages(tuple(directories), file)
        full_name = f"{package}.{self._module_name(directories, name)}"
        if full_name in sys.modules:  # a route beside it imported it
            return sys.modules[full_name]
        spec = importlib.util.spec_from_file_location(full_name, self._root / file)
        assert spec is not None  # the name ends in .py
        return self._execute(spec, file)

    def _module_name(self, directories: list[str], file: str) -> str:
        """The name that an import would give the file, unless that one is a directory's."""
        stem = file.removesuffix(".py")
        if stem.isidentifier() and not self._root.joinpath(*directories, stem).is_dir():
            return stem
        return _escaped(file)

    def _packages(self, directories: tuple[str, ...], file: str) -> str:
        """The package of a directory and those around it, so that relative imports find them."""
        name = self._package
        path = self._root
        self._ensure_package(name, path, file, root=True)
        for directory in directories:
            name = f"{name}.{_escaped(directory)}"
            path = path / directory
            self._ensure_package(name, path, file)
        return name

    def _ensure_package(self, name: str, path: Path, file: str, root: bool = False) -> None:
        if name in sys.modules:
            return
        init = path / "__init__.py"
        locations = [str(path)]
        if not root and init.is_file():
            spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=locations)
            assert spec is not None
            self._execute(spec, init.relative_to(self._root).as_posix())
            return
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = locations
        sys.modules[name] = importlib.util.module_from_spec(spec)

    def _execute(self, spec: importlib.machinery.ModuleSpec, file: str) -> ModuleType:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            assert spec.loader is not None
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a file must not end the start silently
            del sys.modules[spec.name]
            raise ProjectError([self._failed(file, error)]) from error
        return module

    def _failed(self, file: str, error: BaseException) -> Problem:
        path = str(self._root / file)
        line = None
        if isinstance(error, SyntaxError) and error.filename == path:
            line = error.lineno
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == path:
                line = frame.lineno
        return Problem(file, f"failed to import: {cause_of(error)}.", f"Correct it, {_PRIVATE}", line=line)


def cause_of(error: BaseException) -> str:
    """An exception in a line: its type, the first line of what it says, and where, for a SyntaxError."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        said = f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno})"
    return said


class _Exports:
    """Reads what one module exports and collects the problems, so that all are reported."""

    def __init__(self, module: ModuleType, route: Route, defaults: RouteConfig) -> None:
        self.module = module
        self.route = route
        self.defaults = defaults
        self.problems: list[Problem] = []

    def read(self) -> RouteModule:
        """What is exported; only to be used when there are no problems."""
        handlers = dict(self._handlers())
        self._check_lower_case(handlers)
        if not handlers and not self.problems:
            self._problem(
                "exports no handler.",
                f"Write `def handler(req, res): ...` or `def GET(): ...`, {_PRIVATE}",
            )
        doc = inspect.cleandoc(self.module.__doc__ or "")
        middleware, config = self._middleware(), self._config()
        self._check_parsing(handlers, config)
        return RouteModule(self.route, handlers, config, middleware, doc, self._responses())

    def _handlers(self) -> Iterator[tuple[str, Handler]]:
        declared = getattr(self.module, "Route", None)
        functions = {name: self._function(name) for name in METHODS if hasattr(self.module, name)}
        whole = getattr(self.module, "handler", None)
        if isinstance(declared, FileRoute):
            self._check_path(declared)
            functions = dict(declared.handlers)
            for name in functions.keys() - set(METHODS):
                self._problem(
                    f"`Route` has a handler for {name!r}.", "Methods are " + ", ".join(METHODS) + "."
                )
                del functions[name]
            if whole is not None:
                self._problem("has both `Route` and `handler`.", "Keep one of the two.")
        elif whole is not None and functions:
            self._problem(
                f"has both `handler` and {', '.join(functions)}.",
                "Keep `handler`, which gets every method, or the methods.",
            )
        elif whole is not None:
            functions = {RouteModule.ANY: whole}
        for name, function in functions.items():
            handler = self._handler("handler" if name == RouteModule.ANY else name, function)
            if handler is not None:
                yield name, handler

    def _function(self, name: str) -> object:
        return getattr(self.module, name)

    def _handler(self, name: str, function: object) -> Handler | None:
        if not callable(function):
            self._problem(
                f"`{name}` is {type(function).__name__}, which cannot be called.",
                f"Write `def {name}(req, res): ...`.",
            )
            return None
        try:
            binding = bind(function, self.route.pattern.segments)
        except BindingError as error:
            self._problem(f"`{name}`: {error}.", error.remedy, line=_line(function))
            return None
        place = _place(function, self.route)
        doc = inspect.getdoc(function) if isinstance(function, FunctionType) else None
        return Handler(
            binding.call,
            place,
            is_async(function),
            middleware_of(function),
            security_of(function),
            binding,
            doc or "",
        )

    def _check_path(self, declared: FileRoute) -> None:
        own = {str(self.route.pattern), _tanstack_path(self.route)}
        if declared.path.rstrip("/") not in own:
            self._problem(
                f"`Route` says {declared.path!r}, and the file's own path is {_tanstack_path(self.route)!r}.",
                "Correct the path, or move the file.",
            )

    def _check_lower_case(self, handlers: Mapping[str, Handler]) -> None:
        """`def get` answers nothing, which nobody means who writes it."""
        if RouteModule.ANY in handlers:
            return  # then it is a helper of `handler`
        for method in METHODS:
            function = getattr(self.module, method.lower(), None)
            is_own = isinstance(function, FunctionType) and function.__module__ == self.module.__name__
            if is_own and method not in handlers:
                self._problem(
                    f"`{method.lower()}` answers no request.",
                    f"Call it `{method}`, or `_{method.lower()}` if it is a helper.",
                    line=_line(function),
                )

    def _check_parsing(self, handlers: Mapping[str, Handler], config: RouteConfig) -> None:
        for name, handler in handlers.items():
            if handler.binding.takes_content and not config.parse_body:
                self._problem(
                    f"`{name}` takes the body by a type, and config.api.bodyParser is off.",
                    "Let it be parsed, or read `req.stream`.",
                    line=int(handler.place.rpartition(":")[2]),
                )

    def _responses(self) -> Mapping[Any, Any]:
        """What the module declares of its answers: `responses = {404: "No such user", 201: User}`.

        Or for one method: `responses = {"POST": {201: User}}`.
        """
        declared = getattr(self.module, "responses", {})
        if not isinstance(declared, Mapping):
            return {}  # a name of the module's own
        for key, meaning in declared.items():
            if key in METHODS and isinstance(meaning, Mapping):
                for status, each in meaning.items():
                    self._check_response(status, each)
            else:
                self._check_response(key, meaning)
        return declared

    def _check_response(self, status: object, meaning: object) -> None:
        if type(status) is not int or not 100 <= status <= 599:
            remedy = "Write a number such as 404, or a method with a dict of them."
            self._problem(f"`responses` has {status!r}, which is no status code.", remedy)
        elif not isinstance(meaning, str):
            try:
                validator_of(meaning)
            except SchemaError as error:
                self._problem(f"`responses` of {status}: {error}.", "Use a type, or a text.")

    def _config(self) -> RouteConfig:
        try:
            return read_config(getattr(self.module, "config", {}), self.route.file, self.defaults)
        except ProjectError as error:
            self.problems += error.problems
            return self.defaults

    def _middleware(self) -> tuple[Middleware, ...]:
        declared = getattr(self.module, "Route", None)
        if isinstance(declared, FileRoute):
            exported: object = declared.middleware
        else:
            exported = getattr(self.module, "middleware", ())
        try:
            return _middleware(exported)
        except TypeError as error:
            self._problem(f"`middleware` {error}.", "Write a list of functions (req, res, next).")
            return ()

    def _problem(self, message: str, remedy: str, line: int | None = None) -> None:
        self.problems.append(Problem(self.route.file, message, remedy, line=line))


def _middleware(exported: object) -> tuple[Middleware, ...]:
    """A function or a list of functions. Raises TypeError, which says what it is instead."""
    steps = exported if isinstance(exported, (list, tuple)) else [exported]
    for step in steps:
        if not callable(step):
            raise TypeError(f"has {step!r}, which cannot be called")
    return tuple(steps)


def _escaped(name: str) -> str:
    """A name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")


def _line(function: object) -> int | None:
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return None if code is None else code.co_firstlineno


def _place(function: Callable[..., Any], route: Route) -> str:
    line = _line(function)
    return route.file if line is None else f"{route.file}:{line}"


def _tanstack_path(route: Route) -> str:
    """The route's path as TanStack spells it: `/api/posts/$id`, `/api/files/$`."""
    spelled = {Kind.STATIC: "{}", Kind.DYNAMIC: "${}", Kind.CATCH_ALL: "$", Kind.OPTIONAL_CATCH_ALL: "$"}
    return "/" + "/".join(spelled[segment.kind].format(segment.text) for segment in route.pattern.segments)
