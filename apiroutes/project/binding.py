"""Binds steps to their project: middleware that keeps something in it, or depends on its settings.

In: middleware of a project, its directory and settings. Out: the middleware that runs in its place.

A step asks for this with a method `bind_to_project(root: Path, settings: Settings)`, which returns the step
that runs. Several Apps of a process may use one object: each App binds it once, wherever its project uses it.
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
        # By id, with the step itself, so that no other object gets that id.
        self._bound: dict[int, tuple[Middleware, Middleware]] = {}

    def bind(self, steps: Sequence[Middleware]) -> tuple[Middleware, ...]:
        """Return the steps that run instead of these."""
        return tuple(map(self._bind_step, steps))

    def bind_module(self, module: RouteModule) -> RouteModule:
        """Return a module whose own middleware and whose handlers' middleware are bound."""
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
