"""The middleware that a project puts around its routes: the root's file, the setting, `App(middleware=...)`,
and the files of directories.

In: settings, arguments and the files that a scan found. Out: middleware in the order in which it runs;
problems and warnings are added to those given.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from apiroutes.errors import Problem, Problems, one_line, shown
from apiroutes.handlers import (
    PROJECT_MIDDLEWARE_FILE,
    Depends,
    ModuleLoader,
    import_failure,
    why_not_middleware,
)
from apiroutes.places import Place, caller_in, located
from apiroutes.project.binding import StepBinder
from apiroutes.project.mistakes import Mistakes
from apiroutes.routing import MIDDLEWARE_FILE, DirectoryMiddleware, Route, Segment, guard_problem
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = [
    "LoadedDirectory",
    "ProjectMiddleware",
    "dependencies_around",
    "directory_middleware",
    "middleware_around",
    "middleware_below",
]


# Returns the spelling and place of a setting, from its name and one string in its list.
PlaceOfSetting = Callable[[str, str], "tuple[str, Place]"]


class LoadedDirectory(NamedTuple):
    """A directory's middleware file, with the functions and the dependencies that it exports."""

    source: DirectoryMiddleware
    steps: tuple[Middleware, ...]
    dependencies: tuple[Depends, ...]

    def holds(self, route: Route) -> bool:
        """Return whether the route's file is in this directory, or below."""
        return route.file.startswith(self.source.file.rpartition("/")[0] + "/")


def middleware_around(route: Route, directories: Sequence[LoadedDirectory]) -> tuple[Middleware, ...]:
    """Return the middleware of the directories that contain the route's file, from the outside in."""
    return tuple(step for directory in directories if directory.holds(route) for step in directory.steps)


def dependencies_around(route: Route, directories: Sequence[LoadedDirectory]) -> tuple[Depends, ...]:
    """Return the dependencies of the same directories."""
    return tuple(
        item for directory in directories if directory.holds(route) for item in directory.dependencies
    )


def middleware_below(
    directories: Sequence[LoadedDirectory],
) -> list[tuple[tuple[Segment, ...], tuple[Middleware, ...]]]:
    """Return the middleware that runs even if no route matches, with its path as segments."""
    return [
        (source.path.segments, steps) for source, steps, _ in directories if not source.is_in_group and steps
    ]


def directory_middleware(
    files: Sequence[DirectoryMiddleware], loader: ModuleLoader, binder: StepBinder, mistakes: Mistakes
) -> list[LoadedDirectory]:
    """Load the middleware of directories, from the outside in. A file with mistakes breaks its directory."""
    loaded = []
    for source in sorted(files, key=lambda source: source.file.count("/")):
        with mistakes.in_directory(source.file.rpartition("/")[0]).collecting():
            steps, dependencies = loader.load_directory(source.file)
            loaded.append(LoadedDirectory(source, binder.bind(steps), dependencies))
    return loaded


class ProjectMiddleware:
    """Loads the middleware of the project in `root`; `place_of_setting` finds a name in the setting."""

    def __init__(
        self,
        root: Path,
        loader: ModuleLoader,
        place_of_setting: PlaceOfSetting,
        problems: Problems,
        warnings: Problems,
    ) -> None:
        self._root = root
        self._loader = loader
        self._place_of_setting = place_of_setting
        self._problems = problems
        self._warnings = warnings

    def everywhere(self, settings: Settings, arguments: Sequence[Middleware]) -> tuple[Middleware, ...]:
        """Return the middleware that runs around every route; `arguments` are given to `App`."""
        exported = self._load_file(settings)
        names = list(settings.middleware)
        if exported:  # the setting may name the file's exports, which would run twice
            names = [name for name in names if name != "middleware:middleware"]
        if names and arguments:
            message = "and App(middleware=...) both set middleware; the setting's runs first."
            self._warnings.add("The setting `middleware`", message, "Keep one of the two.")
        return (*exported, *self._import_setting(names), *self._check_arguments(arguments))

    def _load_file(self, settings: Settings) -> tuple[Middleware, ...]:
        """Load `middleware.py` at the root."""
        file = PROJECT_MIDDLEWARE_FILE
        for name in sorted(os.listdir(self._root)):
            if name.lower() in (MIDDLEWARE_FILE, file) and name != file:
                message = f"never runs: the project's middleware is in {file}."
                self._warnings.add(name, message, "Rename it.")
        path = self._root / file
        if not os.path.lexists(path):
            return ()
        problem = guard_problem(str(path), file, file)
        if problem is not None:
            self._problems.append(problem)
            return ()
        # If the setting names functions in this module, the module need not export `middleware` itself.
        is_used = any(name.startswith("middleware:") for name in settings.middleware)
        with self._problems.collecting():
            if self._loader.has_middleware(file, is_used=is_used):
                return self._loader.load_middleware(file)
            if not is_used:
                message = "exports no `middleware`, so it never runs."
                self._warnings.add(file, message, "Rename it if it is another module.")
        return ()

    def _import_setting(self, names: Sequence[str]) -> tuple[Middleware, ...]:
        steps: list[Any] = []
        for name in names:
            module, _, attribute = name.partition(":")
            try:
                imported = importlib.import_module(module)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too, as for a route's file
                self._refuse_import(name, error)
                continue
            step = getattr(imported, attribute, self)
            misfit = why_not_middleware(step)
            if step is self:
                message = f"{name!r} cannot be imported: AttributeError: {module} has no {attribute!r}."
                self._refuse(name, message, _did_you_mean(attribute, imported))
            elif misfit is not None:
                self._refuse(name, f"{name!r} is {misfit.what}.", misfit.remedy(_HOW_TO_NAME))
            steps.append(step)
        return tuple(steps)

    def _refuse_import(self, name: str, error: BaseException) -> None:
        """Report a module that cannot be imported, at the line of the project that fails."""
        module = name.partition(":")[0]
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name
            and f"{module}.".startswith(f"{error.name}.")
        ):
            remedy = f"Create {module.replace('.', '/')}.py, or correct the name. {_HOW_TO_NAME}"
            self._refuse(name, f"{name!r} cannot be imported: {one_line(error)}.", remedy)
            return
        spelled, place = self._place_of_setting("middleware", name)
        problem = import_failure(error, self._root, module).problem
        if problem.line is None:  # not in a file of the project
            self._refuse(name, f"{name!r} cannot be imported: {one_line(error)}.", _HOW_TO_NAME)
        else:
            self._problems.append(replace(problem, importers=(f"{place} ({spelled})",)))

    def _refuse(self, name: str, message: str, remedy: str) -> None:
        spelled, place = self._place_of_setting("middleware", name)
        self._problems.append(located(Problem(place.file, f"{spelled}: {message}", remedy), place))

    def _check_arguments(self, steps: Any) -> tuple[Middleware, ...]:
        """Check and return the steps of `App(middleware=...)`."""
        if isinstance(steps, (str, bytes)) or not isinstance(steps, Iterable):
            name = getattr(steps, "__name__", "...")
            self._refuse_argument(f"{shown(steps)} is not a list.", f"Write App(middleware=[{name}]).")
            return ()
        listed = tuple(steps)
        for step in listed:
            misfit = why_not_middleware(step)
            if misfit is not None:
                what = misfit.what.replace(", which cannot", " cannot")
                self._refuse_argument(f"{what}.", misfit.remedy())
        return listed

    def _refuse_argument(self, message: str, remedy: str) -> None:
        place = caller_in(self._root, "middleware") or Place("App(middleware=...)")
        self._problems.append(located(Problem(place.file, f"`middleware`: {message}", remedy), place))


_HOW_TO_NAME = "Middleware is a function (req, res, next), in settings as 'package.module:function'."


def _did_you_mean(name: str, module: ModuleType) -> str:
    close = difflib.get_close_matches(name, dir(module), 1, 0.7)
    return f"Did you mean '{module.__name__}:{close[0]}'? {_HOW_TO_NAME}" if close else _HOW_TO_NAME
