"""A project, built at start from its directory; this room never answers a request.

In: the directory, the environment, arguments. Out: a `Project`. Raises ProjectError, which reports all
mistakes together: wrong settings, names, modules and middleware, and conflicts.
"""

from __future__ import annotations

from apiroutes.project.build import Project, build
from apiroutes.project.scanning import prefix_of

__all__ = ["Project", "build", "prefix_of"]
