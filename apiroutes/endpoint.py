"""The innermost step of a route: method, body, handler, and the handler's result.

In: a request and a response. Out: the response, complete. Raises what the handler raises, after the
response is rolled back to what it was before, and ApiError for a body that cannot be read.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from apiroutes.body import Limits
from apiroutes.chain import Step
from apiroutes.error_responses import write_error
from apiroutes.errors import ApiError, InvalidRequest, NoResponseError
from apiroutes.handler_steps import Planned, step_of
from apiroutes.handlers import Handler, ResultCheck, RouteModule, found_in_body
from apiroutes.http import BODYLESS, JSON_VALUE, phrase
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_state import OPEN
from apiroutes.results import apply_result
from apiroutes.streams import kind_of
from apiroutes.structs import replace

__all__ = ["CheckedEndpoint", "Endpoint", "MakeStep"]

_log = logging.getLogger("apiroutes")

# Templates of records: tools that group records, such as Sentry, use them.
_UNANSWERED = "API resolved without sending a response for %s (%s): "
_RETURNED_NONE = _UNANSWERED + "`%s` returned None. Return a value, such as a dict, or call res.end()."
_SET_STATUS_ALONE = _UNANSWERED + "`%s` only set a status. Return a value, or call res.end()."

# Classes whose instances can only be values for JSON when a handler returns them.
_VALUES: set[type] = {dict, list}
_VALUES_MAX = 512


# Makes the step of the handler for a method.
MakeStep = Callable[["Endpoint", str, Handler], Step]


def _make_step(endpoint: Endpoint, method: str, handler: Handler) -> Step:
    return step_of(endpoint, handler)


class Endpoint:
    """The handlers of one route: `steps` contains a step for each method, and for RouteModule.ANY."""

    def __init__(self, module: RouteModule, limits: Limits, make_step: MakeStep = _make_step) -> None:
        self.module = module
        self.limits = limits
        self.pattern = str(module.route.pattern)
        limit = module.config.response_limit
        self.response_limit = math.inf if limit is None else limit.bytes
        self.planned: list[Planned] = []  # the handlers with dependencies
        steps = {method: make_step(self, method, handler) for method, handler in module.handlers.items()}
        self.steps = steps if RouteModule.ANY in steps else _by_method(steps)

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None:
        """Respond with the handler's result, unless the handler has responded."""
        if type(result) in _VALUES and not response._state:
            response._send_json(result)
        elif result is None or result is response:
            if response._state == OPEN:
                self._end_unanswered(handler, response)
        elif response._state != OPEN:
            # Record: A handler responds through `res` and returns a value as well.
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

    def told(self, error: InvalidRequest, handler: Handler, request: Request) -> BaseException:
        """Return the error for a client whose request does not match the handler's types."""
        return error

    def _end_unanswered(self, handler: Handler, response: Response) -> None:
        is_whole = response._status_was_set and response._status in BODYLESS
        if not is_whole and not self.module.config.external_resolver:
            arguments = self.pattern, handler.place, handler.name
            if not response._status_was_set:
                # Record: A handler returns None without responding; the client gets a 500.
                _log.error(_RETURNED_NONE, *arguments)
                raise NoResponseError(_RETURNED_NONE % arguments)
            # Record: A handler only sets a status; the client gets the status without content.
            _log.warning(_SET_STATUS_ALONE, *arguments)
        response.end()

    def exceeds_limit(self, handler: Handler, response: Response) -> None:
        """Warn that a response has reached the response limit, or refuse to send it."""
        config = self.module.config
        assert config.response_limit is not None
        message = "API response for %s (%s) exceeds %s"
        if config.enforce_response_limit and response._write is None:
            # Record: A response is larger than `responseLimit`, which is enforced; the client gets a 500.
            _log.error(message, self.pattern, handler.place, config.response_limit.text)
            response._state = OPEN
            raise ApiError(500, "Internal Server Error")
        # Record: A response is larger than `response_limit`, or the route's `responseLimit`; it is sent.
        _log.warning(message, self.pattern, handler.place, config.response_limit.text)


class CheckedEndpoint(Endpoint):
    """An endpoint in development mode, which checks responses against the declarations of their handlers."""

    def __init__(self, module: RouteModule, limits: Limits, make_step: MakeStep = _make_step) -> None:
        self._checks = {
            method: ResultCheck(module, method, handler) for method, handler in module.handlers.items()
        }
        handlers = {method: _checked(handler) for method, handler in module.handlers.items()}
        super().__init__(replace(module, handlers=handlers), limits, make_step)

    def told(self, error: InvalidRequest, handler: Handler, request: Request) -> BaseException:
        """Return the error, with a hint where to find a value that is not in the query."""
        return found_in_body(error, None if handler.signature.takes_content else request.body)

    def respond(self, result: Any, handler: Handler, request: Request, response: Response) -> None:
        """Respond, and raise TypeError for a response that the handler does not declare."""
        super().respond(result, handler, request, response)
        if response._write is not None:
            return  # bytes have left
        checks = self._checks
        check = checks.get(request.method) or checks.get(RouteModule.ANY) or checks["GET"]  # of HEAD
        doubt = check.doubt(result, response.status_code)
        if doubt is not None:
            # Record WARNING "HANDLER returned N, which is sent as content …": Development only: a handler
            # returns an int such as 404, which is content, not a status.
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
    """Return a handler that hints where to find a value that is not in the query.

    Its result is the response if the handler has used that, so that `respond` is called.
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


def _by_method(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return a step for every method (RFC 9110 sections 9.3.2, 9.3.7 and 15.5.6); ANY is for the rest."""
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
