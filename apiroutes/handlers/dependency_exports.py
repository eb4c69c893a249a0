"""Dependencies as a module exports them for all handlers: `dependencies = [Depends(signed_in)]`.

In: a module of a route, or a directory's middleware file. Out: its dependencies, and its mistakes as data.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any, NamedTuple

from apiroutes.handlers.dependencies import Depends, named, unaliased

__all__ = ["DeclaredDependencies", "dependencies_in"]

_HOW_TO_DECLARE = "Write `dependencies = [Depends(function)]`."


class Mistake(NamedTuple):
    """What is wrong with a declaration."""

    message: str
    remedy: str


class DeclaredDependencies(NamedTuple):
    """The dependencies that run before those of each handler, and what is wrong with their declaration."""

    dependencies: tuple[Depends, ...]
    mistakes: tuple[Mistake, ...] = ()


def dependencies_in(module: ModuleType) -> DeclaredDependencies:
    """Return what the module declares. A function stands for `Depends(function)`."""
    exported: Any = getattr(module, "dependencies", ())
    if isinstance(exported, ModuleType):  # `from project import dependencies`
        return DeclaredDependencies(())
    if not isinstance(exported, (list, tuple)):
        kind = type(exported).__name__
        mistake = Mistake(f"`dependencies` is of type {kind}, not a list.", _HOW_TO_DECLARE)
        return DeclaredDependencies((), (mistake,))
    found: list[Depends] = []
    mistakes: list[Mistake] = []
    for item in map(unaliased, exported):
        mistake_of_item = _why_not(item)
        if mistake_of_item is None:
            found.append(item if isinstance(item, Depends) else Depends(item))
        else:
            mistakes.append(mistake_of_item)
    return DeclaredDependencies(tuple(found), tuple(mistakes))


def _why_not(item: Any) -> Mistake | None:
    kind = type(item)
    if item is Depends or (isinstance(item, Depends) and item.dependency is None):
        return Mistake("`dependencies` has a `Depends()` without a function.", _HOW_TO_DECLARE)
    if isinstance(item, Depends):
        return _why_no_guard(item.dependency)
    if kind.__name__ in ("Depends", "Security") and kind.__module__.startswith("fastapi"):
        function = getattr(item, "dependency", None)
        name = "function" if function is None else named(function)
        remedy = f"Write `Depends({name})`, with `from apiroutes import Depends`."
        return Mistake(f"`dependencies` has FastAPI's `{kind.__name__}`.", remedy)
    if not callable(item):
        return Mistake(f"`dependencies` has a {kind.__name__}, which cannot be called.", _HOW_TO_DECLARE)
    try:
        Depends(item)
    except TypeError as error:
        return Mistake(f"`dependencies` has no function: {error}.", _HOW_TO_DECLARE)
    return _why_no_guard(item)


def _why_no_guard(function: object) -> Mistake | None:
    """Return the mistake of a class whose objects are the guard: a call only makes an object and drops it."""
    if not isinstance(function, type) or not inspect.isfunction(
        getattr(function, "__call__", None)  # noqa: B004  (that of its objects)
    ):
        return None
    name = function.__name__
    message = f"`dependencies` has the class `{name}`, whose objects can be called, but nothing calls them."
    return Mistake(message, f"Write `Depends({name}(...))`, with what its `__init__` takes.")
