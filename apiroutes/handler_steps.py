"""The step of one handler: its inputs before the call, and the handling of its result or exception.

In: a handler, and its endpoint, which responds with a result. Out: a `Step`. It raises what the handler
raises, after the response is rolled back to its earlier state.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from apiroutes.body import Limits
from apiroutes.chain import Step, refuse_next, running_coroutines, take_response
from apiroutes.concurrency import coroutines
from apiroutes.errors import InvalidRequest, JSONTypeError, ResponseSentError
from apiroutes.handlers import Dependencies, Handler, Overrides, Plan, PlanOf, RouteModule, key_of, plan_of
from apiroutes.logs import log_fault, route_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_head import UNTOUCHED
from apiroutes.response_state import OPEN, SENT

__all__ = ["Endpoint", "Planned", "PlannedHandler", "step_of", "sync_planned"]


class Endpoint(Protocol):
    """What a step needs from the endpoint of its route."""

    module: RouteModule
    limits: Limits
    response_limit: float
    planned: list[Planned]

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None: ...

    def exceeds_limit(self, handler: Handler, response: Response) -> None: ...

    def told(self, error: InvalidRequest, handler: Handler, request: Request) -> BaseException: ...


def step_of(endpoint: Endpoint, handler: Handler) -> Step:
    """Return the step that calls one handler. An error rolls the response back to its earlier state.

    The step follows the rules of `Step.keeps_response` itself, because a step around it would cost another
    call. `_sync_call` and `_async_preparation` begin with the same lines: sharing them would cost a call
    of 70 to 120 ns, 4 to 7 % of the static route.
    """
    step = _step_of(endpoint, handler)
    if inspect.isasyncgenfunction(handler.function):  # a loop iterates its chunks
        running_coroutines(step.call)
    return step


def _step_of(endpoint: Endpoint, handler: Handler) -> Step:
    if handler.dependencies is not None:
        return PlannedHandler(endpoint, handler).step
    if handler.is_async:
        prepare = _async_preparation(endpoint, handler)
        return Step(_async_call(endpoint, handler), True, handler.middleware, True, prepare)
    return Step(_sync_call(endpoint, handler), False, handler.middleware, True)


def _sync_call(endpoint: Endpoint, handler: Handler) -> Callable[[Response], None]:
    call, limit = handler.call, endpoint.response_limit
    # A handler that takes the body as a type reads the body when it is called.
    prepares, parses = not handler.signature.reads_body, endpoint.limits.parse

    def run(response: Response) -> None:
        has_middleware = response._in_middleware
        if has_middleware:
            if response._state:
                refuse_next(response)
            has_head = response._headers or response._status_was_set
            response._checkpoint = response._snapshot() if has_head else UNTOUCHED
            response._in_middleware = False
        try:
            request = response.req
            if request._pending and prepares:
                request._prepare_body(parses, has_middleware)
            result = call(request, response)
            if result is not None or not response._state:
                if type(result) is not dict and hasattr(result, "__await__"):
                    result = coroutines.run(result)
                endpoint.respond(result, handler, request, response)
            if len(response._content) >= limit or response._written >= limit:
                endpoint.exceeds_limit(handler, response)
            if has_middleware:
                if response._is_unbuffered:
                    response._start_streaming()
                response._in_middleware = True
        except BaseException as error:
            if not _stands(response, error, has_middleware, handler):
                raise

    return run


def _async_preparation(endpoint: Endpoint, handler: Handler) -> Callable[[Response], None]:
    """Return the part of an async handler's step that runs in the request's thread."""
    call = handler.call
    prepares, parses = not handler.signature.reads_body, endpoint.limits.parse

    def prepare(response: Response) -> None:
        response._entered_by_middleware = has_middleware = response._in_middleware
        if has_middleware:
            if response._state:
                refuse_next(response)
            has_head = response._headers or response._status_was_set
            response._checkpoint = response._snapshot() if has_head else UNTOUCHED
            response._in_middleware = False
        try:
            request = response.req
            if request._pending and prepares:
                request._prepare_body(parses, has_middleware)
            response._coroutine = call(request, response)
        except BaseException as error:
            if not _stands(response, error, has_middleware, handler):
                raise
            response._coroutine = _nothing()

    return prepare


def _async_call(endpoint: Endpoint, handler: Handler) -> Callable[[Response], Coroutine[Any, Any, None]]:
    """Return the part of an async handler's step that runs on the event loop."""
    limit = endpoint.response_limit

    async def run(response: Response) -> None:
        coroutine, response._coroutine = response._coroutine, None
        has_middleware = response._entered_by_middleware
        try:
            endpoint.respond(await coroutine, handler, response.req, response)
            if len(response._content) >= limit or response._written >= limit:
                endpoint.exceeds_limit(handler, response)
            if has_middleware:
                if response._is_unbuffered:
                    await response._start_streaming_on_loop()
                response._in_middleware = True
        except BaseException as error:
            if not _stands(response, error, has_middleware, handler):
                raise

    return run


class Planned:
    """A handler with a plan, which can be rebuilt with other dependencies."""

    # Whether the step that calls the plan awaits it, so that every plan has to be a coroutine function.
    is_async = False
    _use: Callable[[Plan], None]

    def __init__(self, dependencies: Dependencies, target: PlanOf) -> None:
        self._dependencies = dependencies
        self._graph = dependencies.graph
        self._target = target

    def plan(self) -> Plan:
        """Return the plan with the dependencies that the project declares."""
        return plan_of(self._target, self._graph)

    def functions(self) -> list[Callable[..., Any]]:
        """Return the functions on which the project depends here, including those that are replaced."""
        nodes = (*self._dependencies.graph.nodes, *self._graph.nodes)
        return [node.asked for node in nodes]

    def needs(self, function: Callable[..., Any]) -> bool:
        """Return whether a function is one of them."""
        return key_of(function) in map(key_of, self.functions())

    def overridden(self, overrides: Overrides) -> Callable[[], None]:
        """Return a function that makes later requests call other dependencies. Raises ParameterError."""
        graph = self._dependencies.overridden(overrides)
        plan = plan_of(self._target, graph, must_be_async=self.is_async)

        def use() -> None:
            self._graph = graph
            self._use(plan)

        return use


class PlannedHandler(Planned):
    """A handler with dependencies, and its `step`."""

    def __init__(self, endpoint: Endpoint, handler: Handler) -> None:
        assert handler.dependencies is not None
        prepares = not handler.dependencies.signature.reads_body
        parses = endpoint.limits.parse
        target = PlanOf(
            handler.function,
            handler.dependencies.signature,
            # A dependency may have read the body already.
            (lambda request: request._prepare_body(parses, is_shared=True)) if prepares else None,
            _responder(endpoint, handler),
            lambda error, request: endpoint.told(error, handler, request),
            endpoint.module.config.max_duration is not None,
        )
        super().__init__(handler.dependencies, target)
        plan = self.plan()
        self.is_async = plan.is_async
        make = _async_planned if plan.is_async else sync_planned
        call, self._use = make(plan, handler)
        self.step = Step(call, plan.is_async, handler.middleware, True)
        endpoint.planned.append(self)


def _responder(endpoint: Endpoint, handler: Handler) -> Callable[[Any, Any, Any], None]:
    """Return the function that makes the response from the handler's result."""
    limit, respond = endpoint.response_limit, endpoint.respond

    def respond_within_limit(result: Any, request: Any, response: Any) -> None:
        if type(result) is not dict and hasattr(result, "__await__"):
            result = coroutines.run(result)
        respond(result, handler, request, response)
        if len(response._content) >= limit or response._written >= limit:
            endpoint.exceeds_limit(handler, response)
        if response._is_unbuffered:
            response._keep_context()

    return respond_within_limit


def sync_planned(plan: Plan, handler: Handler) -> tuple[Callable[[Response], None], Callable[[Plan], None]]:
    """Return the step of a plan, and a function that replaces the plan.

    The step finds its plan in a cell, which costs a request nothing.
    """
    call, is_async, has_exits = plan

    def run(response: Response) -> None:
        has_middleware = take_response(response)
        try:
            result = call(response.req, response)
            if is_async:
                coroutines.run(result)
            if has_middleware:
                if response._is_unbuffered:
                    response._start_streaming()
                response._in_middleware = True
        except BaseException as error:
            if has_exits:
                _withdraw(response)
            if not _stands(response, error, has_middleware, handler, may_stand=not has_exits):
                raise

    def use(other: Plan) -> None:
        nonlocal call, is_async, has_exits
        call, is_async, has_exits = other

    return run, use


def _async_planned(
    plan: Plan, handler: Handler
) -> tuple[Callable[[Response], Coroutine[Any, Any, None]], Callable[[Plan], None]]:
    """Return the same for a plan that is a coroutine function."""
    call, _, has_exits = plan

    async def run(response: Response) -> None:
        has_middleware = take_response(response)
        try:
            await call(response.req, response)
            if has_middleware:
                if response._is_unbuffered:
                    await response._start_streaming_on_loop()
                response._in_middleware = True
        except BaseException as error:
            if has_exits:
                _withdraw(response)
            if not _stands(response, error, has_middleware, handler, may_stand=not has_exits):
                raise

    def use(other: Plan) -> None:
        nonlocal call, has_exits
        call, _, has_exits = other

    return run, use


def _withdraw(response: Response) -> None:
    """Withdraw the handler's response, because the exception may have rolled something back.

    A response that is partly sent is cut off.
    """
    if response._checkpoint is None:
        response._checkpoint = UNTOUCHED
    if response._state == SENT and response._write is None:
        response._roll_back(response._checkpoint)
        response._clear_content()


def _stands(
    response: Response,
    error: BaseException,
    has_middleware: bool,
    handler: Handler,
    may_stand: bool = True,
) -> bool:
    """Return whether to keep the handler's response although an exception followed it.

    Inside middleware, the first response of a handler that responds twice is kept, and the second is logged:
    middleware may rely on the first by then. Otherwise the response is rolled back to its state before the
    handler.
    """
    is_second = has_middleware and isinstance(error, ResponseSentError) and response._is_complete()
    if may_stand and is_second:
        # Record: A handler inside middleware responds a second time; the first response is kept.
        log_fault(response.req, route_of(response.req), error, "changed its response after sending it")
        response._in_middleware = True
        return True
    if isinstance(error, JSONTypeError):
        error.sent_by = error.sent_by or str(handler)
    elif isinstance(error, (TypeError, AttributeError)) and "'coroutine'" in str(error):
        error.args = (f"{error}: did you forget `await`?", *error.args[1:])
    if response._state == OPEN:
        response._roll_back(response._checkpoint or UNTOUCHED)
        response._clear_content()
    if has_middleware:
        response._fail(error)
    return False


async def _nothing() -> None:
    """Do nothing, for a handler that ended before it was awaited."""
