"""Middleware around a step: composed once, at start.

In: functions (req, res, next) and the step inside them. Out: one step. Raises nothing of its
own; what a step raises travels outward through the code after `next()`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import MethodType
from typing import Any, NamedTuple

from apiroutes import coroutines
from apiroutes.declarations import Middleware
from apiroutes.errors import ApiError
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["Step", "as_sync", "compose", "require_answer"]

_log = logging.getLogger("apiroutes")


class Step(NamedTuple):
    """Something that answers a request; an async one gives a coroutine."""

    call: Callable[[Request, Response], Any]
    is_async: bool = False


def compose(middleware: Sequence[Middleware], step: Step) -> Step:
    """`step` with the middleware around it, the first outermost; without any, `step` itself."""
    if not middleware:
        return step
    if not step.is_async and not any(map(_is_async, middleware)):
        return Step(_all_sync(middleware, step.call))
    for each in reversed(middleware):
        step = _around(each, step)
    return step


def as_sync(step: Step) -> Callable[[Request, Response], Any]:
    """The step as a plain function, which runs a coroutine to its end."""
    if not step.is_async:
        return step.call
    return lambda request, response: coroutines.run(step.call(request, response))


def require_answer(request: Request, response: Response) -> None:
    """Raises ApiError 500 when middleware neither answered nor went on to the next step."""
    if not response.headers_sent:
        where = request.route_pattern or "a path without a route"
        _log.error("middleware of %s neither answered nor called next()", where)
        raise ApiError(500, "Internal Server Error")


_Exchange = tuple[Request, Response]


def _all_sync(
    middleware: Sequence[Middleware], last: Callable[[Request, Response], Any]
) -> Callable[[Request, Response], Any]:
    # Steps are made at start, and `next` is one of them bound to the request's exchange: a bound
    # method is the cheapest thing to make, and the cheapest to call.
    following = _last_step(last)
    for each in reversed(middleware[1:]):
        following = _step(each, following)
    first = middleware[0]

    def run(request: Request, response: Response) -> None:
        first(request, response, MethodType(following, (request, response)))

    return run


def _step(middleware: Middleware, following: Callable[[_Exchange], Any]) -> Callable[[_Exchange], Any]:
    def step(exchange: _Exchange) -> Any:
        request, response = exchange
        return middleware(request, response, MethodType(following, exchange))

    return step


def _last_step(call: Callable[[Request, Response], Any]) -> Callable[[_Exchange], Any]:
    def step(exchange: _Exchange) -> Any:
        request, response = exchange
        return call(request, response)

    return step


def _around(middleware: Middleware, inner: Step) -> Step:
    if not _is_async(middleware):
        call = as_sync(inner)

        def run(request: Request, response: Response) -> None:
            middleware(request, response, partial(call, request, response))

        return Step(run)

    following: Callable[[Request, Response], Awaitable[Any]] = (
        inner.call if inner.is_async else _awaitable(inner.call)
    )

    async def run_async(request: Request, response: Response) -> None:
        await middleware(request, response, partial(following, request, response))

    return Step(run_async, is_async=True)


def _awaitable(
    call: Callable[[Request, Response], Any],
) -> Callable[[Request, Response], Awaitable[Any]]:
    async def run(request: Request, response: Response) -> None:
        call(request, response)

    return run


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (an object's own __call__)
    )
