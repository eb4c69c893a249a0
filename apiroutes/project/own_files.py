"""The files that a project has imported, which are searched for the names that they use.

In: the project's directory. Out: their paths and sources. A file that no longer exists counts as empty.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from apiroutes.code_origin import is_ours

__all__ = ["own_files", "source_of_file"]


def own_files(root: Path) -> Iterator[Path]:
    """Yield the files of the modules that the project has imported from its own directory."""
    below = f"{root}{os.sep}"  # a process has thousands of modules, and a Path of each would take long
    for module in list(sys.modules.values()):
        name = getattr(module, "__file__", None)
        if isinstance(name, str) and name.startswith(below) and name.endswith(".py"):
            path = Path(name)
            if "site-packages" not in path.parts and not is_ours(name):
                yield path


def source_of_file(path: Path) -> bytes:
    """Return the source of a file."""
    try:
        return path.read_bytes()
    except OSError:  # it was deleted after its import
        return b""
