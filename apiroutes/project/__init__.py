"""A project, built at start from its directory; this room never answers a request.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError with every mistake of
settings, names, conflicts, modules and middleware, all reported together.
"""

from __future__ import annotations

from apiroutes.project.build import Project, build
from apiroutes.project.scanning import prefix_of

__all__ = ["Project", "build", "prefix_of"]
