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
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from apiroutes.errors import Problem, ProjectError, suggest
from apiroutes.handlers.calls import Call
from apiroutes.handlers.config import RouteConfig, read_config, read_settings_in, settings_in, without_effect
from apiroutes.handlers.declarations import (
    FileRoute,
    SecurityScheme,
    fault_of,
    is_async,
    middleware_of,
    security_of,
)
from apiroutes.handlers.misnamed import misnamed_handler, misnamed_method, misnamed_middleware, misnamed_route
from apiroutes.handlers.parameters import ParameterError, Signature, read_signature
from apiroutes.handlers.sources import OwnName, own_names
from apiroutes.routing import MIDDLEWARE_FILE, Kind, Route, RoutePattern, Segment, convention_of
from apiroutes.schemas import SchemaError, schema_of
from apiroutes.types import Middleware

__all__ = [
    "METHODS",
    "PROJECT_MIDDLEWARE_FILE",
    "Handler",
    "RouteModule",
    "ModuleLoader",
    "one_line",
]

# What a module may export a function for (RFC 9110 section 9.3, RFC 5789).
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

PROJECT_MIDDLEWARE_FILE = "middleware.py"

_counter = itertools.count(1)


@dataclass(frozen=True)
class Handler:
    """A user's function: `call` takes request and response, `place` is its file and line."""

    call: Call
    place: str
    is_async: bool
    middleware: tuple[Middleware, ...]
    security: tuple[SecurityScheme, ...]
    signature: Signature  # what it takes by its type
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


class ModuleLoader:
    """Loads the files of one project, as modules of a package that is this project's alone.

    The package is the project directory, so that a relative import reaches every file of it,
    `[id].py` gets a name that an import could not spell, and two projects in one process
    share nothing.

    `prefixes` are what a route's path may begin with, and what may be left out of it where a file
    says its own. `ineffective` has what modules set and what changes nothing, with where.
    """

    def __init__(
        self, root: Path, defaults: RouteConfig, prefixes: Sequence[tuple[Segment, ...]] = ((),)
    ) -> None:
        self.ineffective: dict[tuple[str, str], list[str]] = {}
        self._root = root
        self._defaults = defaults
        self._prefixes = prefixes
        self._package = f"_apiroutes_project_{next(_counter)}"
        if str(root) not in sys.path:
            sys.path.insert(0, str(root))

    def load(self, route: Route) -> RouteModule:
        """Import the route's file and check what it exports."""
        module = self._import(route.file)
        exports = _ExportReader(module, route, self._defaults, self._root / route.file, self._prefixes)
        found = exports.read()
        if exports.problems:
            raise ProjectError(exports.problems)
        for setting in exports.settings:
            effect = without_effect(setting)
            if effect is not None:
                places = self.ineffective.setdefault((setting.name, effect), [])
                places.append(f"{route.file}:{setting.line}")
        return found

    def load_middleware(self, file: str) -> tuple[Middleware, ...]:
        """Import a file of middleware; it exports `middleware`, a function or a list of them."""
        module = self._import(file)
        problems: list[Problem] = []
        own = own_names(self._root / file)
        if _has_matcher(module) and "config" in own:
            remedy = f"Put a {MIDDLEWARE_FILE} into the directory whose paths it is for."
            message = "`config` has a matcher, which means nothing here."
            problems.append(Problem(file, message, remedy, line=own["config"].line))
        remedy = "Write `def middleware(req, res, next): ...`, or a list of such functions."
        steps: tuple[Middleware, ...] = ()
        if hasattr(module, "middleware"):
            line = own["middleware"].line if "middleware" in own else None
            steps, found = _steps(module.middleware, "`middleware`", file, self._root, remedy)
            problems += [replace(each, line=each.line or line) for each in found]
        else:
            misnamed = misnamed_middleware(module, lambda name: own[name].line if name in own else None)
            if misnamed is None:
                problems.append(Problem(file, "exports no `middleware`.", remedy))
            else:
                problems.append(Problem(file, misnamed.message, misnamed.remedy, line=misnamed.line))
        if problems:
            raise ProjectError(problems)
        return steps

    def has_middleware(self, file: str, *, is_used: bool) -> bool:
        """Import the file, and say whether it is one of middleware, as it should be.

        It is another module, of Django's middleware say, where it defines functions or classes and
        nothing that could be meant; or where something else of it `is_used`.
        """
        module = self._import(file)
        own = own_names(self._root / file)
        values = [getattr(module, name, None) for name in own if not name.startswith("_")]
        if hasattr(module, "middleware") or is_used:
            return hasattr(module, "middleware")
        if not any(callable(value) for value in values) or _has_matcher(module):
            return True
        misnamed = misnamed_middleware(module, lambda name: own[name].line if name in own else None)
        return misnamed is not None or any(
            isinstance(value, FunctionType) and fault_of(value) is None for value in values
        )

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
        return Problem(file, f"failed to import: {one_line(error)}.", _how_to_mend(file), line=line)


def _how_to_mend(file: str) -> str:
    """What to do about a file that does not import."""
    name = file.rpartition("/")[2]
    if name == MIDDLEWARE_FILE or file == PROJECT_MIDDLEWARE_FILE:
        return "Correct it: nothing is served without the middleware that is in it."
    return "Correct it." if name == "__init__.py" else f"Correct it, or {_how_to_hide(file)}."


def _how_to_hide(file: str) -> str:
    convention = convention_of(file)
    return "move the file" if convention is None else convention.how_to_hide


def one_line(error: BaseException) -> str:
    """An exception in a line: its type, the first line of what it says, and where, for a SyntaxError."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        said = f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno})"
    return said


class _ExportReader:
    """Reads what one module exports and collects the problems, so that all are reported."""

    def __init__(
        self,
        module: ModuleType,
        route: Route,
        defaults: RouteConfig,
        path: Path,
        prefixes: Sequence[tuple[Segment, ...]],
    ) -> None:
        self.module = module
        self.route = route
        self.defaults = defaults
        self.path = path
        self.prefixes = prefixes
        self.problems: list[Problem] = []
        self.settings = settings_in(vars(module), self._line_of_value)
        self.declared: object = getattr(module, "Route", None)

    def read(self) -> RouteModule:
        """What is exported; only to be used when there are no problems."""
        handlers = dict(self._handlers())
        self._check_names(handlers)
        if not handlers and not self.problems:
            self._report_none()
        doc = inspect.cleandoc(self.module.__doc__ or "")
        middleware, config = self._middleware(handlers), self._config()
        self._check_parsing(handlers, config)
        return RouteModule(self.route, handlers, config, middleware, doc, self._responses())

    @cached_property
    def _own(self) -> Mapping[str, OwnName]:
        return own_names(self.path)

    def _line_of_value(self, name: str) -> int | None:
        """Where the module itself assigns the name; None where it does not."""
        own = self._own.get(name)
        return own.line if own is not None and own.is_value else None

    def _line_of(self, name: str) -> int | None:
        return self._own[name].line if name in self._own else None

    # -- handlers --------------------------------------------------------------------------

    def _handlers(self) -> Iterator[tuple[str, Handler]]:
        functions: dict[str, object] = {
            name: getattr(self.module, name) for name in METHODS if hasattr(self.module, name)
        }
        whole = getattr(self.module, "handler", None)
        if isinstance(self.declared, FileRoute):
            yield from self._declared_handlers(self.declared, functions)
            if whole is not None:
                self._problem("has both `Route` and `handler`.", "Keep one of the two.")
            return
        if whole is not None and functions:
            self._problem(
                f"has both `handler` and {', '.join(functions)}.",
                "Keep `handler`, which gets every method, or the methods.",
            )
            functions = {}
        elif whole is not None:
            functions = {RouteModule.ANY: whole}
        for name, function in functions.items():
            handler = self._handler("handler" if name == RouteModule.ANY else name, function)
            if handler is not None:
                yield name, handler

    def _declared_handlers(
        self, declared: FileRoute, exported: Mapping[str, object]
    ) -> Iterator[tuple[str, Handler]]:
        """The handlers of a `file_route`."""
        self._check_path(declared)
        functions: list[object] = []
        for method, each in self._handlers_of(declared).items():
            if method not in METHODS:
                self._problem_of_route(
                    f"`Route` has a handler for {method!r}.", "Methods are " + ", ".join(METHODS) + "."
                )
                continue
            place = f"`Route`'s {method}"
            function: object = each
            middleware: tuple[Middleware, ...] = ()
            if isinstance(each, Mapping):
                function, middleware = self._in_dict(each, place)
                if "handler" not in each:
                    continue
            functions.append(function)
            if not callable(function):
                self._problem_of_route(
                    f"{place} is {type(function).__name__}, which cannot be called.",
                    'Give a function, or {"middleware": [...], "handler": function}.',
                )
                continue
            handler = self._handler(method, function)
            if handler is not None:
                yield method, replace(handler, middleware=(*middleware, *handler.middleware))
        for name, function in exported.items():
            if function not in functions and name in self._own:
                self._problem(
                    f"has both `Route` and `{name}`, which answers no request.",
                    "Put it into the handlers of `Route`, or call it by another name.",
                    line=self._line_of(name),
                )

    def _handlers_of(self, declared: FileRoute) -> Mapping[Any, object]:
        """What `handlers` of a file_route has, by method; of what it returns, where it is a function."""
        handlers = declared.handlers
        if isinstance(handlers, FunctionType):
            parameters = inspect.signature(handlers).parameters
            if [*parameters] != ["create_handlers"]:
                message = f"`Route` has handlers by a function that takes ({', '.join(parameters)})."
                self._problem(message, _HANDLERS, line=_line(handlers))
                return {}
            try:
                if parameters["create_handlers"].kind is inspect.Parameter.KEYWORD_ONLY:
                    made = handlers(create_handlers=_create_handlers)
                else:
                    made = handlers(_create_handlers)
            except Exception as error:
                message = f"what makes the handlers of `Route` failed: {one_line(error)}."
                self._problem(message, "Correct it.", line=_line(handlers))
                return {}
            if inspect.iscoroutine(made):
                made.close()  # which nobody will await
            handlers = made
        if isinstance(handlers, Mapping):
            return handlers
        self._problem_of_route(f"`Route` has {type(handlers).__name__} for its handlers.", _HANDLERS)
        return {}

    def _in_dict(self, declared: Mapping[Any, object], place: str) -> tuple[object, tuple[Middleware, ...]]:
        """The function and the middleware of `{"middleware": [...], "handler": function}`."""
        unknown = [key for key in declared if key not in ("middleware", "handler")]
        for key in unknown:
            self._problem_of_route(
                f"{place} has the unknown key {key!r}.", suggest(str(key), ("middleware", "handler"))
            )
        if "handler" not in declared and not unknown:
            self._problem_of_route(f"{place} has no 'handler'.", 'Give it one: {"handler": function}.')
        steps = self._read_steps(declared.get("middleware", ()), f"the middleware of {place}")
        return declared.get("handler"), steps

    def _handler(self, name: str, function: object) -> Handler | None:
        if not callable(function):
            self._problem(
                f"`{name}` is {type(function).__name__}, which cannot be called.",
                f"Write `def {name}(req, res): ...`.",
            )
            return None
        try:
            signature = read_signature(function, self.route.pattern.segments)
        except ParameterError as error:
            self._problem(f"`{name}`: {error}.", error.remedy, line=_line(function))
            return None
        place = _place(function, self.route)
        doc = inspect.getdoc(function) if isinstance(function, FunctionType) else None
        return Handler(
            signature.call,
            place,
            is_async(function),
            middleware_of(function),
            security_of(function),
            signature,
            doc or "",
        )

    def _check_path(self, declared: FileRoute) -> None:
        own = _tanstack_path(self.route.pattern.segments)
        if not isinstance(declared.path, str) or declared.path not in self._own_paths():
            self._problem_of_route(
                f"`Route` says {declared.path!r}, and the file's own path is {own!r}.",
                "Correct the path, or move the file.",
            )

    def _own_paths(self) -> Iterator[str]:
        """How the file's path may be written: in both spellings, without a prefix, with a slash."""
        segments = self.route.pattern.segments
        for prefix in self.prefixes:
            if segments[: len(prefix)] == prefix:
                rest = segments[len(prefix) :]
                for path in (str(RoutePattern(rest)), _tanstack_path(rest)):
                    yield from (path, path.rstrip("/") + "/")

    def _check_names(self, handlers: Mapping[str, Handler]) -> None:
        """Names that are almost right, and so answer nothing."""
        if hasattr(self.module, "handler"):
            return  # then they are its helpers
        if isinstance(self.declared, FileRoute) and self.problems:
            return  # then they may be what is wrongly declared
        for found in misnamed_method(self.module, METHODS, handlers):
            self._problem(found.message, found.remedy, line=found.line)
        if not isinstance(self.declared, FileRoute):
            misnamed = misnamed_route(self.module, self._line_of)
            if misnamed is not None:
                self._problem(misnamed.message, misnamed.remedy, line=misnamed.line)

    def _report_none(self) -> None:
        how_to_hide = _how_to_hide(self.route.file)
        misnamed = misnamed_handler(self.module, METHODS, self._line_of, how_to_hide)
        if misnamed is not None:
            self._problem(misnamed.message, misnamed.remedy, line=misnamed.line)
            return
        remedy = f"Write `def handler(req, res): ...` or `def GET(): ...`, or {how_to_hide}."
        self._problem("exports no handler.", remedy)

    def _check_parsing(self, handlers: Mapping[str, Handler], config: RouteConfig) -> None:
        for name, handler in handlers.items():
            if handler.signature.takes_content and not config.parse_body:
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
                schema_of(meaning)
            except SchemaError as error:
                self._problem(f"`responses` of {status}: {error}.", "Use a type, or a text.")

    def _config(self) -> RouteConfig:
        config = self.defaults
        try:
            config = read_config(getattr(self.module, "config", {}), self.route.file, config)
        except ProjectError as error:
            self.problems += error.problems
        try:
            config = read_settings_in(self.settings, self.route.file, config)
        except ProjectError as error:
            self.problems += error.problems
        return config

    def _middleware(self, handlers: Mapping[str, Handler]) -> tuple[Middleware, ...]:
        if isinstance(self.declared, FileRoute):
            exported: object = self.declared.middleware
        elif hasattr(self.module, "middleware"):
            exported = self.module.middleware
        else:
            used = [step for handler in handlers.values() for step in handler.middleware]
            misnamed = misnamed_middleware(self.module, self._line_of, used)
            if misnamed is not None:
                self._problem(misnamed.message, misnamed.remedy, line=misnamed.line)
            return ()
        return self._read_steps(exported, "`middleware`")

    def _read_steps(self, exported: object, place: str) -> tuple[Middleware, ...]:
        root = self.path.parents[self.route.file.count("/")]
        steps, problems = _steps(exported, place, self.route.file, root, _LIST)
        if problems:
            line = self._line_of("Route" if isinstance(self.declared, FileRoute) else "middleware")
            self.problems += [replace(each, line=each.line or line) for each in problems]
        return steps

    def _problem_of_route(self, message: str, remedy: str) -> None:
        self._problem(message, remedy, line=self._line_of("Route"))

    def _problem(self, message: str, remedy: str, line: int | None = None) -> None:
        self.problems.append(Problem(self.route.file, message, remedy, line=line))


def _has_matcher(module: ModuleType) -> bool:
    """Whether the module says, as Next.js's `middleware.ts` does, which paths it is for."""
    config = getattr(module, "config", None)
    return isinstance(config, Mapping) and "matcher" in config


_LIST = "Write a list of functions (req, res, next)."
_HANDLERS = (
    "Give a dict of methods and functions, or a function of `create_handlers` that returns "
    "`create_handlers({...})`."
)


def _create_handlers(handlers: object) -> object:
    """TanStack's `createHandlers`: it says what a dict of handlers is for, and returns it."""
    return handlers


def _steps(
    exported: object, place: str, file: str, root: Path, remedy: str
) -> tuple[tuple[Middleware, ...], list[Problem]]:
    """A function or a list of functions, and what is wrong with them; `place` is their name in `file`."""
    steps = exported if isinstance(exported, (list, tuple)) else [exported]
    problems = []
    for step in steps:
        mismatch = fault_of(step)
        if mismatch is not None:
            line = _line_in(step, root / file)
            problems.append(Problem(file, f"{place} has {mismatch}.", remedy, line=line))
    return tuple(steps), problems


def _line_in(function: object, path: Path) -> int | None:
    """Where the function begins, if it is in that file."""
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == str(path) else None


def _escaped(name: str) -> str:
    """A name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")


def _line(function: object) -> int | None:
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return None if code is None else code.co_firstlineno


def _place(function: Callable[..., Any], route: Route) -> str:
    line = _line(function)
    return route.file if line is None else f"{route.file}:{line}"


def _tanstack_path(segments: tuple[Segment, ...]) -> str:
    """A path as TanStack spells it: `/api/posts/$id`, `/api/files/$`."""
    spelled = {Kind.STATIC: "{}", Kind.DYNAMIC: "${}", Kind.CATCH_ALL: "$", Kind.OPTIONAL_CATCH_ALL: "$"}
    return "/" + "/".join(spelled[segment.kind].format(segment.text) for segment in segments)
