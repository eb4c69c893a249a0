"""The middleware that a project puts around its routes: the root's file, the setting, `App(middleware=...)`,
and the files of directories.

In: settings, arguments and the files that a scan found. Out: middleware in the order in which it runs;
problems and warnings are added to those given.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from apiroutes.errors import Problems, one_line
from apiroutes.handlers import PROJECT_MIDDLEWARE_FILE, ModuleLoader, why_not_middleware
from apiroutes.project.mistakes import Mistakes
from apiroutes.routing import MIDDLEWARE_FILE, DirectoryMiddleware, Route, guard_problem
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = ["LoadedDirectory", "ProjectMiddleware", "directory_middleware", "middleware_around"]


class LoadedDirectory(NamedTuple):
    """A directory's middleware file, and the functions that it exports."""

    source: DirectoryMiddleware
    steps: tuple[Middleware, ...]


def middleware_around(route: Route, directories: Sequence[LoadedDirectory]) -> tuple[Middleware, ...]:
    """Return the middleware of the directories that hold the route's file, from the outside in."""
    around: tuple[Middleware, ...] = ()
    for source, steps in directories:
        if route.file.startswith(source.file.rpartition("/")[0] + "/"):
            around += steps
    return around


def directory_middleware(
    files: Sequence[DirectoryMiddleware], loader: ModuleLoader, mistakes: Mistakes
) -> list[LoadedDirectory]:
    """Load the middleware of directories, from the outside in. A file with mistakes breaks its directory."""
    loaded = []
    for source in sorted(files, key=lambda source: source.file.count("/")):
        with mistakes.in_directory(source.file.rpartition("/")[0]).collecting():
            loaded.append(LoadedDirectory(source, loader.load_middleware(source.file)))
    return loaded


class ProjectMiddleware:
    """Loads the middleware of the project in `root`."""

    def __init__(self, root: Path, loader: ModuleLoader, problems: Problems, warnings: Problems) -> None:
        self._root = root
        self._loader = loader
        self._problems = problems
        self._warnings = warnings

    def everywhere(
        self, settings: Settings, arguments: Sequence[Middleware], *, is_from_environ: bool
    ) -> tuple[Middleware, ...]:
        """Return the middleware that runs around every route.

        `arguments` are those of `App`; `is_from_environ` tells whether the setting is a variable.
        """
        exported = self._load_file(settings)
        names = list(settings.middleware)
        if exported:  # the setting may name what the file exports, which would run twice
            names = [name for name in names if name != "middleware:middleware"]
        if names and arguments:
            message = "and App(middleware=...) both give middleware; that of the setting runs first."
            self._warnings.add("The setting `middleware`", message, "Keep one of the two.")
        return (*exported, *self._import_setting(names, is_from_environ), *self._check_arguments(arguments))

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
        # Where the setting takes functions from this module, it may export no `middleware` itself.
        is_used = any(name.startswith("middleware:") for name in settings.middleware)
        with self._problems.collecting():
            if self._loader.has_middleware(file, is_used=is_used):
                return self._loader.load_middleware(file)
            if not is_used:
                message = "exports no `middleware`, so it never runs."
                self._warnings.add(file, message, "Rename it if it is another module.")
        return ()

    def _import_setting(self, names: Sequence[str], is_from_environ: bool) -> tuple[Middleware, ...]:
        place = "environment" if is_from_environ else "pyproject.toml"
        setting = "APIROUTES_MIDDLEWARE" if is_from_environ else "[tool.apiroutes] middleware"
        steps: list[Any] = []
        for name in names:
            module, _, attribute = name.partition(":")
            try:
                step = getattr(importlib.import_module(module), attribute)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too, as for a route's file
                self._refuse(place, f"{setting}: {name!r} cannot be imported: {one_line(error)}.")
                continue
            reason = why_not_middleware(step)
            if reason is not None:
                self._refuse(place, f"{setting}: {name!r} is {reason}.")
            steps.append(step)
        return tuple(steps)

    def _check_arguments(self, steps: Sequence[Any]) -> tuple[Middleware, ...]:
        for step in steps:
            reason = why_not_middleware(step)
            if reason is not None:
                message = f"{reason}." if callable(step) else f"{step!r} cannot be called."
                self._refuse("App(middleware=...)", message)
        return tuple(steps)

    def _refuse(self, place: str, message: str) -> None:
        remedy = "Middleware is a function (req, res, next), in settings as 'package.module:function'."
        self._problems.add(place, message, remedy)
