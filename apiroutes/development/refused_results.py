"""The place where a refused result was returned: a line of the handler or of the middleware.

In: an exception that was raised after a function had ended, so no frame is at the place. Out: a frame at the
`return`, or if that is not certain, at the function's beginning.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, MethodType
from typing import Any

from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.frames import Frame, Origin, Step, origin_of, shown_file, steps_of
from apiroutes.development.functions import Function, function_at, function_of, nodes_in, returned
from apiroutes.development.sources import Excerpt, Position, excerpt, position_of_node, source_of

__all__ = ["handler_frame", "refused_result"]

_BEFORE, _AFTER = 8, 4  # lines


def refused_result(error: BaseException, route: FaultRoute, root: Path) -> Frame | None:
    """Return the place of the result that an exception is about; None for an exception of other code."""
    steps = steps_of(error.__traceback__)
    own = [index for index, step in enumerate(steps) if origin_of(step.code.co_filename) is Origin.PROJECT]
    after = steps[own[-1] + 1 :] if own else steps
    for step in reversed(after):
        if _is_in(step, "chain.py", "_respond"):
            return _of_middleware(step.frame.f_locals, root)
        if _is_in(step, "endpoint.py", "respond") or _is_in(step, "endpoint.py", "_end_unanswered"):
            return handler_frame(route, root, step.frame.f_locals.get("result"))
    return None


def _is_in(step: Step, file: str, function: str) -> bool:
    code = step.code
    is_ours = origin_of(code.co_filename) is Origin.FRAMEWORK and os.path.basename(code.co_filename) == file
    return is_ours and code.co_name == function


def handler_frame(route: FaultRoute, root: Path, result: object = None) -> Frame | None:
    """Return the place in the route's handler that its result comes from."""
    if route.file is None or route.line is None:
        return None
    source = source_of(str(root / route.file))
    function = function_at(source.tree, route.line)
    if function is None:
        position = Position(route.line)
    else:
        position = _position(function, _node_of(function, result) or _last_value(function))
    return _frame(route.file, route.handler or "", source.lines, position, function)


def _of_middleware(local: dict[str, Any], root: Path) -> Frame | None:
    code = _code_of(local.get("middleware"))
    if code is None or origin_of(code.co_filename) is not Origin.PROJECT:
        return None
    source = source_of(code.co_filename)
    if source.differs_from(code):
        return None
    function = function_of(source.tree, code)
    if function is None:
        position = Position(code.co_firstlineno)
    else:
        position = _position(function, _node_of_middleware(function, local.get("result"), code))
    file, _ = shown_file(code.co_filename, Origin.PROJECT, str(root))
    return _frame(file, code.co_name, source.lines, position, function)


def _code_of(step: Any) -> CodeType | None:
    """Return the code of a function, or of an object that is called."""
    function = inspect.unwrap(step) if callable(step) else step
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _frame(
    file: str, name: str, lines: Sequence[str], position: Position, function: Function | None
) -> Frame | None:
    if position.line > len(lines):
        return None
    before = _BEFORE if function is None else min(_BEFORE, position.line - function.lineno)
    decorators = 0 if function is None else len(function.decorator_list)
    shown = Excerpt(excerpt(lines, position, max(before, min(2, decorators)), _AFTER))
    return Frame(file, position.line, name, Origin.PROJECT, "", shown)


def _position(function: Function, node: ast.expr | ast.stmt | None) -> Position:
    return Position(function.lineno) if node is None else position_of_node(node)


def _node_of(function: Function, result: object) -> ast.expr | None:
    """Return the value of the one `return` that gives a result."""
    values = returned(function)
    if isinstance(result, tuple):
        values = [value for value in values if isinstance(value, ast.Tuple)] or values
    return values[0] if result is not None and len(values) == 1 else None


def _last_value(function: Function) -> ast.stmt | None:
    """Return the last line of a function without a result, if it makes a value."""
    last = function.body[-1]
    is_text = isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)
    makes_value = isinstance(last, (ast.Expr, ast.Assign)) and not is_text
    return last if makes_value and not returned(function) else None


def _node_of_middleware(function: Function, result: object, code: CodeType) -> ast.expr | None:
    names = code.co_varnames[: code.co_argcount]
    name = names[-1] if names else ""
    if result is None:  # it has not called `next()`, or not awaited it
        nodes = list(nodes_in(function))
        awaited = {id(node.value) for node in nodes if isinstance(node, ast.Await)}
        calls = [node for node in nodes if isinstance(node, ast.Call) and _is_name(node.func, name)]
        calls = [call for call in calls if id(call) not in awaited]
        return calls[0] if len(calls) == 1 else None
    if isinstance(result, MethodType):
        values = [value for value in returned(function) if _is_name(value, name)]
        return values[0] if len(values) == 1 else None
    return _node_of(function, result)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name
