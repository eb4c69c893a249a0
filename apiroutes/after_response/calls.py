"""One function for the time after the response, with its arguments and its context.

In: what `after` was given. Out: the call, and its error as data. Raises TypeError for what cannot be called
later.
"""

from __future__ import annotations

import contextvars
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from apiroutes.concurrency import Call, coroutines, is_async
from apiroutes.places import name_of, place_of
from apiroutes.structs import Struct, field

__all__ = ["AfterCall", "WorkCall"]


class AfterCall(Struct, frozen=True):
    """A function that ran after a response, as the test client lists it; `error` is what it has raised."""

    function: Callable[..., object]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def name(self) -> str:
        """The function's name, such as "send_receipt"."""
        return name_of(self.function)


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
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.always = always
        self.is_counted = False  # by the pool, as waiting
        self.is_async = is_async(function)
        self.context = contextvars.copy_context()

    @property
    def place(self) -> str:
        """The function's name with its file and line, for messages."""
        return place_of(self.function)

    def bound(self) -> Any:
        """Call the function, as it was asked for."""
        return self.function(*self.args, **self.kwargs)

    def run(self) -> BaseException | None:
        """Call the function in this thread, to the end of a coroutine that it returns; return its error."""
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
        message = f"and `{name}` is a generator function, of which a call does nothing"
    else:
        return
    raise TypeError(f"after() takes a function, followed by its arguments, {message}")


def _is_generator_function(function: Callable[..., object]) -> bool:
    plain = function.func if isinstance(function, partial) else function
    return inspect.isgeneratorfunction(plain) or inspect.isasyncgenfunction(plain)
