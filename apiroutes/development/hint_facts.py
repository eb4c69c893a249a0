"""What is known of a failure besides its text: the expression that failed, and the values of its names.

In: an exception, its request and its route. Out: `Facts`, which the recognisers of hints ask. Values are
looked at and never shown.
"""

from __future__ import annotations

import ast
import dis
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from apiroutes.body import has_content
from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.frames import Origin, Step, origin_of, steps_of
from apiroutes.development.functions import Function, assigned, function_of
from apiroutes.development.sources import Source, source_of
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["PARTS", "UNKNOWN", "Facts"]

# The parts of a request that a handler can take by name.
PARTS = ("body", "context", "params", "query")
UNKNOWN: Any = object()  # the value of an expression that cannot be looked up without running code

_Node = TypeVar("_Node", bound=ast.expr)


class Facts:
    """A failure. `step` is the innermost frame of the project, None if no frame is the project's."""

    def __init__(self, error: BaseException, request: Request, route: FaultRoute, root: Path) -> None:
        self.error = error
        self.request = request
        self.route = route
        self.root = root
        self.steps = steps_of(error.__traceback__)
        self.own = [step for step in self.steps if origin_of(step.code.co_filename) is Origin.PROJECT]
        self.step = self.own[-1] if self.own else None

    # -- where ---------------------------------------------------------------------------------

    @cached_property
    def is_innermost(self) -> bool:
        """Whether the project's own code failed, not something that it called."""
        return self.step is not None and self.step is self.steps[-1]

    @cached_property
    def is_frameworks(self) -> bool:
        """Whether apiroutes itself raised the exception."""
        return origin_of(self.steps[-1].code.co_filename) is Origin.FRAMEWORK

    @cached_property
    def _steps_before(self) -> list[Step]:
        context = self.error.__context__
        return [] if context is None else steps_of(context.__traceback__)

    def frame_of(self, file: str, *functions: str) -> dict[str, Any] | None:
        """Return the local variables of the last frame in one of these functions of a file.

        `file` is the end of its path, such as "http/json.py". An exception that was raised for another one
        has the frames of that one too.
        """
        for step in reversed([*self._steps_before, *self.steps]):
            name = step.code.co_filename.replace(os.sep, "/")
            is_meant = step.code.co_name in functions and name.endswith("/" + file)
            if is_meant and origin_of(step.code.co_filename) is not Origin.PROJECT:
                return step.frame.f_locals
        return None

    def is_in_handler(self, step: Step | None = None) -> bool:
        """Return whether a frame, the innermost own one, is that of the route's handler."""
        step = step or self.step
        if step is None or self.route.file is None:
            return False
        return (
            Path(step.code.co_filename) == self.root / self.route.file
            and step.code.co_firstlineno == self.route.line
        )

    # -- what ----------------------------------------------------------------------------------

    @cached_property
    def source(self) -> Source | None:
        """The source of the innermost own frame, unless it was changed since it was imported."""
        if self.step is None:
            return None
        source = source_of(self.step.code.co_filename, self.step.frame.f_globals)
        return None if source.differs_from(self.step.code) else source

    @cached_property
    def expressions(self) -> list[ast.expr]:
        """The expressions that were evaluated when the innermost own frame failed or called.

        From Python 3.11 on there is one. Python 3.10 knows its line alone: all of that line.
        """
        if self.source is None or self.step is None:
            return []
        return self.source.nodes_at(self.source.position_of(*self.step.where))

    def expression(
        self, kind: type[_Node], fits: Callable[[_Node], bool] = lambda node: True
    ) -> _Node | None:
        """Return the expression, if it is of this kind and fits; None if several may have been meant."""
        found = [node for node in self.expressions if isinstance(node, kind) and fits(node)]
        return found[0] if len(found) == 1 else None

    @cached_property
    def subject(self) -> ast.expr | None:
        """The expression `x` where `x[...]`, `x.name`, `x.name(...)`, `... in x` or `for ... in x` failed."""
        if self.is_loop:
            return self.expressions[0] if len(self.expressions) == 1 else None
        subjects = [subject for node in self.expressions for subject in _subjects(node)]
        return subjects[0] if len(subjects) == 1 else None

    @cached_property
    def is_loop(self) -> bool:
        """Whether a loop began when the innermost own frame failed."""
        if self.step is None or self.step.instruction < 0:
            return False
        return dis.opname[self.step.code.co_code[self.step.instruction]] in ("GET_ITER", "GET_AITER")

    @cached_property
    def function(self) -> Function | None:
        """The function of the innermost own frame."""
        return (
            None
            if self.source is None or self.step is None
            else function_of(self.source.tree, self.step.code)
        )

    def origins(self, name: ast.Name) -> list[ast.expr]:
        """Return the expressions that may have given a name its value, [] if not all of them are known."""
        return (assigned(self.function, name.id) or []) if self.function is not None else []

    # -- values --------------------------------------------------------------------------------

    def value(self, node: ast.expr | None) -> Any:
        """Return the value of a name, or of a module's or class's attribute; UNKNOWN for all else."""
        if self.step is None or node is None:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            frame = self.step.frame
            for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
                if node.id in names:
                    return names[node.id]
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value)
            if isinstance(owner, (ModuleType, type)):
                return vars(owner).get(node.attr, UNKNOWN)
        return UNKNOWN

    def is_request(self, node: ast.expr | None) -> bool:
        return isinstance(self.value(node), Request)

    def is_response(self, node: ast.expr | None) -> bool:
        return isinstance(self.value(node), Response)

    def part(self, node: ast.expr | None) -> str | None:
        """Return which part of the request an expression is, such as "body" for `req.body`."""
        if isinstance(node, ast.Attribute) and node.attr in PARTS and self.is_request(node.value):
            return node.attr
        if isinstance(node, ast.Name) and node.id in PARTS and self.step is not None and self.is_in_handler():
            code = self.step.code
            count = code.co_argcount + code.co_kwonlyargcount
            if node.id in code.co_varnames[:count]:
                return node.id if not self.origins(node) else None
        if isinstance(node, ast.Name):
            origins = self.origins(node)
            if len(origins) == 1 and isinstance(origins[0], ast.Attribute):
                return self.part(origins[0])
        return None

    def part_value(self, node: ast.expr | None) -> Any:
        """Return the value of a part of the request."""
        if isinstance(node, ast.Name):
            return self.value(node)
        part = self.part(node)
        return vars(self.request).get(part, UNKNOWN) if part is not None else UNKNOWN

    def name_of_part(self, value: object) -> str | None:
        """Return which part of the request a value is."""
        kept = vars(self.request)
        return next((part for part in PARTS if part in kept and kept[part] is value), None)

    # -- the request ---------------------------------------------------------------------------

    @cached_property
    def media_type(self) -> str:
        """The media type of the content, "" without a Content-Type."""
        field: str = self.request.environ.get("CONTENT_TYPE") or ""
        return field.partition(";")[0].strip().lower()

    @cached_property
    def has_content(self) -> bool:
        return has_content(self.request.environ)

    @cached_property
    def takes_awaits(self) -> bool:
        """Whether `await` can be written in the innermost own frame."""
        return self.step is not None and bool(self.step.code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR))


def _subjects(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, (ast.Subscript, ast.Attribute)):
        yield node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield node.func.value
    elif (
        isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], (ast.In, ast.NotIn))
    ):
        yield node.comparators[0]
