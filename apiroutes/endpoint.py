"""The innermost step of a route: method, body, handler, and what the handler returned.

In: a request and a response. Out: the response, answered. Raises what the handler raises,
after the response has forgotten what the handler said, and ApiError for a body that cannot
be read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from apiroutes.body import Limits
from apiroutes.chain import Step, refuse_next
from apiroutes.concurrency import coroutines
from apiroutes.error_responses import write_error
from apiroutes.errors import ApiError, ResponseSentError
from apiroutes.handlers import Handler, RouteModule
from apiroutes.http import BODYLESS, JSON_VALUE, phrase
from apiroutes.logs import log_fault, route_of
from apiroutes.request import Request
from apiroutes.response import OPEN, UNTOUCHED, Response
from apiroutes.results import apply_result
from apiroutes.streams import kind_of

__all__ = ["Endpoint"]

_log = logging.getLogger("apiroutes")

# Classes whose instances are values for JSON and nothing else that a handler may return.
_VALUES: set[type] = {dict, list}
_VALUES_MAX = 512


class Endpoint:
    """Answers the requests of one route: `steps` has one for each method, and RouteModule.ANY."""

    def __init__(self, module: RouteModule, limits: Limits) -> None:
        self.module = module
        self.limits = limits
        self.pattern = str(module.route.pattern)
        limit = module.config.response_limit
        self.response_limit = math.inf if limit is None else limit.bytes
        steps = {method: _step(self, handler) for method, handler in module.handlers.items()}
        self.steps = steps if RouteModule.ANY in steps else _by_method(steps)

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None:
        """Answer with what the handler returned, if it did not answer."""
        if type(result) in _VALUES and not response._state:
            response._send_json(result)
        elif result is None or result is response:
            if response._state == OPEN:
                self._nothing_sent(handler, response)
        elif response._state != OPEN:
            _log.warning(
                "%s returned %s after it had answered; the returned value is dropped",
                handler.place,
                type(result).__name__,
            )
        else:
            apply_result(result, handler.place, request, response)
            cls: Any = type(result)
            if (
                response._content_headers is JSON_VALUE
                and kind_of(cls) == "json"
                and len(_VALUES) < _VALUES_MAX
            ):
                _VALUES.add(cls)

    def _nothing_sent(self, handler: Handler, response: Response) -> None:
        is_whole = response._status_was_set and response._status in BODYLESS
        if not is_whole and not self.module.config.external_resolver:
            message = "API resolved without sending a response for %s (%s)"
            if not response._status_was_set:
                _log.error(message, self.pattern, handler.place)
                raise ApiError(500, "Internal Server Error")
            _log.warning(message, self.pattern, handler.place)
        response.end()

    def exceeds_limit(self, handler: Handler, response: Response) -> None:
        """Warn of an answer that is as large as the response limit, or refuse to send it."""
        config = self.module.config
        assert config.response_limit is not None
        message = "API response for %s (%s) exceeds %s"
        if config.enforce_response_limit and response._write is None:
            _log.error(message, self.pattern, handler.place, config.response_limit.text)
            response._state = OPEN
            raise ApiError(500, "Internal Server Error")
        _log.warning(message, self.pattern, handler.place, config.response_limit.text)


def _step(endpoint: Endpoint, handler: Handler) -> Step:
    """The step that calls one handler. After an error the response is what it was before.

    It keeps the rules of `Step.keeps_response` itself, because a step around it would cost another call;
    and `run` and `prepare` begin with the same lines, because a call there costs 4 to 7 % of a request.
    """
    call, limit = handler.call, endpoint.response_limit
    # A handler that takes the body as a type reads it when it is called.
    prepares, parses = not handler.signature.reads_body, endpoint.limits.parse

    def run(response: Response) -> None:
        is_within = response._in_middleware
        if is_within:
            if response._state:
                refuse_next(response)
            response._checkpoint = (
                response._snapshot() if response._headers or response._status_was_set else UNTOUCHED
            )
            response._in_middleware = False
        try:
            request = response.req
            if request._pending and prepares:
                request._prepare_body(parses)
            result = call(request, response)
            if result is not None or not response._state:
                if type(result) is not dict and hasattr(result, "__await__"):
                    result = coroutines.run(result)
                endpoint.respond(result, handler, request, response)
            if len(response._content) >= limit or response._written >= limit:
                endpoint.exceeds_limit(handler, response)
            if is_within:
                if response._is_unbuffered:
                    response._start_streaming()
                response._in_middleware = True
        except BaseException as error:
            if not _stands(response, error, is_within):
                raise

    def prepare(response: Response) -> None:
        is_within = response._in_middleware
        if is_within:
            if response._state:
                refuse_next(response)
            response._checkpoint = (
                response._snapshot() if response._headers or response._status_was_set else UNTOUCHED
            )
            response._in_middleware = False
        try:
            request = response.req
            if request._pending and prepares:
                request._prepare_body(parses)
            response._coroutine = call(request, response)
        except BaseException as error:
            if not _stands(response, error, is_within):
                raise
            response._coroutine = _nothing()

    async def run_async(response: Response) -> None:
        coroutine, response._coroutine = response._coroutine, None
        is_within = response._checkpoint is not None
        try:
            endpoint.respond(await coroutine, handler, response.req, response)
            if len(response._content) >= limit or response._written >= limit:
                endpoint.exceeds_limit(handler, response)
            if is_within:
                if response._is_unbuffered:
                    await coroutines.in_request_thread(response._start_streaming)
                response._in_middleware = True
        except BaseException as error:
            if not _stands(response, error, is_within):
                raise

    if handler.is_async:
        return Step(run_async, True, handler.middleware, keeps_response=True, prepare=prepare)
    return Step(run, False, handler.middleware, keeps_response=True)


def _stands(response: Response, error: BaseException, is_within: bool) -> bool:
    """Whether an answer stands that a handler's exception followed.

    One does inside middleware: the first of a handler that answers twice, which is logged. Middleware
    then commits what the client is told. Otherwise what was said before the handler stays, and what it
    said is gone.
    """
    if is_within and isinstance(error, ResponseSentError) and response._is_complete():
        log_fault(response.req, route_of(response.req), error, "said more after its answer")
        response._in_middleware = True
        return True
    if response._state == OPEN:
        response._roll_back(response._checkpoint or UNTOUCHED)
        response._clear_content()
    if is_within:
        response._fail(error)
    return False


async def _nothing() -> None:
    """What is left of a handler that has ended."""


def _by_method(steps: Mapping[str, Step]) -> dict[str, Step]:
    """A step for every method (RFC 9110 sections 9.3.2, 9.3.7 and 15.5.6); ANY has the rest."""
    allowed = set(steps) | {"OPTIONS"} | ({"HEAD"} if "GET" in steps else set())
    allow = ", ".join(sorted(allowed))
    every = {"OPTIONS": Step(_options(allow)), RouteModule.ANY: Step(_not_allowed(allow)), **steps}
    if "GET" in steps:
        every.setdefault("HEAD", steps["GET"])
    return every


def _options(allow: str) -> Any:
    def options(response: Response) -> None:
        response.status(204).set_header("Allow", allow).end()

    return options


def _not_allowed(allow: str) -> Any:
    def not_allowed(response: Response) -> None:
        write_error(response.req, response, 405, phrase(405), [("Allow", allow)])

    return not_allowed
