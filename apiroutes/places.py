"""Places in a project: the file of a frame, the text of a line, the location of a function.

In: file names, lines, functions, and the project's directory. Out: places, relative to that directory, with
the line's text and the part to mark. A file that cannot be read has no text.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import tokenize
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, NamedTuple, TypeVar

from apiroutes.code_origin import is_ours
from apiroutes.errors import Problem, readable_path
from apiroutes.marks import marked_object
from apiroutes.secret_keys import hide_secrets

__all__ = [
    "Place",
    "ProjectFrame",
    "added",
    "caller_in",
    "frames_in",
    "located",
    "location_of",
    "implicit",
    "is_added",
    "is_built_in",
    "is_implicit",
    "name_of",
    "names_of",
    "place_at",
    "place_of",
    "project_file",
    "with_source",
]

Step = TypeVar("Step", bound=Callable[..., Any])

# Directories of installed packages, which may be below a project.
_INSTALLED = frozenset(("site-packages", "dist-packages", "node_modules"))


class Place(NamedTuple):
    """A line of a file; `source` is its text without indentation, and `span` the part to mark."""

    file: str
    line: int | None = None
    source: str | None = None
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class ProjectFrame(NamedTuple):
    """A frame of a traceback in a file of the project; `columns` (from, to) are for its expression."""

    file: str
    line: int | None
    columns: tuple[int, int] | None
    is_module: bool  # or the frame of a function


def project_file(filename: str, root: Path) -> str | None:
    """Return a file's path relative to the project; None for a file that does not belong to the project.

    Packages that are installed below the project do not belong to it.
    """
    if not filename or filename.startswith("<") or is_ours(filename):
        return None
    path = os.path.abspath(filename)
    base = str(root)
    if not path.startswith(base + os.sep):
        path = os.path.realpath(path)
        if not path.startswith(base + os.sep):
            return None
    relative = path[len(base) + 1 :]
    if sys.prefix.startswith(base + os.sep) and path.startswith(sys.prefix + os.sep):
        return None
    parts = relative.split(os.sep)
    return None if _INSTALLED.intersection(parts) else "/".join(parts)


def frames_in(traceback: TracebackType | None, root: Path) -> Iterator[ProjectFrame]:
    """Yield the frames of a traceback that are in the project, the innermost last."""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = project_file(code.co_filename, root)
        if file is not None:
            columns = _columns(code, traceback.tb_lasti, traceback.tb_lineno)
            yield ProjectFrame(file, traceback.tb_lineno, columns, code.co_name == "<module>")
        traceback = traceback.tb_next


def _columns(code: CodeType, instruction: int, line: int) -> tuple[int, int] | None:
    """Return the columns of an instruction in its line, in bytes of UTF-8; None before Python 3.11."""
    positions = getattr(code, "co_positions", None)
    if positions is None or instruction < 0:
        return None
    first, last, start, end = list(positions())[instruction // 2]
    return (start, end) if first == last == line and start is not None and end is not None else None


def caller_in(root: Path, mark: str | None = None) -> Place | None:
    """Return the innermost call in the project that led here, with a mark; None without such a call."""
    frame = sys._getframe(1)
    while frame is not None:
        file = project_file(frame.f_code.co_filename, root)
        if file is not None:
            return place_at(root, file, frame.f_lineno, mark)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def place_at(
    root: Path,
    file: str,
    line: int | None,
    mark: str | None = None,
    columns: tuple[int, int] | None = None,
) -> Place:
    """Return a place with its source. It marks the text `mark`, or the columns, or the whole line.

    A value that the line assigns to a name such as `secret_key` is left out.
    """
    text = None if line is None else _line_of(root / file, line)
    if text is None or not text.strip():
        return Place(file, line)
    indent = len(text) - len(text.lstrip())
    written = text.strip().expandtabs(1)
    source = hide_secrets(written)
    if mark and (start := _find(source, mark)) >= 0:
        return Place(file, line, source, (start, start + len(mark)))
    if columns is not None and source == written:
        start, end = (len(text.encode()[:column].decode(errors="ignore")) - indent for column in columns)
        if 0 <= start < end <= len(source):
            return Place(file, line, source, (start, end))
    return Place(file, line, source, (0, len(source)))


def _line_of(path: Path, line: int) -> str | None:
    try:
        with tokenize.open(path) as source:
            return next((text for number, text in enumerate(source, 1) if number == line), None)
    except (SyntaxError, ValueError):  # it is not in the encoding that it declares
        lines = path.read_bytes().decode("utf-8", "replace").split("\n")
        return lines[line - 1] if line <= len(lines) else None
    except OSError:
        return None


def _find(source: str, mark: str) -> int:
    """Return the position of the text in the source, as a whole word if it is one; -1 if it is missing."""
    start = source.find(mark)
    while start >= 0:
        around = source[start - 1 : start] + source[start + len(mark) : start + len(mark) + 1]
        if not (mark.isidentifier() and any(map(_is_part_of_name, around))):
            return start
        start = source.find(mark, start + 1)
    return -1


def _is_part_of_name(character: str) -> bool:
    return character.isalnum() or character == "_"


def located(problem: Problem, place: Place) -> Problem:
    """Return the problem at another place."""
    return replace(problem, file=place.file, line=place.line, source=place.source, span=place.span)


def with_source(problem: Problem, root: Path) -> Problem:
    """Return the problem with the text of its line, if it has only a line.

    It marks the first name in the message, in backticks or quotation marks, that the line contains.
    """
    if problem.line is None or problem.source is not None:
        return problem
    whole = place_at(root, problem.file, problem.line)
    for name, quoted in re.findall(r"`([^`]+)`|'([^']+)'", problem.message):
        place = place_at(root, problem.file, problem.line, name or quoted)
        if place.span != whole.span:
            return located(problem, place)
    return located(problem, whole)


# -- functions ---------------------------------------------------------------------------------


def name_of(step: object) -> str:
    """Return the name of a step in the source: the function's name, or the name of its factory."""
    step = marked_object(step)
    if isinstance(step, type):
        return step.__name__
    name: str = getattr(step, "__qualname__", type(step).__name__)
    return name.partition(".<locals>")[0]


def names_of(steps: Iterable[object]) -> list[str]:
    """Return the names of the steps for lists: steps that the project names, and steps that are added."""
    return [_shown_name(step) for step in steps if not is_implicit(step)]


def _shown_name(step: object) -> str:
    return f"{name_of(step)} (added)" if is_added(step) else name_of(step)


def added(step: Step) -> Step:
    """Mark a function that the framework has added to the project's functions: lists say so."""
    step.is_added = True  # type: ignore[attr-defined]
    return step


def is_added(step: object) -> bool:
    """Return whether a step is marked by `added`."""
    return getattr(step, "is_added", False) is True


def implicit(step: Step) -> Step:
    """Mark a function that a setting has added: no list of the project's middleware shows it."""
    step.is_implicit = True  # type: ignore[attr-defined]
    return step


def is_implicit(step: object) -> bool:
    """Return whether a step is marked by `implicit`."""
    return getattr(step, "is_implicit", False) is True


def place_of(step: object) -> str:
    """Return a step's name with the file and line of its source, for messages."""
    location = location_of(step)
    return f"`{name_of(step)}`" if location is None else f"`{name_of(step)}` ({location})"


def location_of(step: object) -> str | None:
    """Return the file and line of a function, or of the class of an object; None for compiled code."""
    code = _code_of(step)
    return None if code is None else f"{readable_path(code.co_filename)}:{code.co_firstlineno}"


def is_built_in(step: object) -> bool:
    """Return whether a step belongs to this package, whatever functions of the project it calls."""
    step = marked_object(step)
    function = step if hasattr(step, "__code__") else getattr(type(step), "__call__", step)  # noqa: B004
    code = getattr(function, "__code__", None)
    return code is not None and is_ours(code.co_filename)


def _code_of(step: object) -> CodeType | None:
    """Return the code of a function, or of a class's own method, for its file and line."""
    step = marked_object(step)
    code = getattr(inspect.unwrap(step) if callable(step) else step, "__code__", None)
    if code is not None:
        return code  # type: ignore[no-any-return]
    methods = vars(step if isinstance(step, type) else type(step))
    functions = (methods.get(name) for name in ("__init__", "__call__"))
    codes = (getattr(function, "__code__", None) for function in functions)
    return next((code for code in codes if code is not None), None)
