"""Modules of a project by their files: `pages/api/_db.py` for the name that it has while it is loaded.

In: names of modules, and texts with such names. Out: files relative to the project, and the same texts.
"""

from __future__ import annotations

import re
from pathlib import Path

from apiroutes.code_origin import PROJECT_PACKAGE

__all__ = ["escaped", "file_of_module", "with_files"]

# A module of a project, in quotation marks or without them.
_QUOTED = rf"""(['"]){PROJECT_PACKAGE}\d+((?:\.(?:(?!\1).)*)?)\1"""
_BARE = rf"""{PROJECT_PACKAGE}\d+((?:\.[^\s'"(),:]*[^\s'"(),:.])*)"""
# Python adds where a module is, which its file's name says already.
_LOCATION = r" \((?:/|[A-Za-z]:\\)[^)]*\)"


def escaped(name: str) -> str:
    """Return the name of a file or directory as one part of a module's name: without dots."""
    return name.replace("%", "%25").replace(".", "%2E")


def _unescaped(part: str) -> str:
    return part.replace("%2E", ".").replace("%25", "%")


def file_of_module(name: str, root: Path) -> str | None:
    """Return the file or directory of a module of the project's package; None for any other module.

    The file need not exist.
    """
    match = re.fullmatch(rf"{PROJECT_PACKAGE}\d+((?:\..*)?)", name, re.DOTALL)
    if match is None:
        return None
    path = "/".join(map(_unescaped, match[1].lstrip(".").split(".")))
    is_named = path.endswith(".py") or not path or (root / path).is_dir()
    return path if is_named else f"{path}.py"


def with_files(text: str, root: Path) -> str:
    """Return a text in which modules of the project's package are called by their files."""
    if PROJECT_PACKAGE not in text:
        return text
    text = re.sub(_LOCATION, "", text)
    text = re.sub(_QUOTED, lambda match: file_of_module(match[0][1:-1], root) or "the project", text)
    return re.sub(_BARE, lambda match: file_of_module(match[0], root) or "the project", text)
