"""The files of a project, imported as modules: route modules and middleware.

In: routes and the project's directory. Out: `RouteModule`s and the middleware of files. Raises
ProjectError for a file that fails to import, or that exports something wrong. Each file is loaded once,
at start and by its path; no request ever imports.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import itertools
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from apiroutes.errors import Problem, ProjectError, one_line
from apiroutes.handlers.config import RouteConfig, why_ineffective
from apiroutes.handlers.exports import how_to_hide, read_exports
from apiroutes.handlers.middleware_exports import is_middleware_file, read_middleware_file
from apiroutes.handlers.route_modules import RouteModule
from apiroutes.routing import MIDDLEWARE_FILE, Route, Segment
from apiroutes.types import Middleware

__all__ = ["PROJECT_MIDDLEWARE_FILE", "ModuleLoader", "import_file"]

PROJECT_MIDDLEWARE_FILE = "middleware.py"

_counter = itertools.count(1)


class ModuleLoader:
    """Loads the files of one project, as modules of a package that is this project's alone.

    The package is the project directory. So a relative import reaches every file of it, `[id].py` has a
    name although an import could not spell it, and two projects in one process share nothing.

    `prefixes` are what a route's path may begin with, and what a file that declares its own path may
    leave out. `ineffective` has the places of constants that change nothing, by name and reason.
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
        """Import the route's file and check what it exports. Raises ProjectError."""
        module = self._import(route.file)
        path = self._root / route.file
        route_module, constants = read_exports(module, route, path, self._defaults, self._prefixes)
        for constant in constants:
            reason = why_ineffective(constant)
            if reason is not None:
                places = self.ineffective.setdefault((constant.name, reason), [])
                places.append(f"{route.file}:{constant.line}")
        return route_module

    def load_middleware(self, file: str) -> tuple[Middleware, ...]:
        """Import a middleware file and check what it exports. Raises ProjectError."""
        return read_middleware_file(self._import(file), file, self._root / file)

    def has_middleware(self, file: str, *, is_used: bool) -> bool:
        """Import the file, and return whether it is one of middleware, not another module of that name.

        `is_used`: the project uses something else in the module. Raises ProjectError.
        """
        return is_middleware_file(self._import(file), self._root / file, is_used=is_used)

    # -- importing -------------------------------------------------------------------------

    def _import(self, file: str) -> ModuleType:
        *directories, name = file.split("/")
        package = self._import_packages(directories)
        full_name = f"{package}.{self._module_name(directories, name)}"
        if full_name in sys.modules:  # another file imported it
            return sys.modules[full_name]
        return import_file(self._root, file, full_name)

    def _module_name(self, directories: list[str], file: str) -> str:
        """Return the name that an import would give the file, unless a directory has it."""
        stem = file.removesuffix(".py")
        if stem.isidentifier() and not self._root.joinpath(*directories, stem).is_dir():
            return stem
        return _escaped(file)

    def _import_packages(self, directories: list[str]) -> str:
        """Import a directory's package and those around it, for relative imports; return its name."""
        name = self._package
        path = self._root
        self._ensure_package(name, path, is_root=True)
        for directory in directories:
            name = f"{name}.{_escaped(directory)}"
            path = path / directory
            self._ensure_package(name, path)
        return name

    def _ensure_package(self, name: str, path: Path, is_root: bool = False) -> None:
        if name in sys.modules:
            return
        init = path / "__init__.py"
        locations = [str(path)]
        if not is_root and init.is_file():
            spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=locations)
            assert spec is not None
            _execute(spec, self._root, init.relative_to(self._root).as_posix())
            return
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = locations
        sys.modules[name] = importlib.util.module_from_spec(spec)


def import_file(root: Path, file: str, name: str) -> ModuleType:
    """Import a file of the project under a name of its own. Raises ProjectError."""
    spec = importlib.util.spec_from_file_location(name, root / file)
    assert spec is not None  # the name ends in .py
    return _execute(spec, root, file)


def _execute(spec: importlib.machinery.ModuleSpec, root: Path, file: str) -> ModuleType:
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException as error:  # SystemExit too: a file must not end the start silently
        del sys.modules[spec.name]
        if isinstance(error, (KeyboardInterrupt, ProjectError)):
            raise
        raise ProjectError([_import_problem(root, file, error)]) from error
    return module


def _import_problem(root: Path, file: str, error: BaseException) -> Problem:
    path = str(root / file)
    line = None
    if isinstance(error, SyntaxError) and error.filename == path:
        line = error.lineno
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == path:
            line = frame.lineno
    return Problem(file, f"failed to import: {one_line(error)}.", _how_to_mend(file), line=line)


def _how_to_mend(file: str) -> str:
    """Return the remedy for a file that fails to import."""
    name = file.rpartition("/")[2]
    if name == MIDDLEWARE_FILE or file == PROJECT_MIDDLEWARE_FILE:
        return "Correct it: nothing is served without its middleware."
    return "Correct it." if name == "__init__.py" else f"Correct it, or {how_to_hide(file)}."


def _escaped(name: str) -> str:
    """Return the name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")
