"""The files of a new project, and how they get onto the disk; this room talks to no user.

In: a name, a convention, and where apiroutes was installed from. Out: a directory with all files, or
unchanged. The files are in `templates/`: `minimal` has all of a small project, and `full` what a larger one
has in addition, or instead.
"""

from __future__ import annotations

from apiroutes.scaffold.ignoring import missing_patterns
from apiroutes.scaffold.names import suggested_name, why_no_name
from apiroutes.scaffold.origins import origin
from apiroutes.scaffold.rendering import rendered
from apiroutes.scaffold.writing import is_project, obstacles, write_project

__all__ = [
    "is_project",
    "missing_patterns",
    "obstacles",
    "origin",
    "rendered",
    "suggested_name",
    "why_no_name",
    "write_project",
]
