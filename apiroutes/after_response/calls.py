"""One function to call after the response, with its arguments and its context.

In: the arguments of `after`. Out: the call, and its error as data. Raises TypeError for something that cannot
be called later.
"""

from __future__ import annotations

import contextvars
import inspect
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

from apiroutes.concurrency import Call, coroutines, is_async
from apiroutes.places import location_of, name_of
from apiroutes.structs import Struct, field

__all__ = ["AfterCall", "WorkCall"]

_LAMBDA = "lambda"

_STANDARD_LIBRARY = os.path.dirname(os.__file__)
_INSTALLED = frozenset(("site-packages", "dist-packages"))


class AfterCall(Struct, frozen=True):
    """A function that ran after a response, as the test client lists it.

    Args:
        function: The function that was given to `after`.
        args: Its arguments.
        kwargs: Its arguments by name.
        error: The exception that the function raised; None if it raised nothing.
    """

    function: Callable[..., object]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def name(self) -> str:
        """The function's name, such as "send_receipt", or "lambda (pages/api/orders.py:7)"."""
        return _name_of(self.function)


class WorkCall:
    """A call of a function in a copy of the current context. `always`: also after a failure."""

    def __init__(
        self,
        function: Callable[..., object],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        always: bool,
    ) -> None:
        _check(function)
        _check_arguments(function, args, kwargs)
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.always = always
        self.is_counted = False  # by the pool, as waiting
        self.is_async = is_async(function)
        self.context = contextvars.copy_context()

    @property
    def place(self) -> str:
        """The function's name for messages, with its file and line if it belongs to the project."""
        name = _name_of(self.function)
        location = None if name.startswith(_LAMBDA) else _location_of(self.function)
        return f"`{name}`" if location is None else f"`{name}` ({location})"

    def bound(self) -> Any:
        """Call the function with its arguments."""
        return self.function(*self.args, **self.kwargs)

    def run(self) -> BaseException | None:
        """Call the function in this thread, run a coroutine that it returns, and return its error."""
        call = Call(self.context, self._run_to_end, ())
        call()
        error, call.error = call.error, None
        return error

    def _run_to_end(self) -> None:
        result = self.bound()
        if hasattr(result, "__await__"):
            coroutines.run(result)

    def ended(self, error: BaseException | None) -> AfterCall:
        """Return the call as a test sees it."""
        return AfterCall(self.function, self.args, self.kwargs, error)


def _name_of(function: Callable[..., object]) -> str:
    """Return the name of the function itself, not of its wrapper."""
    inner = inspect.unwrap(_without_partial(function))
    name = getattr(inner, "__qualname__", None)
    if name is None:
        return name_of(function)
    if name.endswith("<lambda>"):
        location = location_of(inner)
        return _LAMBDA if location is None else f"{_LAMBDA} ({location})"
    return str(name).rpartition("<locals>.")[2]


def _location_of(function: Callable[..., object]) -> str | None:
    """Return the file and line of a function; None for a function of Python or of an installed package."""
    location = location_of(function)
    if location is None:
        return None
    path = Path(location).absolute()
    is_foreign = _INSTALLED.intersection(path.parts) or path.is_relative_to(_STANDARD_LIBRARY)
    return None if is_foreign else location


def _without_partial(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function


def _check_arguments(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise TypeError, where `after` is called, if a plain function does not take the arguments.

    Arguments of other callables, and of functions that declare another signature, are only checked by the
    call.
    """
    plain = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(plain, FunctionType) or hasattr(plain, "__signature__"):
        return
    code, count = plain.__code__, len(args) + (plain is not function)
    least = code.co_argcount - len(plain.__defaults__ or ())
    is_simple = not kwargs and code.co_kwonlyargcount == len(plain.__kwdefaults__ or ())
    if is_simple and least <= count <= code.co_argcount:  # most calls: `bind` costs several microseconds
        return
    try:
        inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"after() cannot call `{_name_of(function)}` later: {error}") from None


def _check(function: object) -> None:
    """Raise TypeError with what to write instead."""
    name = getattr(function, "__name__", None)
    if inspect.iscoroutine(function):
        function.close()  # or Python warns that nobody awaited it
        message = (
            f"not the coroutine that it returned: write after({name}, ...) instead of after({name}(...))"
        )
    elif not callable(function):
        message = f"not {type(function).__name__}: write after(send, order) instead of after(send(order))"
    elif _is_generator_function(function):
        message = f"and `{name}` is a generator function, whose call does nothing"
    else:
        return
    raise TypeError(f"after() takes a function, followed by its arguments, {message}")


def _is_generator_function(function: Callable[..., object]) -> bool:
    plain = _without_partial(function)
    return inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
