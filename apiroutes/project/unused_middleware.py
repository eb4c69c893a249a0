"""Files that look as if they were meant as the project's middleware, but that nothing runs.

In: the project's directory, after its files have been imported, and the helpers beside the routes. Out:
problems and warnings, added to those given. Such a file is read, never imported: it may be another module.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.handlers import PROJECT_MIDDLEWARE_FILE, OwnNames
from apiroutes.places import is_implicit
from apiroutes.project.nextjs_files import nextjs_files
from apiroutes.project.own_files import own_files
from apiroutes.routing import MIDDLEWARE_FILE, Scan
from apiroutes.types import Middleware

__all__ = ["report_unused_middleware"]

_PROXY = "proxy.py"  # as Next.js calls it since version 16
_EXPORTS = ("proxy", "middleware")
_SIMILAR = 0.9  # a ratio of difflib: one letter is missing, or two are swapped
_NEXT_FILES = nextjs_files("middleware", "proxy")
_WRITE = "Write `def middleware(req, res, next): ...` in"
_RENAME = "Rename the file if it is another module."


def report_unused_middleware(
    root: Path, scanned: Scan, everywhere: Sequence[Middleware], problems: Problems, warnings: Problems
) -> None:
    """Add a problem for each guard that never runs, and warnings for files that may be meant as one.

    `everywhere` is the middleware around every route. A file that the project imports is its own helper.
    """
    has_middleware = bool(scanned.middleware) or not all(map(is_implicit, everywhere))
    if not has_middleware:
        warnings += _not_ported(root)
    has_file = os.path.lexists(root / PROJECT_MIDDLEWARE_FILE)
    beside = [f"src/{name}" for name in (_PROXY, PROJECT_MIDDLEWARE_FILE)]
    for file in _unused(root, beside):
        warnings += _guards(root, file)
    for file in _unused(root, [name for name in os.listdir(root) if _is_meant(name)]):
        own = OwnNames(root / file)
        found = [] if has_file and not own.has_key("config", "matcher") else [*_guards(root, file)]
        problems += found
        if file.lower() != _PROXY and not found:
            message = f"never runs: the project's middleware is in {PROJECT_MIDDLEWARE_FILE}."
            warnings.add(file, message, "Rename it, or import it there.")
    for file in _unused(root, [name for name in scanned.helpers if _is_meant_beside_routes(name)]):
        problems += _guards(root, file, f"{file.rpartition('/')[0]}/{MIDDLEWARE_FILE}")


def _not_ported(root: Path) -> Iterator[Problem]:
    for file in _NEXT_FILES:
        if (root / file).is_file():
            message = f"never runs here: middleware in Python is in {PROJECT_MIDDLEWARE_FILE}."
            remedy = f"{_WRITE} {PROJECT_MIDDLEWARE_FILE}, or in the {MIDDLEWARE_FILE} of a directory."
            yield Problem(file, message, remedy)


def _unused(root: Path, files: Iterable[str]) -> Iterator[str]:
    """Yield those of the files that exist, and that the project has not imported."""
    existing = [file for file in files if (root / file).is_file()]  # a pipe could not be read
    used = set(own_files(root)) if existing else ()
    yield from sorted(file for file in existing if root / file not in used)


def _is_meant(name: str) -> bool:
    """Return whether a file at the root may be meant as the middleware; capitals are reported elsewhere."""
    stem, ending = os.path.splitext(name.lower())
    is_close = 8 < len(stem) < 13 and stem not in ("middleware", "_middleware")
    return name.lower() == _PROXY or (
        ending == ".py" and is_close and bool(difflib.get_close_matches(stem, ["middleware"], 1, _SIMILAR))
    )


def _is_meant_beside_routes(file: str) -> bool:
    return file.rpartition("/")[2].lower() in (_PROXY, PROJECT_MIDDLEWARE_FILE)


def _guards(root: Path, file: str, right: str = PROJECT_MIDDLEWARE_FILE) -> Iterator[Problem]:
    """Yield the problem of what looks like a guard in an unused file; `right` is the file that runs."""
    own = OwnNames(root / file)
    lines = {name: own.line_of(name) or own.line_of_import(name) for name in _EXPORTS}
    name = next((name for name in _EXPORTS if lines[name] is not None), None)
    if name is None and not own.has_key("config", "matcher"):
        return
    what = f"`{name}`" if name else "What `config` has a matcher for"
    remedy = f"{_WRITE} {right}. {_RENAME}"
    if right == PROJECT_MIDDLEWARE_FILE:
        remedy = f"{_WRITE} {right}, or in the {MIDDLEWARE_FILE} of a directory. {_RENAME}"
    line = lines[name] if name else own.line_of_key("config", ["matcher"])
    yield Problem(file, f"{what} never runs: nothing imports this file.", remedy, line)
