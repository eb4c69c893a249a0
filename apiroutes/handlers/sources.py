"""Where a module defines its names and functions, by its source.

In: a file, or a function. Out: lines. A file that cannot be read or parsed defines no names.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from apiroutes.http import METHODS

__all__ = ["LineOf", "OwnNames", "defines_handler", "line_in", "line_of_function"]

# Gives the line where a module defines a name; None for a name that it imports.
LineOf = Callable[[str], "int | None"]


class _OwnName(NamedTuple):
    """The last binding of a name: `value` is what is assigned, None for a function or a class."""

    line: int
    value: ast.expr | None = None


class OwnNames:
    """The names that a file binds itself, in contrast to those that it imports.

    Those inside `if`, `try`, `with` and loops count too. The file is parsed at the first question.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            return ast.parse(self._path.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module([], [])

    @cached_property
    def _names(self) -> Mapping[str, _OwnName]:
        return dict(_bindings(self._tree.body))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def line_of(self, name: str) -> int | None:
        """Return the line where the file binds the name; None where it does not."""
        return self._names[name].line if name in self._names else None

    def line_of_key(self, name: str, keys: Sequence[str]) -> int | None:
        """Return the line of a key in the dict that the file assigns to the name, or of a key around it.

        A key may be spelled `bodyParser` or `body_parser`. What the file imports has the line of the import.
        """
        value = self._names[name].value if name in self._names else None
        line = self.line_of(name) or self.line_of_import(name)
        for key in keys:
            items = list(zip(value.keys, value.values)) if isinstance(value, ast.Dict) else []
            found = [item for item in items if _is_key(item[0], key)]
            if not found or found[-1][0] is None:
                break
            line, value = found[-1][0].lineno, found[-1][1]
        return line

    def line_of_import(self, name: str) -> int | None:
        """Return the line where the file imports the name from elsewhere; None where it does not."""
        imports = (node for node in self._tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))
        lines = (node.lineno for node in imports for item in node.names if (item.asname or item.name) == name)
        return next(lines, None)

    def has_key(self, name: str, key: str) -> bool:
        """Return whether the file assigns a dict with the key to the name, as it stands."""
        value = self._names[name].value if name in self._names else None
        return isinstance(value, ast.Dict) and any(_is_key(found, key) for found in value.keys)

    def is_empty_literal(self, name: str) -> bool:
        """Return whether the file assigns a literal `[]` or `()` to the name."""
        value = self._names[name].value if name in self._names else None
        return isinstance(value, (ast.List, ast.Tuple)) and not value.elts

    def uses(self, name: str) -> bool:
        """Return whether the file uses the name anywhere, or exports it by `__all__`."""
        return any(
            (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
            or (isinstance(node, ast.Constant) and node.value == name)
            for node in ast.walk(self._tree)
        )

    def is_call(self, name: str, function: str) -> bool:
        """Return whether the file assigns the result of a call of the function to the name."""
        value = self._names[name].value if name in self._names else None
        called = value.func if isinstance(value, ast.Call) else None
        found = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        return found == function

    def line_of_value(self, name: str) -> int | None:
        """Return the line where the file assigns a value to the name; None where it does not."""
        is_value = name in self._names and self._names[name].value is not None
        return self._names[name].line if is_value else None


def defines_handler(path: Path) -> bool:
    """Return whether a file defines a function that a route's file would export as its handler."""
    if not path.is_file():  # reading a pipe would wait for ever
        return False
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(function.name in ("handler", *METHODS) for function in functions)


def _bindings(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, _OwnName]]:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name, _OwnName(statement.lineno)
            continue
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        for node in (node for target in targets for node in ast.walk(target)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, _OwnName(statement.lineno, value)
        for field in ("body", "orelse", "finalbody"):
            yield from _bindings(getattr(statement, field, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _bindings(handler.body)


def _is_key(node: ast.expr | None, key: str) -> bool:
    """Return whether the node spells the key, with capitals or with underscores."""
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text and str(node.value).replace("_", "").lower() == key.replace("_", "").lower()  # type: ignore[union-attr]


def line_of_function(function: object) -> int | None:
    """Return the line where a function begins, inside its wrappers; None for one without a source."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return None if code is None else code.co_firstlineno


def line_in(function: object, path: Path) -> int | None:
    """Return the line where a function begins, if it is defined in that file."""
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None and code.co_filename == str(path) else None
