"""Middleware around a step: composed once, at start.

In: functions (req, res, next) and the step inside them. Out: one step. Raises nothing of its
own; what a step raises travels outward through the code after `next()`.

What `next` calls is decided at start, whose request it belongs to is not. So what middleware
goes on to are methods of the App's responses, and `next` is one of them: a bound method is the
cheapest thing that Python makes for a request, and the cheapest to call.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, NamedTuple

from apiroutes import coroutines
from apiroutes.declarations import Middleware
from apiroutes.errors import ApiError
from apiroutes.logs import route_of
from apiroutes.response import Response

__all__ = ["Step", "as_sync", "compose", "require_answer"]

_log = logging.getLogger("apiroutes")


class Step(NamedTuple):
    """Something that answers a request, called with its response; an async one gives a coroutine.

    `middleware` is its own, and runs inside of what is put around it.
    """

    call: Callable[[Any], Any]
    is_async: bool = False
    middleware: tuple[Middleware, ...] = ()


def compose(middleware: Sequence[Middleware], step: Step, response: type[Response]) -> Step:
    """`step` with the middleware around it, the first outermost.

    `response` is the class of the responses that it will be called with, which gets what `next`
    calls as methods.
    """
    for each in reversed((*middleware, *step.middleware)):
        step = _around(each, step, response)
    return step


def as_sync(step: Step) -> Callable[[Any], Any]:
    """The step as a plain function, which runs a coroutine to its end."""
    if not step.is_async:
        return step.call
    return lambda response: coroutines.run(step.call(response))


def require_answer(response: Response) -> None:
    """Raises ApiError 500 when middleware neither answered nor went on to the next step."""
    if not response.headers_sent:
        _log.error("middleware of %s neither answered nor called next()", route_of(response.req))
        raise ApiError(500, "Internal Server Error")


def _around(middleware: Middleware, inner: Step, response: type[Response]) -> Step:
    is_async = _is_async(middleware)
    name = f"_next_{len(vars(response))}"
    setattr(response, name, _as_async(inner) if is_async else as_sync(inner))
    # Python is fast with names that stand in the code and with globals: each step has its own.
    code = _step.__code__
    names = tuple(name if each == "_next" else each for each in code.co_names)
    return Step(FunctionType(code.replace(co_names=names), {"_middleware": middleware}), is_async)


def _step(response: Any) -> Any:
    return _middleware(response.req, response, response._next)  # type: ignore[name-defined]  # noqa: F821


def _as_async(step: Step) -> Callable[[Any], Any]:
    """The step as a coroutine function, which calls a plain one."""
    if step.is_async:
        return step.call

    async def run(response: Any) -> None:
        step.call(response)

    return run


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (an object's own __call__)
    )
