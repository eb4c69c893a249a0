"""Whether a file or a module belongs to this package or to a project.

In: names of files and modules, and texts that contain them. Out: whether they belong to this package; the
name under which projects are loaded, and texts in which a project's modules have the names of their files.
"""

from __future__ import annotations

import os
import re

__all__ = ["DIRECTORY", "PROJECT_PACKAGE", "escaped", "is_ours", "unescaped", "without_package"]

DIRECTORY = os.path.dirname(os.path.abspath(__file__)) + os.sep

# The package of a project's modules, without its number. Projects never see it.
PROJECT_PACKAGE = "_apiroutes_project_"

# A module of a project, and what follows it without a space, such as a class.
_IN_PROJECT = re.compile(rf"\b{PROJECT_PACKAGE}\d+\.(\S*)")


def is_ours(filename: str) -> bool:
    """Return whether a file belongs to this package."""
    return filename.startswith(DIRECTORY)


def escaped(name: str) -> str:
    """Return the name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")


def unescaped(part: str) -> str:
    """Return the name of the file or directory for a part of a module's name."""
    return part.replace("%2E", ".").replace("%25", "%")


def without_package(text: str) -> str:
    """Return a text in which a project's modules are named by their files, as `pages.api.users.[id]`."""
    return _IN_PROJECT.sub(lambda match: unescaped(_PY.sub("", match[1])), text)


# The end of a file's name, which an import could not contain.
_PY = re.compile(rf"{re.escape(escaped('.py'))}(?=\W|$)")
