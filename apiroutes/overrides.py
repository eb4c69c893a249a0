"""Functions that handlers call in place of their dependencies, for tests.

In: the routes of an App, a function, and its replacement. Out: the rebuilt plans of handlers with
dependencies, and the replacements for middleware that is also a dependency; a request pays nothing. Raises
TypeError for a replacement that cannot be called or whose parameters cannot be filled, and ValueError for a
function that nothing depends on.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apiroutes.errors import shown
from apiroutes.handlers import Depends, as_dependency, key_of, named, unaliased, value_maker
from apiroutes.marks import marked_object
from apiroutes.places import place_of
from apiroutes.request import Request
from apiroutes.resources import Resource

__all__ = ["DependencyOverrides", "Override"]


class Override:
    """A replacement that lasts until `undo` is called, or its `with` block ends."""

    def __init__(
        self, overrides: DependencyOverrides, function: Callable[..., Any], replacement: Callable[..., Any]
    ) -> None:
        self.function = function
        self.replacement = replacement
        self._overrides = overrides

    def undo(self) -> None:
        """Restore the earlier function, once."""
        self._overrides.remove(self)

    def __enter__(self) -> Override:
        return self

    def __exit__(self, *exception: object) -> None:
        self.undo()


class DependencyOverrides:
    """The replacements in an App. Of several for one function, the latest applies.

    `kind` is the class of its requests, through which middleware finds the replacements. `forget` is called
    when they change: it discards what handlers have made with earlier ones.
    """

    def __init__(
        self, resources: Sequence[Resource], kind: type[Request], forget: Callable[[], object]
    ) -> None:
        self._handlers = [handler for resource in resources for handler in resource.planned]
        self._steps = [*_steps_with_values(resources)]
        self._requests = kind
        self._forget = forget
        self._active: list[Override] = []
        self._lock = threading.Lock()

    def add(self, function: Callable[..., Any], replacement: Callable[..., Any]) -> Override:
        """Call a replacement instead of a function. Raises TypeError and ValueError."""
        if not callable(replacement):
            kind = type(replacement).__name__
            raise TypeError(
                f"the replacement of {_named(function)} is of type {kind}, which cannot be called: "
                "write a function that returns it, such as `lambda: fake`"
            )
        depends = unaliased(function)
        if isinstance(depends, Depends):
            function_name = "the function" if depends.dependency is None else f"`{named(depends.dependency)}`"
            raise TypeError(f"override was given an annotation or a `Depends`: pass {function_name} itself")
        step, function = function, as_dependency(function)
        if not any(handler.needs(function) for handler in self._handlers) and step not in self._steps:
            raise ValueError(self._why_unknown(function))
        if hasattr(step, "keep_value"):
            replacement = value_maker(step, replacement)
        override = Override(self, function, replacement)
        with self._lock:
            self._change([*self._active, override], function)
        return override

    def remove(self, override: Override) -> None:
        """Undo a replacement, unless that has been done."""
        with self._lock:
            if override in self._active:
                self._change([other for other in self._active if other is not override], override.function)

    def _change(self, active: list[Override], function: Callable[..., Any]) -> None:
        """Rebuild the plans of the handlers that need a function: all of them, or none."""
        replacements = {key_of(override.function): override.replacement for override in active}
        uses = [handler.overridden(replacements) for handler in self._handlers if handler.needs(function)]
        for use in uses:
            use()
        instead = {marked_object(override.function): override.replacement for override in active}
        called = {step: instead[step] for step in self._steps if step in instead}
        self._requests._instead_of_steps = called or None
        self._active = active
        self._forget()

    def _why_unknown(self, function: Callable[..., Any]) -> str:
        known: dict[str, Callable[..., Any]] = {
            named(other): other for handler in self._handlers for other in handler.functions()
        }
        known.update({named(step): step for step in self._steps})
        message = f"nothing in this App depends on {_named(function)}"
        if not known:
            return f"{message}: none of its handlers has dependencies"
        name = getattr(function, "__name__", type(function).__name__)
        if name in known and place_of(known[name]) == place_of(function):
            return f"{message}: its file was imported twice, under another name. Import it as the routes do"
        close = difflib.get_close_matches(name, known, 1, 0.5)
        return f"{message}. {_suggestion(close or sorted(known), known)}"


def _steps_with_values(resources: Sequence[Resource]) -> Iterator[Any]:
    """Yield the middleware that keeps a value for later steps, and is also a dependency."""
    for resource in resources:
        # In development a route with a mistake has no module, and the middleware around it is called.
        handlers = () if resource.module is None else resource.module.handlers.values()
        for step in (*resource.middleware, *(step for handler in handlers for step in handler.middleware)):
            called = getattr(step, "sign_in", None)  # what a requirement calls first
            yield from (part for part in (step, called) if hasattr(part, "keep_value"))


def _named(function: Any) -> str:
    return place_of(function) if callable(function) else shown(function)


def _suggestion(names: Sequence[str], known: dict[str, Callable[..., Any]]) -> str:
    places = " or ".join(place_of(known[name]) for name in names)
    return f"Did you mean {places}?" if len(names) == 1 else f"It could be {places}."
