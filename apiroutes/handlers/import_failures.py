"""Imports that fail: the file of the project with the mistake, which need not be the one that was imported.

In: the exception of an import. Out: a `Problem` at the line to change, with what is wrong there, what to
write, and the imports that led to it. Modules are called by their files: users have never seen the names that
modules have while a project is loaded.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

from apiroutes.errors import Problem, listed
from apiroutes.handlers.import_remedies import Explained, explain
from apiroutes.handlers.modules import with_files
from apiroutes.places import Place, ProjectFrame, frames_in, located, place_at, project_file

__all__ = ["ImportFailure", "import_failure"]


# The beginning of a line that was written out of habit.
_JAVASCRIPT = r"(export|const|let|var|function|async function)\b|import\b.*\bfrom\b|import\s*[{*]"


_ENCODING = "Save the file as UTF-8, or declare its encoding in the first line: `# -*- coding: latin-1 -*-`."


class _Passed(NamedTuple):
    """A file in a chain of imports, and the line that led to the next one."""

    file: str
    line: int
    calls: bool  # the next file, in contrast to importing it

    def __str__(self) -> str:
        return f"{self.file}:{self.line}{', which calls it' if self.calls else ''}"


class ImportFailure(NamedTuple):
    """A problem without its importers, and the chain of files that led to it."""

    problem: Problem
    way: tuple[_Passed, ...]

    def way_from(self, file: str) -> tuple[_Passed, ...]:
        """Return the part of the chain that begins with a file."""
        files = [passed.file for passed in self.way]
        return self.way[files.index(file) :] if file in files else ()

    def as_reached_from(self, file: str) -> Problem:
        """Return the problem of an import that began with `file`, which is named as an importer."""
        if file == self.problem.file:
            return self.problem
        importers = [str(passed) for passed in self.way_from(file) if passed.file != self.problem.file]
        if not importers:
            return self.problem
        through = f" (through {listed(importers[1:])})" if len(importers) > 1 else ""
        return replace(self.problem, importers=(importers[0] + through,))


def import_failure(error: BaseException, root: Path, file: str) -> ImportFailure:
    """Return what is wrong where the import of `file` raised `error`."""
    error, frames = _innermost(error, root)
    way = _way(frames)
    place = _syntax_place(error, root)
    if place is not None:
        message = f"{type(error).__name__}: {_syntax_message(error)}"
        message = message if message.endswith("?") else f"{message}."
        explained = Explained(message, _ENCODING if "can't decode" in message else _how_to_correct(place))
    else:
        circular = _circular(error, root, way)
        last = frames[-1] if frames else ProjectFrame(file, None, None, True)
        explained = circular or explain(error, root, last.file, last.line)
        place = place_at(root, last.file, last.line, explained.mark, last.columns)
    message = f"failed to import: {with_files(explained.message, root)}".replace(f"{root}{os.sep}", "")
    return ImportFailure(located(Problem(place.file, message, explained.remedy), place), way)


def _innermost(error: BaseException, root: Path) -> tuple[BaseException, list[ProjectFrame]]:
    """Return the exception that leads farthest into the project, and all frames on the way there.

    A library that imports one of the project's files may raise an exception of its own instead of the file's.
    """
    frames = [*frames_in(error.__traceback__, root)]
    while not _ends_in_project(error, root):
        inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        more = [] if inner is None else [*frames_in(inner.__traceback__, root)]
        if inner is None or inner.__traceback__ is None or not more or _begins_in_project(inner, root):
            break
        error = inner
        frames += more
    return error, frames


def _ends_in_project(error: BaseException, root: Path) -> bool:
    traceback: Any = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return _is_in_project(traceback, root)


def _begins_in_project(error: BaseException, root: Path) -> bool:
    return _is_in_project(error.__traceback__, root)


def _is_in_project(traceback: TracebackType | None, root: Path) -> bool:
    return traceback is not None and project_file(traceback.tb_frame.f_code.co_filename, root) is not None


def _way(frames: Sequence[ProjectFrame]) -> tuple[_Passed, ...]:
    """Return the files that the frames are in, each with the frame that led to the next file."""
    way = []
    for frame, following in zip(frames, [*frames[1:], None]):
        if following is None or following.file != frame.file:
            calls = following is not None and not following.is_module
            way.append(_Passed(frame.file, frame.line or 0, calls))
    return tuple(way)


# -- syntax --------------------------------------------------------------------------------------


def _syntax_place(error: BaseException, root: Path) -> Place | None:
    """Return the place in the project that Python cannot read; None for another exception."""
    if not isinstance(error, (SyntaxError, UnicodeDecodeError)) and "null bytes" not in str(error):
        return None
    filename = getattr(error, "filename", None) or _compiled_file(error)
    file = project_file(filename, root) if filename else None
    if file is None:
        return None
    line: int | None = getattr(error, "lineno", None) or _line_of_null(root / file)
    place = place_at(root, file, line)
    offset: int = getattr(error, "offset", None) or 0
    if place.source is None or not offset:
        return place
    assert isinstance(error, SyntaxError)
    text = error.text or ""
    start = max(0, offset - 1 - (len(text) - len(text.lstrip())))
    end_offset = getattr(error, "end_offset", None) or 0
    same_line = getattr(error, "end_lineno", line) in (line, None)
    length = end_offset - offset if same_line else len(place.source) - start
    return Place(file, line, place.source, (start, max(start + 1, min(start + length, len(place.source)))))


def _syntax_message(error: BaseException) -> str:
    return error.msg if isinstance(error, SyntaxError) else str(error)


def _compiled_file(error: BaseException) -> str | None:
    """Return the file that was being compiled, for an exception that does not name it."""
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == "source_to_code":
            return str(traceback.tb_frame.f_locals.get("path", ""))
        traceback = traceback.tb_next
    return None


def _line_of_null(path: Path) -> int | None:
    content = path.read_bytes()
    return 1 + content.count(b"\n", 0, content.index(b"\0")) if b"\0" in content else None


def _how_to_correct(place: Place) -> str:
    if place.line is None:
        return "Correct the file."
    relative = re.match(r"import (\.+)(\w[\w.]*)", place.source or "")
    if relative is not None:
        return f"Write `from {relative[1]} import {relative[2]}`."
    if re.match(_JAVASCRIPT, place.source or ""):
        return "Write Python: `def handler(req, res): ...` for a handler, `from a import b` for an import."
    return f"Correct line {place.line}, or the one before it."


# -- circles -------------------------------------------------------------------------------------


def _circular(error: BaseException, root: Path, way: Sequence[_Passed]) -> Explained | None:
    """Explain the use of a file that is still being imported; None for another exception."""
    wanted = _wanted(error, root, way)
    if wanted is None:
        return None
    first, name = wanted
    circle = way[[passed.file for passed in way].index(first) :]
    if len(circle) == 1:
        return _imports_itself(first, name, root)
    steps = [f"{here} imports {there.file}" for here, there in itertools.pairwise(circle)]
    undefined = f", which has not yet defined `{name}`" if name else ""
    message = f"circular import: {', '.join(steps)}, and {circle[-1]} imports {first} again{undefined}."
    what = f"`{name}`" if name else "what both need"
    remedy = f"Move {what} into a file that imports neither, or import it inside the function that uses it."
    return Explained(message, remedy, name)


def _imports_itself(file: str, name: str | None, root: Path) -> Explained:
    stem = file.removesuffix(".py")
    if "/" not in file and (stem in sys.stdlib_module_names or _is_installed(stem, root)):
        remedy = f"Rename {file}: every import of `{stem}` finds it instead of the installed module."
    else:
        remedy = "Remove the import: a file uses its own names without one."
    return Explained(f"circular import: {file} imports itself.", remedy, name)


def _is_installed(name: str, root: Path) -> bool:
    """Return whether the module is installed, and hidden by a file of the project with its name."""
    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != str(root)]
    return name.isidentifier() and PathFinder.find_spec(name, path) is not None


def _wanted(error: BaseException, root: Path, way: Sequence[_Passed]) -> tuple[str, str | None] | None:
    """Return the file that was still being imported, and the name in it that was wanted; None if none was.

    Python itself says so only for files that it imports, not for routes.
    """
    if not isinstance(error, (ImportError, AttributeError)):
        return None
    path: str | None
    if isinstance(error, AttributeError):
        module = error.obj if isinstance(error.obj, ModuleType) else None
        path, name = getattr(module, "__file__", None), error.name
        if "cannot access submodule" in str(error):  # of a package that is itself complete
            inside = f"{getattr(module, '__name__', '')}.{error.name}".replace(".", "/")
            path, name = str(root / f"{inside}.py"), None
    else:
        match = re.match("cannot import name '([^']+)'", str(error))
        path, name = error.path, match and match[1]
    file = project_file(path, root) if path else None
    return (file, name) if file in [passed.file for passed in way] and file is not None else None
