"""Identifies limits: keeps their counts apart, in all workers, and after most edits of their file.

In: the frame that makes a limit, and the limit. Out: a text that stays the same when lines move. Raises
ProjectError for limits that nothing distinguishes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from apiroutes.errors import Problem, ProjectError
from apiroutes.places import place_at, project_file
from apiroutes.rates import Limit

__all__ = ["MadeAt", "made_at", "made_for_route", "refuse_twins"]

# In the namespace of a module, as `__warningregistry__`: a module that is loaded again starts over.
_REGISTRY = "__apiroutes_rate_limits__"
# Bit 0 of `co_flags`: the code of a function, whose names are not in a namespace.
_OPTIMIZED = 1


class MadeAt(NamedTuple):
    """Where a limit is made: by a function of a file, or None for the module itself.

    `number` is its position among the limits of its module that have the same arguments; a limit that a
    function makes has no number, because the order of calls is unknown. `module` is the module's object.
    """

    file: str
    line: int | None
    function: str | None
    arguments: str
    number: int
    module: object

    def name(self, root: Path) -> str:
        """Return the text that distinguishes this limit from others of the project in a directory."""
        # A route's file is relative to the project already.
        file = self.file if self.line is None else project_file(self.file, root) or self.file
        return f"place:{file}:{self.function or ''}:{self.number}:{self.arguments}"


def made_at(frame: FrameType, limit: Limit) -> MadeAt:
    """Return the place of a limit that the code of a frame makes."""
    line = frame.f_lineno
    while frame.f_code.co_name in ("<listcomp>", "<dictcomp>", "<setcomp>") and frame.f_back is not None:
        frame = frame.f_back
    code, arguments = frame.f_code, _arguments_of(limit)
    module = frame.f_globals.setdefault(_REGISTRY, {})
    if code.co_flags & _OPTIMIZED:
        function = getattr(code, "co_qualname", code.co_name)
        return MadeAt(code.co_filename, line, function, arguments, 0, module)
    number = module[arguments] = module.get(arguments, 0) + 1
    return MadeAt(code.co_filename, line, None, arguments, number, module)


def made_for_route(file: str) -> MadeAt:
    """Return the place of the limit that the `config` of a route's file declares."""
    return MadeAt(file, None, "config", "", 0, None)


def _arguments_of(limit: Limit) -> str:
    rates = ",".join(rate.text for rate in limit.rates)
    rest = (limit.by, limit.cost, limit.failures_only, limit.is_failure)
    return repr((rates, *(_name_of(value) if callable(value) else value for value in rest)))


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__qualname__", type(function).__qualname__)


def refuse_twins(limit: MadeAt, known: MadeAt, root: Path) -> None:
    """Raise ProjectError for a limit with the name of another limit that the same function has made.

    A module that is loaded twice, because another module imports it, makes the same limits twice: they count
    together.
    """
    if limit.function is None or limit.module is not known.module:
        return
    file = project_file(limit.file, root) or limit.file
    place = place_at(root, file, limit.line, "rate_limit")
    message = f"`{limit.function}` makes several rate limits that nothing distinguishes."
    remedy = "Give each a name, `rate_limit(..., name=...)`, or use one object if they are to count together."
    raise ProjectError([Problem(file, message, remedy, place.line, place.source, place.span)])
