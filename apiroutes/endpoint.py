"""The innermost step of a route: body, handler, and what the handler returned.

In: a request and a response. Out: the response, answered. Raises what the handler raises,
after the response has forgotten what the handler said, and ApiError for a body that cannot
be read.
"""

from __future__ import annotations

import io
import logging
from typing import Any

from apiroutes import coroutines
from apiroutes.body import Limits, read_body
from apiroutes.errors import ApiError
from apiroutes.modules import RouteModule
from apiroutes.request import Request
from apiroutes.response import Response, State

__all__ = ["Endpoint"]

_log = logging.getLogger("apiroutes")


class Endpoint:
    """Answers the requests of one route."""

    def __init__(self, module: RouteModule, limits: Limits) -> None:
        self.module = module
        self.limits = limits
        self._handler = module.handler
        self._parse_body = module.config.parse_body
        self._response_limit = module.config.response_limit

    def __call__(self, request: Request, response: Response) -> None:
        environ = request.environ
        # A request with none of these three has no content and says nothing of its type.
        if self._parse_body and (
            "CONTENT_TYPE" in environ or "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ
        ):
            body = request._body = read_body(environ, self.limits)
            request.body = body.value
        before = response._saved() if response._headers or response._said_status else None
        try:
            result = self._handler(request, response)
            if result is not None and hasattr(result, "__await__"):
                result = coroutines.run(result)
            if result is not None or response._state == State.OPEN:
                self._take(result, request, response)
            limit = self._response_limit
            if limit is not None and len(response._content) + response._written >= limit.bytes:
                self._exceeds_limit(limit.text, response)
        except BaseException:
            # What was said before the handler stays, what the handler said is gone; an answer
            # that was given is given.
            if response._state == State.OPEN:
                response._restore(before or _UNSAID)
            raise

    def _take(self, result: Any, request: Request, response: Response) -> None:
        """Answer with what the handler returned."""
        if result is None or result is response:
            if response._state == State.OPEN:
                self._nothing_sent(response)
        elif response._state != State.OPEN:
            _log.warning(
                "%s returned %s after it had answered; the returned value is dropped",
                self.module.place,
                type(result).__name__,
            )
        elif isinstance(result, tuple):
            raise TypeError(
                f"{self.module.place} returned a tuple; return the content alone, "
                "and set the status with res.status()"
            )
        elif callable(result):
            response.delegate(result)
            _hand_over_body(request)
        else:
            response.send(result)

    def _nothing_sent(self, response: Response) -> None:
        if not self.module.config.external_resolver:
            message = "API resolved without sending a response for %s (%s)"
            if not response._said_status:
                _log.error(message, self.module.route.pattern, self.module.place)
                raise ApiError(500, "Internal Server Error")
            _log.warning(message, self.module.route.pattern, self.module.place)
        response.end()

    def _exceeds_limit(self, limit: str, response: Response) -> None:
        message = "API response for %s (%s) exceeds %s"
        config = self.module.config
        if config.enforce_response_limit and response._write is None:
            _log.error(message, self.module.route.pattern, self.module.place, limit)
            response._state = State.OPEN
            raise ApiError(500, "Internal Server Error")
        _log.warning(message, self.module.route.pattern, self.module.place, limit)


_UNSAID = Response()._saved()


def _hand_over_body(request: Request) -> None:
    """The application that answers reads the body from the start, also when it was parsed."""
    if request._body is not None and request._body.content is not None:
        request.environ["wsgi.input"] = io.BytesIO(request._body.content)
