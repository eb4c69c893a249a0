"""Functions as they are written: what they return, and where a name gets its value.

In: a syntax tree. Out: nodes of one function, without those of functions inside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType
from typing import Union

__all__ = ["Function", "assigned", "first_line", "function_at", "function_of", "nodes_in", "returned"]

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def first_line(function: Function) -> int:
    """Return the line of the first decorator, where a function's code begins."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def function_at(tree: ast.Module | None, line: int) -> Function | None:
    """Return the function that begins in a line, with its decorators or without them."""
    for node in [] if tree is None else ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and line in (node.lineno, first_line(node)):
            return node
    return None


def function_of(tree: ast.Module | None, code: CodeType) -> Function | None:
    """Return the function that a code object was compiled from."""
    found = function_at(tree, code.co_firstlineno)
    return found if found is not None and found.name == code.co_name else None


def nodes_in(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function's body."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def returned(function: Function) -> list[ast.expr]:
    """Return the values that a function returns, except None."""
    values = [node.value for node in nodes_in(function) if isinstance(node, ast.Return)]
    return [
        value
        for value in values
        if value is not None and not (isinstance(value, ast.Constant) and value.value is None)
    ]


def assigned(function: Function, name: str) -> list[ast.expr] | None:
    """Return the values that a function gives a name; None if some of them are not written out."""
    values, count = [], 0
    for node in nodes_in(function):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            count += 1
        elif isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            return None
        if isinstance(node, ast.Assign):
            values += [node.value for target in node.targets if _is_name(target, name)]
        elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and _is_name(node.target, name):
            if node.value is not None:
                values.append(node.value)
            else:
                count -= 1
    return values if count == len(values) else None


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
