"""Describes a failed start or end.

In: an exception, and the place where it was raised. Out: a LifespanError, whose problem is at the innermost
line of the project.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from apiroutes.errors import LifespanError, Problem, one_line
from apiroutes.places import Place, frames_in, located, place_at, project_file
from apiroutes.threads import traceback_of

__all__ = ["FILE", "LateError", "MisuseError", "failure"]

FILE = "instrumentation.py"


class MisuseError(TypeError):
    """`register` is not written correctly; the text says how to write it."""


class LateError(TimeoutError):
    """`register` has not reached its `yield`, or its end, in time; the traceback shows where it is."""

    def __init__(self, what: str, seconds: float, setting: str, frames: list[FrameType]) -> None:
        super().__init__(f"{what} within {seconds:g} s")
        self.remedy = f"Set a shorter time-out for what it waits for, or set `{setting}`."
        self.__traceback__ = traceback_of(frames)


def failure(error: BaseException, register: Callable[[], Any] | None, root: Path, what: str) -> LifespanError:
    """Return the error for users of an App; `what` says what the App has failed to do."""
    place = _place_of(error, register, root)
    if isinstance(error, MisuseError):
        message, remedy = error.args
    elif isinstance(error, LateError):
        message, remedy = str(error), error.remedy
    else:
        message = f"`register` raised {one_line(error)}" if register is not None else one_line(error)
        remedy = "Correct it, or catch the exception if the application can do without it."
    return LifespanError([located(Problem(FILE, f"{what}: {message}.", remedy), place)])


def _place_of(error: BaseException, register: Callable[[], Any] | None, root: Path) -> Place:
    """Return the innermost line of the project that the error comes from, or the function's first line."""
    frames = [*frames_in(error.__traceback__, root)]
    if frames:
        return place_at(root, frames[-1].file, frames[-1].line, columns=frames[-1].columns)
    code: Any = None if register is None else getattr(inspect.unwrap(register), "__code__", None)
    file = None if code is None else project_file(code.co_filename, root)
    return Place(FILE) if file is None else place_at(root, file, code.co_firstlineno, "register")
