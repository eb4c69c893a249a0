"""Middleware around a step: composed once, at start.

In: functions (req, res, next) and the step inside them. Out: one step. Raises what a step raises,
which travels outward through the code after `next()`, and RuntimeError for middleware that calls
`next()` twice, or neither answers nor goes on.

A response is the handler's while the handler runs, and middleware's before and after it. Sync steps
run in the request's own thread, async ones on the event loop, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, NamedTuple

from apiroutes import coroutines
from apiroutes.answers import apply_result
from apiroutes.declarations import Middleware, is_async, place_of
from apiroutes.response import BODYLESS, REFUSED, Response

__all__ = ["Step", "as_sync", "compose"]


class Step(NamedTuple):
    """Something that answers a request, called with its response; an async one gives a coroutine.

    `middleware` is its own, and runs inside of what is put around it.
    """

    call: Callable[[Any], Any]
    is_async: bool = False
    middleware: tuple[Middleware, ...] = ()


def compose(middleware: Sequence[Middleware], step: Step) -> Step:
    """`step` with the middleware around it, the first outermost."""
    every = (*middleware, *step.middleware)
    inner, is_innermost = step, True
    for position in range(len(every), 0, -1):
        inner = _around(every[position - 1], inner, position, is_innermost)
        is_innermost = False
    return inner


def as_sync(step: Step) -> Callable[[Any], Any]:
    """The step as a plain function, which runs a coroutine to its end."""
    if not step.is_async:
        return step.call
    return lambda response: coroutines.run(step.call(response))


def _around(middleware: Middleware, inner: Step, position: int, is_innermost: bool) -> Step:
    if is_async(middleware):
        call_next = _handler_async if is_innermost else _next_async
        return _async_step(middleware, call_next(_as_async(inner), position))
    return _step(middleware, (_handler if is_innermost else _next)(as_sync(inner), position))


def _step(middleware: Middleware, call_next: Callable[[Any], Any]) -> Step:
    def run(response: Any) -> None:
        response._is_middlewares = True
        # A bound method is the cheapest `next` that belongs to one request alone.
        result = middleware(response.req, response, MethodType(call_next, response))
        if result is not None or not response._state:
            if hasattr(result, "__await__"):  # of a function that does not say that it is async
                result = coroutines.run(result)
            _take(result, middleware, response)

    return Step(run)


def _async_step(middleware: Middleware, call_next: Callable[[Any], Any]) -> Step:
    async def run(response: Any) -> None:
        response._is_middlewares = True
        result = await middleware(response.req, response, MethodType(call_next, response))
        if result is not None or not response._state:
            if hasattr(result, "__await__"):  # `return next()`, as sync middleware may
                result = await result
            _take(result, middleware, response)

    return Step(run, is_async=True)


def _take(result: object, middleware: Middleware, response: Response) -> None:
    """Answer with what middleware returned, in place of what there was."""
    if result is None or result is response:
        if not response._state and response._said_status and response._status in BODYLESS:
            response.end()  # which is a whole answer
        elif not response._state:
            raise RuntimeError(
                f"the middleware {place_of(middleware)} neither answered nor called next(): "
                "call next(), or return an answer"
            )
    elif response._replace():
        apply_result(result, place_of(middleware), response.req, response)


# -- what `next` calls: the steps between two pieces of middleware, and the handler ----------------


def _next(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    def call_next(response: Any) -> None:
        if response._position >= position:
            _refuse(response)
        response._position = position
        try:
            call(response)
            if response._is_special:
                response._start_streaming()
        except BaseException as error:
            response._fail(error)
            raise

    return call_next


def _handler(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    """The same around the handler, to which an answer is given once."""

    def call_next(response: Any) -> None:
        if response._position >= position:
            _refuse(response)
        response._position = position
        response._before = response._saved()
        response._is_middlewares = False
        try:
            call(response)
            if response._is_special:
                response._start_streaming()
        except BaseException as error:
            response._fail(error)
            raise
        response._is_middlewares = True

    return call_next


def _refuse(response: Response) -> None:
    if response._state == REFUSED:
        response._may("call next()")  # which says why not
    raise RuntimeError("next() was called twice by the same middleware")


def _next_async(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    async def call_next(response: Any) -> None:
        if response._position >= position:
            _refuse(response)
        response._position = position
        try:
            await call(response)
            if response._is_special:
                await coroutines.in_request_thread(response._start_streaming)
        except BaseException as error:
            response._fail(error)
            raise

    return call_next


def _handler_async(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    async def call_next(response: Any) -> None:
        if response._position >= position:
            _refuse(response)
        response._position = position
        response._before = response._saved()
        response._is_middlewares = False
        try:
            await call(response)
            if response._is_special:
                await coroutines.in_request_thread(response._start_streaming)
        except BaseException as error:
            response._fail(error)
            raise
        response._is_middlewares = True

    return call_next


def _as_async(step: Step) -> Callable[[Any], Any]:
    """The step as a coroutine function; a plain one runs in the request's thread meanwhile.

    A cancellation refuses the response to the plain one at once, because it goes on until its end.
    """
    if step.is_async:
        return step.call
    call = step.call

    async def run(response: Any) -> None:
        held: list[tuple[int, int]] = []
        try:
            await coroutines.in_request_thread(
                call, response, on_cancel=lambda: held.append(response._refuse())
            )
        finally:
            if held:
                response._reopen(held[0])

    return run
