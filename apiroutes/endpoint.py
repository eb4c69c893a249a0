"""The innermost step of a route: method, body, handler, and the handler's result.

In: a request and a response. Out: the response, complete. Raises what the handler raises, after the
response is rolled back to what it was before, and ApiError for a body that cannot be read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from apiroutes.body import Limits
from apiroutes.chain import Step, refuse_next
from apiroutes.concurrency import coroutines
from apiroutes.error_responses import write_error
from apiroutes.errors import ApiError, InvalidRequest, JSONTypeError, NoResponseError, ResponseSentError
from apiroutes.handlers import Handler, ResultCheck, RouteModule, found_in_body
from apiroutes.http import BODYLESS, JSON_VALUE, phrase
from apiroutes.logs import log_fault, route_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_head import UNTOUCHED
from apiroutes.response_state import OPEN
from apiroutes.results import apply_result
from apiroutes.streams import kind_of
from apiroutes.structs import replace

__all__ = ["CheckedEndpoint", "Endpoint"]

_log = logging.getLogger("apiroutes")

# Classes whose instances can only be values for JSON when a handler returns them.
_VALUES: set[type] = {dict, list}
_VALUES_MAX = 512


class Endpoint:
    """The handlers of one route: `steps` has a step for each method, and RouteModule.ANY."""

    def __init__(self, module: RouteModule, limits: Limits) -> None:
        self.module = module
        self.limits = limits
        self.pattern = str(module.route.pattern)
        limit = module.config.response_limit
        self.response_limit = math.inf if limit is None else limit.bytes
        steps = {method: _step(self, handler) for method, handler in module.handlers.items()}
        self.steps = steps if RouteModule.ANY in steps else _by_method(steps)

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None:
        """Respond with the handler's result, unless the handler has responded."""
        if type(result) in _VALUES and not response._state:
            response._send_json(result)
        elif result is None or result is response:
            if response._state == OPEN:
                self._end_unanswered(handler, response)
        elif response._state != OPEN:
            _log.warning(
                "%s returned %s after it had responded; the returned value is ignored",
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

    def _end_unanswered(self, handler: Handler, response: Response) -> None:
        is_whole = response._status_was_set and response._status in BODYLESS
        if not is_whole and not self.module.config.external_resolver:
            message = f"API resolved without sending a response for {self.pattern} ({handler.place})"
            if not response._status_was_set:
                message += (
                    f": `{handler.name}` returned None. Return a value, such as a dict, or call res.end()."
                )
                _log.error("%s", message)
                raise NoResponseError(message)
            message += f": `{handler.name}` set a status alone. Return a value, or call res.end()."
            _log.warning("%s", message)
        response.end()

    def exceeds_limit(self, handler: Handler, response: Response) -> None:
        """Warn that a response has reached the response limit, or refuse to send it."""
        config = self.module.config
        assert config.response_limit is not None
        message = "API response for %s (%s) exceeds %s"
        if config.enforce_response_limit and response._write is None:
            _log.error(message, self.pattern, handler.place, config.response_limit.text)
            response._state = OPEN
            raise ApiError(500, "Internal Server Error")
        _log.warning(message, self.pattern, handler.place, config.response_limit.text)


class CheckedEndpoint(Endpoint):
    """An endpoint of the development mode, which checks responses against what their handlers declare."""

    def __init__(self, module: RouteModule, limits: Limits) -> None:
        self._checks = {
            method: ResultCheck(module, method, handler) for method, handler in module.handlers.items()
        }
        handlers = {method: _checked(handler) for method, handler in module.handlers.items()}
        super().__init__(replace(module, handlers=handlers), limits)

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None:
        """Respond, and raise TypeError for a response that the handler does not declare."""
        super().respond(result, handler, request, response)
        if response._write is not None:
            return  # bytes have left
        checks = self._checks
        check = checks.get(request.method) or checks.get(RouteModule.ANY) or checks["GET"]  # of HEAD
        doubt = check.doubt(result, response.status_code)
        if doubt is not None:
            _log.warning("%s %s", handler, doubt)
        reason = check.why_not(
            request.method,
            None if result is response else result,
            response.status_code,
            str(response.get_header("Content-Type") or ""),
            response.body,
        )
        if reason is not None:
            response._state = OPEN
            raise TypeError(reason)


def _checked(handler: Handler) -> Handler:
    """Return a handler that says where to find what is not in the query.

    Its result is the response where it has used it, so that `respond` is called.
    """
    call = handler.call

    def respond(request: Any, response: Any) -> Any:
        try:
            result = call(request, response)
        except InvalidRequest as error:
            body = None if handler.signature.takes_content else request.body
            raise found_in_body(error, body) from error
        return response if result is None else result

    return replace(handler, call=respond)


def _step(endpoint: Endpoint, handler: Handler) -> Step:
    """Return the step that calls one handler. After an error the response is what it was before.

    The step follows the rules of `Step.keeps_response` itself, because a step around it would cost another
    call. `_sync_call` and `_async_preparation` begin with the same lines: sharing them would cost a call
    of 70 to 120 ns, 4 to 7 % of the static route.
    """
    if handler.is_async:
        prepare = _async_preparation(endpoint, handler)
        return Step(_async_call(endpoint, handler), True, handler.middleware, True, prepare)
    return Step(_sync_call(endpoint, handler), False, handler.middleware, True)


def _sync_call(endpoint: Endpoint, handler: Handler) -> Callable[[Response], None]:
    call, limit = handler.call, endpoint.response_limit
    # A handler that takes the body as a type reads it when it is called.
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
        has_middleware = response._checkpoint is not None
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


def _stands(response: Response, error: BaseException, has_middleware: bool, handler: Handler) -> bool:
    """Return whether the handler's response stands although an exception followed it.

    Inside middleware the first response of a handler that responds twice does, and the second is logged:
    by then middleware may rely on the first. Otherwise the response is rolled back to what it was before
    the handler.
    """
    if has_middleware and isinstance(error, ResponseSentError) and response._is_complete():
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


def _by_method(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return a step for every method (RFC 9110 sections 9.3.2, 9.3.7 and 15.5.6); ANY has the rest."""
    allowed = set(steps) | {"OPTIONS"} | ({"HEAD"} if "GET" in steps else set())
    allow = ", ".join(sorted(allowed))
    every = {
        "OPTIONS": Step(_options(allow), never_waits=True),
        RouteModule.ANY: Step(_not_allowed(allow), never_waits=True),
        **steps,
    }
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
