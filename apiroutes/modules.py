"""A route's file to a route module: what it exports, checked.

In: routes and the project's directory. Out: `RouteModule`s. Raises ProjectError for a file
that fails to import, exports no handler, or has a `config` with mistakes. Files are loaded
once, at start, by path; no request ever imports.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import inspect
import itertools
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from apiroutes.config import RouteConfig, read_config
from apiroutes.errors import Problem, ProjectError
from apiroutes.routing import Route

__all__ = ["Handler", "RouteModule", "RouteModules"]

Handler = Callable[..., Any]

_counter = itertools.count(1)


@dataclass(frozen=True)
class RouteModule:
    """What a route's file exports. `place` is the handler's file and line, for messages."""

    route: Route
    handler: Handler
    config: RouteConfig
    place: str


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
        module = self._import(route)
        handler = getattr(module, "handler", None)
        if handler is None or not callable(handler):
            raise ProjectError([self._no_handler(route, module, handler)])
        config = read_config(getattr(module, "config", {}), route.file, self._defaults)
        return RouteModule(route, handler, config, _place(handler, route))

    def _import(self, route: Route) -> ModuleType:
        *directories, file = route.file.split("/")
        package = self._packages(tuple(directories), route)
        name = f"{package}.{self._module_name(directories, file)}"
        if name in sys.modules:  # a route beside it imported it
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, self._root / route.file)
        assert spec is not None  # the name ends in .py
        return self._execute(spec, route)

    def _module_name(self, directories: list[str], file: str) -> str:
        """The name that an import would give the file, unless that one is a directory's."""
        stem = file.removesuffix(".py")
        if stem.isidentifier() and not self._root.joinpath(*directories, stem).is_dir():
            return stem
        return _escaped(file)

    def _packages(self, directories: tuple[str, ...], route: Route) -> str:
        """The package of a directory and those around it, so that relative imports find them."""
        name = self._package
        path = self._root
        self._ensure_package(name, path, route, root=True)
        for directory in directories:
            name = f"{name}.{_escaped(directory)}"
            path = path / directory
            self._ensure_package(name, path, route)
        return name

    def _ensure_package(self, name: str, path: Path, route: Route, root: bool = False) -> None:
        if name in sys.modules:
            return
        init = path / "__init__.py"
        locations = [str(path)]
        if not root and init.is_file():
            spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=locations)
            assert spec is not None
            self._execute(spec, route)
            return
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = locations
        sys.modules[name] = importlib.util.module_from_spec(spec)

    def _execute(self, spec: importlib.machinery.ModuleSpec, route: Route) -> ModuleType:
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            assert spec.loader is not None
            spec.loader.exec_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: a file must not end the start silently
            del sys.modules[spec.name]
            raise ProjectError([self._failed(route, error)]) from error
        return module

    def _failed(self, route: Route, error: BaseException) -> Problem:
        line = None
        if isinstance(error, SyntaxError) and error.filename == str(self._root / route.file):
            line = error.lineno
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == str(self._root / route.file):
                line = frame.lineno
        cause = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
        return Problem(
            route.file,
            f"failed to import: {cause}",
            "Correct it, or begin the file's name with '_' if it is no route.",
            line=line,
        )

    def _no_handler(self, route: Route, module: ModuleType, handler: object) -> Problem:
        if handler is not None:
            message = f"`handler` is {type(handler).__name__}, which cannot be called."
        else:
            message = "exports no `handler`."
        return Problem(
            route.file,
            message,
            "Write `def handler(req, res): ...`, or begin the file's name with '_' if it is no route.",
        )


def _escaped(name: str) -> str:
    """A name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")


def _place(handler: Handler, route: Route) -> str:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return f"{route.file}:{code.co_firstlineno}" if code is not None else route.file
