"""Middleware around a step: composed once, at start.

In: functions (req, res, next) and the step inside them. Out: one step. Raises what a step raises, which
travels outward through the code after `next()`, and RuntimeError for middleware that calls `next()`
twice, or neither responds nor calls it.

A response belongs to the handler while the handler runs, and to middleware before and after that. Sync steps
run in the request's own thread, async steps on the event loop, in any order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, NamedTuple

from apiroutes.concurrency import coroutines, is_async
from apiroutes.http import BODYLESS
from apiroutes.places import place_of
from apiroutes.response import Response
from apiroutes.response_state import CLOSED, OPEN
from apiroutes.results import apply_result
from apiroutes.types import Middleware

__all__ = [
    "Step",
    "as_coroutine",
    "as_sync",
    "compose",
    "never_waits",
    "refuse_next",
    "running_coroutines",
    "runs_on_loop",
    "take_response",
]


class Step(NamedTuple):
    """A function that answers a request, called with its response; an async one returns a coroutine.

    `middleware` belongs to the step, and runs inside any that `compose` puts around it. `keeps_response`:
    whether the step itself takes the response from middleware and gives it back. `prepare` is the part of an
    async step that runs in the request's thread first: reading a body there does not hold the loop while the
    client sends. `never_waits`: whether a plain step may run on an event loop. `answer_at_once` is a part of
    a plain step that may do so: it answers, or returns False if the step has to be called.
    """

    call: Callable[[Any], Any]
    is_async: bool = False
    middleware: tuple[Middleware, ...] = ()
    keeps_response: bool = False
    prepare: Callable[[Any], object] | None = None
    never_waits: bool = False
    answer_at_once: Callable[[Any], bool] | None = None


def never_waits(middleware: Middleware) -> Middleware:
    """Mark plain middleware that may run on an event loop as well.

    It waits for nothing, and ends with `return next()` if it calls `next()`: on the loop, that returns a
    coroutine, which the chain awaits.
    """
    middleware.never_waits = True  # type: ignore[attr-defined]
    return middleware


def as_coroutine(middleware: Sequence[Middleware], step: Step) -> Callable[[Any], Any] | None:
    """Return `step` with the middleware around it as a coroutine function, for an ASGI server's loop.

    None if a plain function among them may wait, which only a thread may do.
    """
    functions = (*middleware, *step.middleware)
    runs_here = step.is_async or step.never_waits or step.answer_at_once is not None
    if not runs_here or not all(map(runs_on_loop, functions)):
        return None
    if step.is_async:
        call = _innermost(step).call
    elif step.answer_at_once is not None:
        call = _here_or_in_thread(step.answer_at_once, step.call)
    else:
        call = _at_once(step.call if step.keeps_response or not functions else _enter_handler(step.call))
    for position in range(len(functions), 0, -1):
        call = _enter_async(functions[position - 1], _once(call, position))
    return call


def runs_on_loop(middleware: Middleware) -> bool:
    """Return whether middleware may run on an event loop, because it never holds it."""
    return is_async(middleware) or getattr(middleware, "never_waits", False)


def _at_once(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a plain step that never waits as a coroutine function."""

    async def run(response: Any) -> None:
        call(response)

    return run


def _here_or_in_thread(
    answer_at_once: Callable[[Any], bool], call: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Return a plain step as a coroutine function, which uses a thread if it may have to wait."""
    call_in_thread = _in_request_thread(call)

    async def run(response: Any) -> None:
        if not answer_at_once(response):
            await call_in_thread(response)

    return run


def compose(middleware: Sequence[Middleware], step: Step) -> Step:
    """Return `step` with the middleware around it, the first outermost."""
    functions = (*middleware, *step.middleware)
    if not functions:
        return step
    composed = _innermost(step)
    for position in range(len(functions), 0, -1):
        composed = _around(functions[position - 1], composed, position)
    return composed


def as_sync(step: Step) -> Callable[[Any], Any]:
    """Return the step as a plain function, which runs a coroutine to its end."""
    if not step.is_async:
        return step.call
    call, prepare, run_coroutine = step.call, step.prepare, coroutines.runner()
    if prepare is None:
        return running_coroutines(lambda response: run_coroutine(call(response)))

    def run(response: Any) -> None:
        prepare(response)
        try:
            run_coroutine(call(response))
        except BaseException:
            response._drop_coroutine()
            raise

    return running_coroutines(run)


def running_coroutines(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Mark a plain step in which coroutines run, so that `next.runs_coroutines` tells middleware around it.

    What they need should be ready before: a coroutine cannot wait while it reads an attribute.
    """
    call.runs_coroutines = True  # type: ignore[attr-defined]
    return call


# A step's `next` calls the `enter` of the step inside: one call for each. After it has returned, a response
# has been given or an exception raised, so the response's state tells that `next` was called already.


def _around(middleware: Middleware, inner: Step, position: int) -> Step:
    if is_async(middleware):
        return Step(_enter_async(middleware, _once(_as_async(inner), position)), is_async=True)
    return Step(_enter(middleware, as_sync(inner)))


def _innermost(step: Step) -> Step:
    """Return the step inside all middleware, which takes the response and gives it back."""
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
                if hasattr(result, "__await__"):  # a plain function that returned a coroutine
                    result = coroutines.run(result)
                _respond(result, middleware, response)
            if response._is_unbuffered:
                response._start_streaming()
        except BaseException as error:
            response._fail(error)
            raise

    return running_coroutines(enter) if getattr(call_next, "runs_coroutines", False) else enter


def _enter_async(middleware: Middleware, call_next: Callable[[Any], Any]) -> Callable[[Any], Any]:
    returns_coroutine = is_async(middleware)

    async def enter(response: Any) -> None:
        if response._state:
            refuse_next(response)
        response._in_middleware = True
        try:
            result = middleware(response.req, response, MethodType(call_next, response))
            if returns_coroutine:
                result = await result
            if result is not None or response._state <= OPEN:
                if hasattr(result, "__await__"):  # `return next()`, as plain middleware does
                    result = await result
                _respond(result, middleware, response)
            if response._is_unbuffered:
                await response._start_streaming_on_loop()
        except BaseException as error:
            response._fail(error)
            raise

    return enter


def _once(call: Callable[[Any], Any], position: int) -> Callable[[Any], Any]:
    """Return an async step that cannot be entered again while it runs.

    Its coroutine is kept, so that middleware that does not await it gets an error.
    """

    def call_next(response: Any) -> Any:
        if response._position >= position:
            return _refuse_next_later(response)
        response._position = position
        response._next_coroutine = coroutine = call(response)
        return coroutine

    return call_next


def take_response(response: Any) -> bool:
    """Take the response from middleware, for a handler; return whether there is middleware around it."""
    has_middleware: bool = response._in_middleware
    if has_middleware:
        if response._state:
            refuse_next(response)
        response._checkpoint = response._snapshot()
        response._in_middleware = False
    return has_middleware


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
    prepare_in_thread = _in_request_thread(prepare)

    async def enter(response: Any) -> None:
        if response.req._pending and not response.req._has_arrived():
            await prepare_in_thread(response)
        else:
            prepare(response)
        await call(response)

    return enter


def _respond(result: object, middleware: Middleware, response: Response) -> None:
    """Respond with the result of middleware, in place of an earlier response."""
    if result is None or result is response:
        if response._state == OPEN and response._status_was_set and response._status in BODYLESS:
            response.end()  # a status alone is a complete response
        elif response._state <= OPEN:
            _refuse_missing_await(middleware, response)
            raise RuntimeError(
                f"the middleware {place_of(middleware)} neither responded nor called next(): "
                "call next(), or return a response"
            )
    elif isinstance(result, MethodType) and result.__self__ is response:
        raise RuntimeError(f"the middleware {place_of(middleware)} returned `next`: write `return next()`")
    elif response._replace():
        apply_result(result, place_of(middleware), response.req, response)


async def _refuse_next_later(response: Response) -> None:
    refuse_next(response)


def _refuse_missing_await(middleware: Middleware, response: Response) -> None:
    """Raise the exception for async middleware that has called `next()` without awaiting it."""
    coroutine, response._next_coroutine = response._next_coroutine, None
    if coroutine is not None and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        coroutine.close()
        raise RuntimeError(
            f"the middleware {place_of(middleware)} called next() without awaiting it: write `await next()`"
        )


def refuse_next(response: Response) -> None:
    """Raise the exception that tells why `next()` cannot be called."""
    if response._state == CLOSED:
        response._can_change("call next()")  # raises CancelledError
    raise RuntimeError(
        "next() can be called only once, and only before the middleware responds: "
        "write `return` after the response"
    )


def _as_async(step: Step) -> Callable[[Any], Any]:
    """Return the step as a coroutine function; a plain step runs in the request's thread meanwhile."""
    return step.call if step.is_async else _in_request_thread(step.call)


def _in_request_thread(call: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return a plain step as a coroutine function.

    It runs to its end; a cancellation only closes the response to it, at once.
    """
    call_in_thread = coroutines.thread_caller()

    async def run(response: Response) -> None:
        states: list[int] = []
        try:
            await call_in_thread(call, response, on_cancel=lambda: states.append(response._close()))
        finally:
            if states:
                response._drop_coroutine()
                response._reopen(states[0])

    return run
