"""Source text around a place in a running program, with the expression that was being executed.

In: a code object, the instruction that it had reached, and the lines of its file. Out: excerpts with marks,
syntax nodes, and whether the file still holds the code that runs. A source that cannot be read is empty.
"""

from __future__ import annotations

import ast
import dis
import linecache
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from types import CodeType
from typing import Any, TypeVar, Union

from apiroutes.structs import Struct

__all__ = [
    "Excerpt",
    "Line",
    "Position",
    "Source",
    "excerpt",
    "position_of",
    "position_of_node",
    "source_of",
]

_MAX_LINE = 400  # characters of a line that is shown
_MAX_SIZE = 2**21  # characters of a file that is parsed
# Files that changed before this process began are imported as they are.
_BEGAN = time.time()
_filtering = threading.Lock()
_Made = TypeVar("_Made")


class Position(Struct, frozen=True):
    """Where an expression is: lines from 1, columns in bytes of UTF-8; None where Python does not know "
    "them."""

    line: int
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


class Line(Struct, frozen=True):
    """A line of source; `mark` are the first and the last offset of its marked characters."""

    number: int
    text: str
    mark: tuple[int, int] | None = None
    is_current: bool = False


class Excerpt(Struct, frozen=True):
    """Lines around a place; `changed` means that the file is not what runs, so there are no lines."""

    lines: tuple[Line, ...] = ()
    changed: bool = False


class Source(Struct, frozen=True, dict=True):
    """The text of a file as it is now."""

    filename: str
    lines: Sequence[str]
    changed_at: float  # seconds since the epoch

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree; None if the file cannot be parsed."""
        return _quietly(lambda text: ast.parse(text), self.lines)

    @cached_property
    def code(self) -> CodeType | None:
        """The code of the file; None if it cannot be compiled."""
        return _quietly(lambda text: compile(text, self.filename, "exec", dont_inherit=True), self.lines)

    def differs_from(self, code: CodeType) -> bool:
        """Return whether the file was changed since `code` was compiled from it.

        The file is compiled and its functions are compared, which no clock can disturb. A file that was last
        changed before this process began is the one that runs, even if an import hook has rewritten it.
        """
        if not self.lines or self.changed_at < _BEGAN:
            return False
        return self.code is None or not any(_is_same(code, known) for known in _codes(self.code))

    def position_of(self, code: CodeType, instruction: int, line: int) -> Position:
        """Return the position of an instruction, as `position_of` does.

        For a loop or `with`, it is what they iterate over or enter: Python 3.11 gives the whole statement.
        """
        position = position_of(code, instruction, line)
        if self.tree is None or position.column is None:
            return position
        iterates = dis.opname[code.co_code[instruction]] in ("GET_ITER", "GET_AITER")
        for node in ast.walk(self.tree):
            if isinstance(node, _POSITIONED) and position_of_node(node) == position:
                found = _entered(node, iterates)
                return position if found is None else position_of_node(found)
        return position

    def nodes_at(self, position: Position) -> list[ast.expr]:
        """Return the expressions at a position; without columns, all that begin in its line."""
        if self.tree is None:
            return []
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.expr)]
        if position.column is None:
            return [node for node in nodes if node.lineno == position.line]
        return [node for node in nodes if position_of_node(node) == position]


def source_of(filename: str, module_globals: dict[str, Any] | None = None) -> Source:
    """Return the source of a file, or of a module whose loader knows it, read now."""
    linecache.checkcache(filename)
    lines = linecache.getlines(filename, module_globals)
    return Source(filename, lines, _changed_at(filename))


def _quietly(make: Callable[[str], _Made], lines: Sequence[str]) -> _Made | None:
    """Return what is made from a source, without its warnings, which were shown at its import."""
    text = "".join(lines)
    if len(text) > _MAX_SIZE:
        return None
    # The filters of warnings are the process's; one page at a time changes them.
    with _filtering, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return make(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _changed_at(filename: str) -> float:
    try:
        status = os.stat(filename)
    except OSError:
        return 0
    return max(status.st_mtime, status.st_ctime)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _is_same(one: CodeType, other: CodeType) -> bool:
    # Python 3.10 compares no lines.
    return one == other and list(one.co_lines()) == list(other.co_lines())


def position_of(code: CodeType, instruction: int, line: int) -> Position:
    """Return the position of an instruction, the index `tb_lasti` of a traceback, which is in `line`.

    The columns are those of PEP 657, from Python 3.11 on.
    """
    positions: Any = getattr(code, "co_positions", None)
    if positions is not None and instruction >= 0:
        found = next(islice(positions(), instruction // 2, None), None)
        if found is not None and None not in found:
            start, end, column, end_column = found
            if start == line:
                return Position(start, end, column, end_column)
    return Position(line)


def position_of_node(node: ast.expr | ast.stmt) -> Position:
    """Return where a node of a syntax tree is."""
    return Position(node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)


_LOOPS = (ast.For, ast.AsyncFor)
_CONTEXTS = (ast.With, ast.AsyncWith)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_POSITIONED = (*_LOOPS, *_CONTEXTS, *_COMPREHENSIONS)


def _entered(node: ast.AST, iterates: bool) -> ast.expr | None:
    """Return what a loop iterates over, or what `with` enters, if that is one expression."""
    if isinstance(node, _LOOPS):
        return node.iter
    if isinstance(node, _CONTEXTS):
        return node.items[0].context_expr if len(node.items) == 1 else None
    # A comprehension is also called, where it is a function.
    return node.generators[0].iter if isinstance(node, _COMPREHENSIONS) and iterates else None


def excerpt(lines: Sequence[str], position: Position, before: int, after: int) -> tuple[Line, ...]:
    """Return the lines around a position, those of its expression marked."""
    first = max(1, position.line - before)
    last_of_mark = min(position.end_line or position.line, position.line + after)
    last = min(len(lines), max(last_of_mark, position.line + after))
    found = [_line(lines[number - 1], number, position) for number in range(first, last + 1)]
    while found and not found[0].text.strip() and not found[0].is_current:
        del found[0]
    while found and not found[-1].text.strip() and not found[-1].is_current:
        del found[-1]
    return tuple(found)


def _line(raw: str, number: int, position: Position) -> Line:
    text = raw.rstrip("\r\n\f")
    mark = _mark(text, number, position)
    is_current = position.line <= number <= (position.end_line or position.line)
    expanded, mark = _expand(text, mark)
    if len(expanded) > _MAX_LINE:
        expanded, mark = _clip(expanded, mark)
    return Line(number, expanded, mark, is_current and (mark is not None or number == position.line))


def _mark(text: str, number: int, position: Position) -> tuple[int, int] | None:
    end_line = position.end_line or position.line
    if position.column is None or position.end_column is None or not position.line <= number <= end_line:
        return None
    start = _characters(text, position.column) if number == position.line else len(text) - len(text.lstrip())
    end = _characters(text, position.end_column) if number == end_line else len(text)
    return (start, end) if start < end else None


def _characters(text: str, column: int) -> int:
    """Return the number of characters in the first `column` bytes."""
    return len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))


Mark = Union[tuple[int, int], None]


def _expand(text: str, mark: Mark) -> tuple[str, Mark]:
    """Replace tabs by spaces, and move the mark with its characters."""
    if "\t" not in text:
        return text, mark
    moved = mark and (len(text[: mark[0]].expandtabs(4)), len(text[: mark[1]].expandtabs(4)))
    return text.expandtabs(4), moved


def _clip(text: str, mark: Mark) -> tuple[str, Mark]:
    """Return a part of a long line, the one with the mark."""
    start = 0 if mark is None or mark[1] < _MAX_LINE else max(0, mark[0] - _MAX_LINE // 4)
    head = "…" if start else ""
    end = start + _MAX_LINE
    tail = "…" if end < len(text) else ""
    clipped = head + text[start:end] + tail
    if mark is None:
        return clipped, None
    shift = len(head) - start
    return clipped, (mark[0] + shift, min(mark[1] + shift, len(clipped) - len(tail)))
