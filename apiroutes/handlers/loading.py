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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from apiroutes.code_origin import PROJECT_PACKAGE, escaped
from apiroutes.errors import Problems, ProjectError
from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.constants import is_meaningless
from apiroutes.handlers.dependencies import Depends
from apiroutes.handlers.dependency_graph import KnownDependencies
from apiroutes.handlers.exports import read_exports
from apiroutes.handlers.import_failures import ImportFailure, import_failure
from apiroutes.handlers.middleware_exports import (
    declared_for_routes,
    is_middleware_file,
    read_directory_file,
    read_middleware_file,
)
from apiroutes.handlers.route_modules import RouteModule
from apiroutes.routing import MIDDLEWARE_FILE, Route, Segment
from apiroutes.types import Middleware

__all__ = ["PROJECT_MIDDLEWARE_FILE", "ModuleLoader", "import_file", "make_importable"]

PROJECT_MIDDLEWARE_FILE = "middleware.py"

_MIDDLEWARE_FILES = (MIDDLEWARE_FILE, PROJECT_MIDDLEWARE_FILE)

_counter = itertools.count(1)


class ModuleLoader:
    """Loads the files of one project, as modules of a package that is this project's alone.

    The package is the project directory. So a relative import reaches every file of it, `[id].py` has a
    name although an import could not spell it, and two projects in one process share nothing.

    `prefixes` are the beginnings that a route's path may have, and that a file that declares its own path
    may leave out. `warnings` are about possible mistakes; `meaningless` has the places of constants that
    mean nothing here, by name.
    """

    def __init__(
        self, root: Path, defaults: RouteConfig, prefixes: Sequence[tuple[Segment, ...]] = ((),)
    ) -> None:
        self.warnings = Problems()
        self.meaningless: dict[str, list[str]] = {}
        self._root = root
        self._defaults = defaults
        self._prefixes = prefixes
        self._package = f"{PROJECT_PACKAGE}{next(_counter)}"
        self._known_dependencies: KnownDependencies = {}
        self._failures: dict[str, ImportFailure] = {}  # by each file in the chain to the mistake
        make_importable(root)

    def load(self, route: Route, around: Sequence[Depends] = ()) -> RouteModule:
        """Import the route's file and check what it exports; `around` are its directories' dependencies.

        Raises ProjectError.
        """
        module = self._import(route.file)
        path = self._root / route.file
        route_module, constants, warnings = read_exports(
            module, route, path, self._defaults, self._prefixes, around, self._known_dependencies
        )
        self.warnings += warnings
        for constant in constants:
            if is_meaningless(constant):
                places = self.meaningless.setdefault(constant.name, [])
                places.append(f"{route.file}:{constant.line}")
        return route_module

    def load_middleware(self, file: str) -> tuple[Middleware, ...]:
        """Import the project's middleware file and check what it exports. Raises ProjectError."""
        module, path = self._import(file), self._root / file
        self.warnings += declared_for_routes(module, file, path)
        return read_middleware_file(module, file, path)

    def load_directory(self, file: str) -> tuple[tuple[Middleware, ...], tuple[Depends, ...]]:
        """Import a directory's file; return its middleware and its dependencies. Raises ProjectError."""
        module, path = self._import(file), self._root / file
        self.warnings += declared_for_routes(module, file, path)
        return read_directory_file(module, file, path)

    def load_by_name(self, file: str) -> ModuleType:
        """Import a file at the root as the module that an absolute import of its name finds, too.

        So it runs once, no matter who imports it. If another project in this process has the name, the
        module is private to this project. Raises ProjectError.
        """
        name = file.removesuffix(".py")
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(self._root / file):
            self._import_packages([])
            sys.modules[f"{self._package}.{name}"] = known
            return known
        return self._import(file, None if known is not None else name)

    def has_middleware(self, file: str, *, is_used: bool) -> bool:
        """Import the file, and return whether it is a middleware file, not another module of that name.

        `is_used`: the project uses something else in the module. Raises ProjectError.
        """
        return is_middleware_file(self._import(file), self._root / file, is_used=is_used)

    # -- importing -------------------------------------------------------------------------

    def _import(self, file: str, other_name: str | None = None) -> ModuleType:
        *directories, name = file.split("/")
        package = self._import_packages(directories)
        full_name = f"{package}.{self._module_name(directories, name)}"
        if full_name in sys.modules:  # another file imported it
            return sys.modules[full_name]
        if file in self._failures:  # for another file, and it would again
            raise ProjectError([self._failures[file].as_reached_from(file)])
        return self._execute(_spec(full_name, self._root / file), file, other_name)

    def _module_name(self, directories: list[str], file: str) -> str:
        """Return the name that an import would give the file, unless a directory has it."""
        stem = file.removesuffix(".py")
        if stem.isidentifier() and not self._root.joinpath(*directories, stem).is_dir():
            return stem
        return escaped(file)

    def _import_packages(self, directories: list[str]) -> str:
        """Import a directory's package and those around it, for relative imports; return its name."""
        name = self._package
        path = self._root
        self._ensure_package(name, path, is_root=True)
        for directory in directories:
            name = f"{name}.{escaped(directory)}"
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
            self._execute(spec, init.relative_to(self._root).as_posix())
            return
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = locations
        sys.modules[name] = importlib.util.module_from_spec(spec)

    def _execute(
        self, spec: importlib.machinery.ModuleSpec, file: str, other_name: str | None = None
    ) -> ModuleType:
        try:
            return _execute(spec, other_name)
        except (KeyboardInterrupt, ProjectError):
            raise
        except BaseException as error:  # SystemExit too: a file must not end the start silently
            raise self._refuse(file, error) from error

    def _refuse(self, file: str, error: BaseException) -> ProjectError:
        """Return the error for a file that failed to import, if necessary with a cause that is known."""
        failure = import_failure(error, self._root, file)
        for index, passed in enumerate(failure.way):
            known = self._failures.get(passed.file)
            if known is not None:
                failure = ImportFailure(known.problem, (*failure.way[:index], *known.way_from(passed.file)))
                break
        if file == failure.problem.file and file.rpartition("/")[2] in _MIDDLEWARE_FILES:
            directory, _, name = file.rpartition("/")
            what = "nothing" if name == PROJECT_MIDDLEWARE_FILE else f"no route below {directory}"
            remedy = f"{failure.problem.remedy} Until then {what} is served: its middleware would be missing."
            failure = ImportFailure(replace(failure.problem, remedy=remedy), failure.way)
        for failed in (file, failure.problem.file, *(passed.file for passed in failure.way)):
            self._failures.setdefault(failed, failure)
        return ProjectError([failure.as_reached_from(file)])


def make_importable(root: Path) -> None:
    """Let the project's files be imported by absolute name."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))


def import_file(root: Path, file: str, name: str) -> ModuleType:
    """Import a file of the project in `root` under a name of its own. Raises ProjectError."""
    try:
        return _execute(_spec(name, root / file))
    except (KeyboardInterrupt, ProjectError):
        raise
    except BaseException as error:  # as for other files
        raise ProjectError([import_failure(error, root, file).as_reached_from(file)]) from error


def _spec(name: str, path: Path) -> importlib.machinery.ModuleSpec:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the path ends in .py
    return spec


def _execute(spec: importlib.machinery.ModuleSpec, other_name: str | None = None) -> ModuleType:
    """Import a module; `other_name` is another one by which it can be imported."""
    names = [name for name in (spec.name, other_name) if name is not None]
    module = importlib.util.module_from_spec(spec)
    sys.modules.update(dict.fromkeys(names, module))
    try:
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException:
        for name in names:
            del sys.modules[name]
        raise
    return module
