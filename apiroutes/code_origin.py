"""Whose code a file or a module is: this package's, or a project's.

In: names of files. Out: whether they are of this package; and the name under which projects are loaded.
"""

from __future__ import annotations

import os

__all__ = ["DIRECTORY", "PROJECT_PACKAGE", "is_ours"]

DIRECTORY = os.path.dirname(os.path.abspath(__file__)) + os.sep

# The package of a project's modules, before its number. No project knows of it.
PROJECT_PACKAGE = "_apiroutes_project_"


def is_ours(filename: str) -> bool:
    """Return whether a file is one of this package."""
    return filename.startswith(DIRECTORY)
