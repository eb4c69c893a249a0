"""A project directory to everything that is served; works at start alone and answers no request.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError with every mistake of
settings, names, conflicts, modules and middleware, all reported together.
"""

from __future__ import annotations

from apiroutes.project.build import Project, build
from apiroutes.project.scanning import prefix_of

__all__ = ["Project", "build", "prefix_of"]
