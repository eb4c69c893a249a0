"""Lets steps know their project: middleware that keeps something there, or goes by its settings.

In: middleware of a project, its directory and settings. Out: the middleware that runs in its place.

A step asks for it by a method `bind_to_project(root: Path, settings: Settings)`, which returns the step that
runs. One object may be used by several Apps of a process: each binds it once, wherever its project uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apiroutes.handlers import RouteModule
from apiroutes.settings import Settings
from apiroutes.structs import replace
from apiroutes.types import Middleware

__all__ = ["StepBinder"]


class StepBinder:
    """Binds the steps of the project in the directory `root`."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root = root
        self._settings = settings
        # With the step, whose id stays its own.
        self._bound: dict[int, tuple[Middleware, Middleware]] = {}

    def bind(self, steps: Sequence[Middleware]) -> tuple[Middleware, ...]:
        """Return the steps that run in place of these."""
        return tuple(map(self._bind_step, steps))

    def bind_module(self, module: RouteModule) -> RouteModule:
        """Return a module whose own middleware, and that of its handlers, is bound."""
        handlers = {
            method: replace(handler, middleware=self.bind(handler.middleware))
            for method, handler in module.handlers.items()
        }
        return replace(module, middleware=self.bind(module.middleware), handlers=handlers)

    def _bind_step(self, step: Middleware) -> Middleware:
        bind: Any = getattr(step, "bind_to_project", None)
        if bind is None:
            return step
        if id(step) not in self._bound:
            self._bound[id(step)] = step, bind(self._root, self._settings)
        return self._bound[id(step)][1]
