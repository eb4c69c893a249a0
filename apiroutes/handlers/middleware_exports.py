"""Middleware as a module exports it: a function, or a list of functions.

In: a module, or what it exports. Out: middleware. Raises ProjectError for a middleware file with
mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from apiroutes.errors import Problem, Problems
from apiroutes.handlers.config_items import snake_case
from apiroutes.handlers.constants import constants_in, is_meaningless, remedy_of
from apiroutes.handlers.dependencies import Depends
from apiroutes.handlers.dependency_exports import dependencies_in
from apiroutes.handlers.middleware_shapes import why_not_middleware
from apiroutes.handlers.misnamed import (
    misnamed_dependencies,
    misnamed_middleware,
    misplaced_rate_limit,
    unlisted_middleware,
)
from apiroutes.handlers.sources import OwnNames, line_in
from apiroutes.routing import MIDDLEWARE_FILE
from apiroutes.types import Middleware

__all__ = [
    "declared_for_routes",
    "is_middleware_file",
    "read_directory_file",
    "read_middleware_file",
    "steps_of",
    "wrong_steps",
]

# The keys of the `config` of a route.
_OF_ROUTES = ("api", "cache", "maxDuration", "rateLimit")
_HOW_TO_LIST = "Write a list of functions (req, res, next)."


class WrongStep(NamedTuple):
    """A step that is not middleware, and its line if it is defined in the file itself."""

    message: str
    remedy: str
    line: int | None


def steps_of(exported: object) -> tuple[Middleware, ...]:
    """Return the steps of a function or a list of functions; `wrong_steps` checks them."""
    steps: tuple[Any, ...] = tuple(exported) if isinstance(exported, (list, tuple)) else (exported,)
    return steps


def wrong_steps(
    steps: Iterable[object], place: str, path: Path, how_to_write: str = _HOW_TO_LIST
) -> Iterator[WrongStep]:
    """Yield each step that is not middleware. `path` is the file's; `place` names the steps in messages."""
    for step in steps:
        misfit = why_not_middleware(step)
        if misfit is not None:
            yield WrongStep(f"{place} has {misfit.what}.", misfit.remedy(how_to_write), line_in(step, path))


def _empty_list(own: OwnNames) -> WrongStep | None:
    """Return the problem of a literal `middleware = []` in a middleware file: a guard was forgotten.

    A list that is empty in some cases only is the file's own business.
    """
    if not own.is_empty_literal("middleware"):
        return None
    remedy = "Put functions (req, res, next) into the list, or remove the file."
    return WrongStep("`middleware` is empty, so nothing runs.", remedy, own.line_of("middleware"))


def read_directory_file(
    module: ModuleType, file: str, path: Path
) -> tuple[tuple[Middleware, ...], tuple[Depends, ...]]:
    """Return the middleware and the dependencies of a directory; one of the two is enough.

    `path` is where the module's `file` is. Raises ProjectError.
    """
    problems, own = Problems(), OwnNames(path)
    line = own.line_of("dependencies")
    found, misnamed = dependencies_in(module), misnamed_dependencies(module, own.line_of)
    if misnamed is not None:
        problems.add(file, misnamed.message, misnamed.remedy, line=misnamed.line)
    for mistake in found.mistakes:
        problems.add(file, mistake.message, mistake.remedy, line=line)
    steps: tuple[Middleware, ...] = ()
    if hasattr(module, "middleware") or not (found.dependencies or found.mistakes or misnamed):
        with problems.collecting():
            steps = read_middleware_file(module, file, path, may_have_dependencies=True)
    problems.raise_any()
    return steps, found.dependencies


def read_middleware_file(
    module: ModuleType, file: str, path: Path, may_have_dependencies: bool = False
) -> tuple[Middleware, ...]:
    """Return the middleware that the module exports; `path` is where its `file` is. Raises ProjectError."""
    problems, own = Problems(), OwnNames(path)
    if not may_have_dependencies and "dependencies" in own and dependencies_in(module).dependencies:
        remedy = f"Put it into a {MIDDLEWARE_FILE} beside the routes, such as pages/api/{MIDDLEWARE_FILE}."
        message = "`dependencies` means nothing here."
        problems.add(file, message, remedy, line=own.line_of("dependencies"))
    if _has_matcher(module) and "config" in own:
        remedy = f"Put a {MIDDLEWARE_FILE} into the directory whose paths it is for."
        message = "`config` has a matcher, which means nothing here."
        problems.add(file, message, remedy, line=own.line_of("config"))
    remedy = "Write `def middleware(req, res, next): ...`, or a list of such functions."
    steps: tuple[Middleware, ...] = ()
    if hasattr(module, "middleware"):
        steps = steps_of(module.middleware)
        wrong = [*wrong_steps(steps, "`middleware`", path, remedy)]
        if not steps and (empty := _empty_list(own)) is not None:
            wrong.append(empty)
        for step in wrong:
            problems.add(file, step.message, step.remedy, line=step.line or own.line_of("middleware"))
    else:
        misnamed = misnamed_middleware(module, own.line_of) or unlisted_middleware(module)
        if misnamed is None:
            problems.add(file, "exports no `middleware`.", remedy)
        else:
            problems.add(file, misnamed.message, misnamed.remedy, line=misnamed.line)
    problems.raise_any()
    return steps


def declared_for_routes(module: ModuleType, file: str, path: Path) -> Iterator[Problem]:
    """Yield a warning about each declaration of a route, which Next.js reads in layouts too."""
    own = OwnNames(path)
    found = [
        (constant.spelling, constant.line)
        for constant in constants_in(vars(module), own.line_of_value)
        if not is_meaningless(constant) and remedy_of(constant) is None
    ]
    rates = misplaced_rate_limit(module, own)
    if rates is not None:
        remedy = "Write `rate_limit(...)` into `middleware`, or a `config` into the file of a route."
        yield Problem(file, f"{rates.message.partition(',')[0]}.", remedy, rates.line)
    config = getattr(module, "config", None)
    if isinstance(config, Mapping) and own.line_of_value("config") is not None:
        spellings = [spelling for key in _OF_ROUTES for spelling in dict.fromkeys((key, snake_case(key)))]
        found += [
            (f"config.{key}", own.line_of_key("config", [key]) or 0) for key in spellings if key in config
        ]
    for name, line in found:
        remedy = "Write it into the file of each route that it is for."
        yield Problem(file, f"`{name}` means nothing here.", remedy, line)


def is_middleware_file(module: ModuleType, path: Path, *, is_used: bool) -> bool:
    """Return whether the module is a middleware file, or seems to be meant as one.

    It is not, for example with Django's middleware, if it defines functions or classes but nothing that
    could be meant as middleware; or if something else in it `is_used`.
    """
    if hasattr(module, "middleware") or is_used:
        return hasattr(module, "middleware")
    own = OwnNames(path)
    values = [getattr(module, name, None) for name in own if not name.startswith("_")]
    if not any(callable(value) for value in values) or _has_matcher(module):
        return True
    return misnamed_middleware(module, own.line_of) is not None or any(
        isinstance(value, FunctionType) and why_not_middleware(value) is None for value in values
    )


def _has_matcher(module: ModuleType) -> bool:
    """Return whether the module says which paths it is for, as Next.js's `middleware.ts` does."""
    config = getattr(module, "config", None)
    return isinstance(config, Mapping) and "matcher" in config
