"""Files above a project's directory that seem to be meant for it, but are not read.

In: the project's directory. Out: warnings, added to those given. With `--root src`, as for `src/pages` of
Next.js, what stands beside `src` belongs to another directory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.handlers import PROJECT_MIDDLEWARE_FILE
from apiroutes.project.missing_routes import is_project
from apiroutes.settings import ENV_FILES, PYPROJECT, pyproject_tables

__all__ = ["warn_of_files_above"]

_SOURCES = "src"
_MODULES = (PROJECT_MIDDLEWARE_FILE, "instrumentation.py")


def warn_of_files_above(root: Path, warnings: Problems) -> None:
    """Add a warning for each kind of file that is beside the project's directory, and not in it.

    A file `.env` above another directory than `src` may be anybody's, and a project there has its own files.
    """
    if not is_project(root.parent):
        warnings += _files_above(root)


def _files_above(root: Path) -> Iterator[Problem]:
    if _has_table(root.parent) and not _has_table(root):
        yield _problem(PYPROJECT, root)
    if root.name != _SOURCES:
        return
    env_files = [name for name in ENV_FILES if (root.parent / name).is_file()]
    if env_files and not any((root / name).is_file() for name in ENV_FILES):
        yield from (_problem(name, root) for name in env_files)
    for name in _MODULES:
        if (root.parent / name).is_file() and not (root / name).is_file():
            yield _problem(name, root)


def _has_table(directory: Path) -> bool:
    return bool(pyproject_tables(directory, Problems())[0])


def _problem(name: str, root: Path) -> Problem:
    message = f"is not read: the project's directory is {root.name}/."
    return Problem(f"../{name}", message, f"Move it to {root.name}/{name}.")
