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

from apiroutes.concurrency import coroutines
from apiroutes.handlers import is_async, place_of
from apiroutes.http import BODYLESS
from apiroutes.response import Response
from apiroutes.response_state import CLOSED, OPEN
from apiroutes.results import apply_result
from apiroutes.types import Middleware

__all__ = ["Step", "as_sync", "compose", "refuse_next"]


class Step(NamedTuple):
    """Something that answers a request, called with its response; an async one gives a coroutine.

    `middleware` is its own, and runs inside of what is put around it. `keeps_response` says that it
    takes the response from middleware and gives it back itself. `prepare` is what an async step does in
    the request's thread before: reading a body would hold the loop for as long as the client takes.
    """

    call: Callable[[Any], Any]
    is_async: bool = False
    middleware: tuple[Middleware, ...] = ()
    keeps_response: bool = False
    prepare: Callable[[Any], object] | None = None


def compose(middleware: Sequence[Middleware], step: Step) -> Step:
    """`step` with the middleware around it, the first outermost."""
    every = (*middleware, *step.middleware)
    if not every:
        return step
    inner = _handler(step)
    for position in range(len(every), 0, -1):
        inner = _around(every[position - 1], inner, position)
    return inner


def as_sync(step: Step) -> Callable[[Any], Any]:
    """The step as a plain function, which runs a coroutine to its end."""
    if not step.is_async:
        return step.call
    call, prepare = step.call, step.prepare
    if prepare is None:
        return lambda response: coroutines.run(call(response))

    def run(response: Any) -> None:
        prepare(response)
        try:
            coroutines.run(call(response))
        except BaseException:
            coroutine, response._coroutine = response._coroutine, None
            if coroutine is not None:  # which nobody has begun to await
                coroutine.close()
            raise

    return run


# What enters a step is what `next` of the one before calls: one call for each. Once it has returned there is
# an answer, or an exception has passed, so that the response's state says that `next` was called already.


def _around(middleware: Middleware, inner: Step, position: int) -> Step:
    if is_async(middleware):
        return Step(_enter_async(middleware, _once(_as_async(inner), position)), is_async=True)
    return Step(_enter(middleware, as_sync(inner)))


def _handler(step: Step) -> Step:
    """The step inside of all middleware, to which an answer is given once."""
    if step.prepare is not None:
        return step._replace(call=_enter_prepared(step.call, step.prepare), prepare=None)
    return step if step.keeps_response else Step(_enter_handler(step.call))


def _enter(middleware: Middleware, call_next: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def enter(response: Any) -> None:
        if response._state:
            refuse_next(response)
        response._in_middleware = True
        try:
            # A bound method is the cheapest `next` that belongs to one request alone.
            result = middleware(response.req, response, MethodType(call_next, response))
            if result is not None or response._state <= OPEN:
                if hasattr(result, "__await__"):  # of a function that does not say that it is async
                    result = coroutines.run(result)
                _take(result, middleware, response)
            if response._is_unbuffered:
                response._start_streaming()
        except BaseException as error:
            response._fail(error)
            raise

    return enter


def _enter_async(middleware: Middleware, call_next: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def enter(response: Any) -> None:
        if response._state:
            refuse_next(response)
        response._in_middleware = True
        try:
            result = await middleware(response.req, response, MethodType(call_next, response))
            if result is not None or response._state <= OPEN:
                if hasattr(result, "__await__"):  # `return next()`, as sync middleware may
                    result = await result
                _take(result, middleware, response)
            if response._is_unbuffered:
                await coroutines.in_request_thread(response._start_streaming)
        except BaseException as error:
            response._fail(error)
            raise

    return enter


def _once(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    """An async step that a coroutine cannot enter again while it is still in there."""

    async def call_next(response: Any) -> None:
        if response._position >= position:
            refuse_next(response)
        response._position = position
        await call(response)

    return call_next


def _enter_handler(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def enter(response: Any) -> None:
        if response._state:
            refuse_next(response)
        response._checkpoint = response._snapshot()
        response._in_middleware = False
        try:
            call(response)
            if response._is_unbuffered:
                response._start_streaming()
            response._in_middleware = True
        except BaseException as error:
            response._fail(error)
            raise

    return enter


def _enter_prepared(call: Callable[[Any], Any], prepare: Callable[[Any], object]) -> Callable[[Any], Any]:
    async def enter(response: Any) -> None:
        if response.req._pending:
            await _in_request_thread(prepare, response)
        else:
            prepare(response)
        await call(response)

    return enter


def _take(result: object, middleware: Middleware, response: Response) -> None:
    """Answer with what middleware returned, in place of what there was."""
    if result is None or result is response:
        if response._state == OPEN and response._status_was_set and response._status in BODYLESS:
            response.end()  # which is a whole answer
        elif response._state <= OPEN:
            raise RuntimeError(
                f"the middleware {place_of(middleware)} neither answered nor called next(): "
                "call next(), or return an answer"
            )
    elif response._replace():
        apply_result(result, place_of(middleware), response.req, response)


def refuse_next(response: Response) -> None:
    """Raise what says why `next()` cannot be called."""
    if response._state == CLOSED:
        response._can_change("call next()")  # which says why not
    raise RuntimeError("next() is called once, by middleware that has not answered")


def _as_async(step: Step) -> Callable[[Any], Any]:
    """The step as a coroutine function; a plain one runs in the request's thread meanwhile."""
    if step.is_async:
        return step.call
    call = step.call

    async def run(response: Any) -> None:
        await _in_request_thread(call, response)

    return run


async def _in_request_thread(call: Callable[[Any], object], response: Response) -> None:
    """Call a plain step. A cancellation refuses the response to it at once: it goes on until its end."""
    held: list[int] = []
    try:
        await coroutines.in_request_thread(call, response, on_cancel=lambda: held.append(response._close()))
    finally:
        if held:
            if response._coroutine is not None:
                response._coroutine.close()
            response._reopen(held[0])
