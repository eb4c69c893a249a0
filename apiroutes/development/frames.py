"""An exception as data that can be shown: its text, its frames with their source, and where it came from.

In: an exception and the project's directory. Out: a `Failure`. Nothing here reads local variables, which hold
passwords and tokens, and everything is bounded, because exceptions quote what clients sent.
"""

from __future__ import annotations

import enum
import os
import site
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from apiroutes.code_origin import DIRECTORY, PROJECT_PACKAGE, is_ours, without_package
from apiroutes.development.sources import Excerpt, Line, Position, excerpt, position_of, source_of
from apiroutes.structs import Struct

__all__ = ["Failure", "Frame", "Omission", "Origin", "Step", "origin_of", "read_failure", "steps_of"]

_MAX_FRAMES = 60
_MAX_TEXT = 4000  # characters of a message or a note
_MAX_NOTES = 20
_MAX_PARTS = 10  # exceptions of a group
_MAX_DEPTH = 8  # causes of causes, groups in groups
_MAX_FAILURES = 40  # exceptions in all
_LONGEST_CYCLE = 8  # frames of a recursion that are recognised as one turn
_CAUSE = "It was caused by:"
_CONTEXT = "It was raised while this was handled:"


class Origin(enum.Enum):
    """Whose code a frame runs."""

    PROJECT = "project"
    FRAMEWORK = "apiroutes"
    LIBRARY = "library"
    PYTHON = "Python"


class Frame(Struct, frozen=True):
    """A call; `file` is relative to the project, or to the library's directory.

    `package` is the library's name. `repeats` counts further turns of a recursion that begins here, of
    `turn` frames each.
    """

    file: str
    line: int
    function: str
    origin: Origin
    package: str
    excerpt: Excerpt
    repeats: int = 0
    turn: int = 0

    @property
    def is_own(self) -> bool:
        """Whether the frame is the project's."""
        return self.origin is Origin.PROJECT

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def statement(self) -> str:
        """The text of the line."""
        return next((line.text.strip() for line in self.excerpt.lines if line.number == self.line), "")


class Omission(Struct, frozen=True):
    """Frames that are left out."""

    count: int


class Failure(Struct, frozen=True):
    """An exception: its type, its text, and its frames in the order of their calls.

    `frame` is the innermost frame of the project, None if there is none. `earlier` is the exception that
    led to this one, and `relation` says how, as the heading above `earlier`. `parts` are the exceptions of a
    group; `parts_omitted` more are left out.
    """

    type: str
    message: str
    notes: tuple[str, ...]
    frames: tuple[Frame | Omission, ...]
    frame: Frame | None
    earlier: Failure | None
    relation: str
    parts: tuple[Failure, ...]
    parts_omitted: int = 0

    @property
    def headline(self) -> str:
        """The type and the text."""
        return f"{self.type}: {self.message}" if self.message else self.type

    def chain(self) -> Iterator[Failure]:
        """Yield this failure, and those that led to it."""
        failure: Failure | None = self
        while failure is not None:
            yield failure
            failure = failure.earlier


def read_failure(error: BaseException, root: Path) -> Failure:
    """Return an exception as data, with its source as it is now."""
    return _Reader(root).read(error)


class Step(NamedTuple):
    """A frame of a traceback, as Python gives it."""

    frame: FrameType
    instruction: int
    line: int

    @property
    def code(self) -> CodeType:
        return self.frame.f_code

    @property
    def where(self) -> tuple[CodeType, int, int]:
        """The code, the instruction in it, and its line."""
        return self.code, self.instruction, self.line

    @property
    def position(self) -> Position:
        return position_of(*self.where)


def steps_of(trace: TracebackType | None) -> list[Step]:
    """Return the frames of a traceback in the order of their calls."""
    steps = []
    while trace is not None:
        steps.append(Step(trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
        trace = trace.tb_next
    return steps


class _Reader:
    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._seen: set[int] = set()

    def read(self, error: BaseException, depth: int = 0) -> Failure:
        self._seen.add(id(error))
        frames = tuple(self._frames(steps_of(error.__traceback__)))
        syntax = self._syntax_frame(error)
        frames += () if syntax is None else (syntax,)
        own = [frame for frame in frames if isinstance(frame, Frame) and frame.is_own]
        earlier, relation = self._earlier(error, depth)
        inner: Sequence[BaseException] = getattr(error, "exceptions", ()) if _is_group(error) else ()
        parts = [self.read(part, depth + 1) for part in inner[:_MAX_PARTS] if self._is_to_read(part, depth)]
        return Failure(
            type=_type_of(error),
            message=_bounded(self._relative(_message_of(error))),
            notes=tuple(_bounded(note) for note in _notes_of(error)),
            frames=frames,
            frame=syntax or (own[-1] if own else None),
            earlier=earlier,
            relation=relation,
            parts=tuple(parts),
            parts_omitted=len(inner) - len(parts),
        )

    def _relative(self, text: str) -> str:
        """Return a text in which files of the project are named by their paths in it."""
        return text.replace(self._root.rstrip(os.sep) + os.sep, "")

    def _is_to_read(self, error: BaseException, depth: int) -> bool:
        return id(error) not in self._seen and len(self._seen) < _MAX_FAILURES and depth < _MAX_DEPTH

    def _earlier(self, error: BaseException, depth: int) -> tuple[Failure | None, str]:
        earlier, relation = error.__cause__, _CAUSE
        if earlier is None and not error.__suppress_context__:
            earlier, relation = error.__context__, _CONTEXT
        if earlier is None or not self._is_to_read(earlier, depth):
            return None, ""
        return self.read(earlier, depth + 1), relation

    def _frames(self, steps: list[Step]) -> Iterator[Frame | Omission]:
        kept = _collapse(steps)
        left_out = len(kept) - _MAX_FRAMES
        for index, (step, repeats, turn) in enumerate(kept):
            if left_out > 0 and index == _MAX_FRAMES // 3:
                yield Omission(left_out)
            if left_out <= 0 or not _MAX_FRAMES // 3 <= index < _MAX_FRAMES // 3 + left_out:
                yield self._frame(step, repeats, turn)

    def _frame(self, step: Step, repeats: int, turn: int) -> Frame:
        filename = step.code.co_filename
        origin = origin_of(filename)
        file, package = shown_file(filename, origin, self._root)
        shown = Excerpt()
        if origin is not Origin.PYTHON or os.path.isabs(filename):
            source = source_of(filename, step.frame.f_globals)
            if source.differs_from(step.code):
                shown = Excerpt(changed=True)
            else:
                # A library's file may be large, and its lines are folded.
                is_own = origin is Origin.PROJECT
                position = source.position_of(*step.where) if is_own else step.position
                shown = Excerpt(_lines_around(step, position, source.lines, origin))
        name = getattr(step.code, "co_qualname", step.code.co_name).rpartition("<locals>.")[2]
        return Frame(file, step.line, name, origin, package, shown, repeats, turn)

    def _syntax_frame(self, error: BaseException) -> Frame | None:
        """Return the place that a SyntaxError is about, which no frame has."""
        if not isinstance(error, SyntaxError) or not _has_place(error):
            return None
        assert error.filename is not None
        assert error.lineno is not None
        origin = origin_of(error.filename)
        file, package = shown_file(error.filename, origin, self._root)
        lines: Sequence[str] = source_of(error.filename).lines
        if len(lines) < error.lineno:
            text = error.text or ""
            return Frame(
                file, error.lineno, "", origin, package, Excerpt((Line(error.lineno, text.rstrip()),))
            )
        position = _syntax_position(error, lines[error.lineno - 1])
        return Frame(file, error.lineno, "", origin, package, Excerpt(excerpt(lines, position, 6, 4)))


def _has_place(error: SyntaxError) -> bool:
    """Return whether the attributes, which anybody can set, are a place in a file."""
    numbers = (error.lineno or 0, error.offset or 0, error.end_lineno or 0, error.end_offset or 0)
    are_numbers = all(type(number) is int for number in numbers)
    return isinstance(error.filename, str) and are_numbers and numbers[0] > 0


def _lines_around(step: Step, position: Position, lines: Sequence[str], origin: Origin) -> tuple[Line, ...]:
    """Return the lines around the place of a frame, from the beginning of its function on."""
    before, after = (8, 4) if origin is Origin.PROJECT else (2, 2)
    if step.code.co_name != "<module>":
        before = min(before, max(0, step.line - step.code.co_firstlineno))
    return excerpt(lines, position, before, after)


def _syntax_position(error: SyntaxError, line: str) -> Position:
    assert error.lineno is not None
    if not error.offset or error.offset < 1:
        return Position(error.lineno)
    # Its offsets are characters from 1; 0 or -1 for an unknown end.
    start = min(error.offset - 1, len(line.rstrip("\r\n")))
    end_line = error.end_lineno if error.end_lineno and error.end_lineno > error.lineno else error.lineno
    end = (error.end_offset or 0) - 1
    if end_line == error.lineno:
        end = max(end, start + 1)
    column = len(line[:start].encode("utf-8", "surrogatepass"))
    is_past_end = start >= len(line.rstrip("\r\n"))
    if is_past_end:  # what is missing at the end of a line: mark the last character
        start = max(0, len(line.rstrip()) - 1)
        column, end = len(line[:start].encode("utf-8", "surrogatepass")), start + 1
    end_column = len(line[:end].encode("utf-8", "surrogatepass")) if end_line == error.lineno else end
    return Position(error.lineno, end_line, column, end_column)


_Kept = tuple[Step, int, int]


def _collapse(steps: Sequence[Step]) -> list[_Kept]:
    """Return the steps with each recursion reduced to one turn: the step, and how often a turn repeats."""
    keys = [(step.code.co_filename, step.line, step.code.co_name) for step in steps]
    kept: list[_Kept] = []
    index = 0
    while index < len(steps):
        turn, repeats = _recursion(keys, index)
        if repeats < 3:
            kept.append((steps[index], 0, 0))
            index += 1
            continue
        kept.append((steps[index], repeats - 1, turn))
        kept += [(step, 0, 0) for step in steps[index + 1 : index + turn]]
        index += turn * repeats
    return kept


def _recursion(keys: Sequence[tuple[str, int, str]], start: int) -> tuple[int, int]:
    """Return the length of the shortest turn that begins at `start`, and how often it repeats."""
    for turn in range(1, _LONGEST_CYCLE + 1):
        first = keys[start : start + turn]
        repeats = 1
        while keys[start + turn * repeats : start + turn * (repeats + 1)] == first:
            repeats += 1
        if repeats >= 3:
            return turn, repeats
    return 1, 1


# -- whose file is it ---------------------------------------------------------------------------


@cache
def _library_directories() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths["purelib"], paths["platlib"], *getattr(site, "getsitepackages", list)()}
    return tuple(os.path.realpath(path) + os.sep for path in found)


@cache
def _python_directories() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths["stdlib"], paths["platstdlib"], os.path.dirname(os.__file__)}
    return tuple({os.path.realpath(path) + os.sep for path in found} | {path + os.sep for path in found})


def origin_of(filename: str) -> Origin:
    """Return to whom the file of a code object belongs.

    A library that is installed below the project's directory is still a library.
    """
    if not os.path.isabs(filename):  # <frozen importlib._bootstrap>, <string>
        return Origin.PYTHON
    if is_ours(filename):
        return Origin.FRAMEWORK
    parts = filename.split(os.sep)
    if "site-packages" in parts or "dist-packages" in parts or filename.startswith(_library_directories()):
        return Origin.LIBRARY
    if filename.startswith(_python_directories()):
        return Origin.PYTHON
    return Origin.PROJECT  # also a file of one's own outside the project, such as a package beside it


def shown_file(filename: str, origin: Origin, root: str) -> tuple[str, str]:
    """Return a file as it is shown, and the name of its package."""
    if origin is Origin.PROJECT:
        prefix = root.rstrip(os.sep) + os.sep
        return (filename[len(prefix) :] if filename.startswith(prefix) else _below_home(filename)), ""
    if origin is Origin.FRAMEWORK:
        return os.path.join("apiroutes", filename[len(DIRECTORY) :]), "apiroutes"
    if origin is Origin.PYTHON:
        for directory in _python_directories():
            if filename.startswith(directory):
                return filename[len(directory) :], "Python"
        return filename, "Python"
    for marker in ("site-packages", "dist-packages"):
        _, found, below = filename.rpartition(f"{os.sep}{marker}{os.sep}")
        if found:
            return below, below.split(os.sep)[0].removesuffix(".py")
    return os.path.basename(filename), os.path.basename(os.path.dirname(filename))


def _below_home(filename: str) -> str:
    home = os.path.expanduser("~").rstrip(os.sep)
    return "~" + filename[len(home) :] if home and filename.startswith(home + os.sep) else filename


# -- text ---------------------------------------------------------------------------------------


def _type_of(error: BaseException) -> str:
    """Return the type's name with its module, unless that is Python's own or the project's."""
    kind = type(error)
    name = kind.__qualname__.rpartition("<locals>.")[2]
    module = str(kind.__module__)
    if module in ("builtins", "__main__", "apiroutes.errors") or module.startswith(PROJECT_PACKAGE):
        return name
    return f"{module}.{name}"


def _message_of(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError) and error.msg:
            return str(error.msg)
        return str(error)
    except Exception as fault:
        return f"(its text cannot be shown: str() raised {type(fault).__name__})"


def _notes_of(error: BaseException) -> list[str]:
    """Return the notes of PEP 678; whatever else `__notes__` may hold is not one."""
    notes = vars(error).get("__notes__")
    return [note for note in notes[:_MAX_NOTES] if isinstance(note, str)] if isinstance(notes, list) else []


def _bounded(text: str) -> str:
    """Return a text without the package that a project's modules are in, and shortened."""
    text = without_package(text)
    if len(text) <= _MAX_TEXT:
        return text
    return f"{text[:_MAX_TEXT]}… ({len(text) - _MAX_TEXT} more characters)"


def _is_group(error: BaseException) -> bool:
    # By name, because Python 3.10 has groups from a library.
    return any(kind.__name__ == "BaseExceptionGroup" for kind in type(error).__mro__)
