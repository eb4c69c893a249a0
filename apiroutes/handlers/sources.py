"""The names that a module defines itself, by its source: neither imported nor put there otherwise.

In: a file. Out: for each name its line and what it is bound by. Raises nothing: a file that cannot
be read or parsed has no such names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["OwnName", "own_names"]


class OwnName(NamedTuple):
    """Where a name is bound at last; `is_value` tells an assignment from a function or a class."""

    line: int
    is_value: bool


def own_names(path: Path) -> Mapping[str, OwnName]:
    """The names that the file binds at its top level, inside `if`, `try`, `with` and loops too."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return dict(_bound(tree.body))


def _bound(statements: Iterable[ast.stmt]) -> Iterator[tuple[str, OwnName]]:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name, OwnName(statement.lineno, is_value=False)
            continue
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            targets = []
        for node in (node for target in targets for node in ast.walk(target)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, OwnName(statement.lineno, is_value=True)
        for field in ("body", "orelse", "finalbody"):
            yield from _bound(getattr(statement, field, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _bound(handler.body)
