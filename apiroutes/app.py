"""The App: built once from a project directory, then one line per request.

In: a project directory, settings; then an environ. Out: a WSGI application. Raises
ProjectError at start with every mistake of the project; at request time raises nothing but
ResponseAborted, for the server. Here, and only here, errors become responses.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from apiroutes.body import drain, has_unread
from apiroutes.builtin_endpoints import builtin_endpoints
from apiroutes.error_responses import prefers_json, write_error, write_exception
from apiroutes.errors import ApiError, BodyCutOff, HandlerTimeout, ResponseAborted
from apiroutes.http import phrase
from apiroutes.logs import log_disconnect, log_fault
from apiroutes.lookup import Lookup
from apiroutes.openapi import document
from apiroutes.project import build
from apiroutes.request import Request
from apiroutes.resources import Resource
from apiroutes.response import Response
from apiroutes.types import Environ, Middleware, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator, ServerResponse, send, starting_again

__all__ = ["App"]

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
# RFC 9110 section 9.1: methods are case-sensitive tokens; all that exist are upper case.
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,31}")


class App:
    """The WSGI application of the project directory `root`, which holds `pages/`, `app/` or
    `routes/`.

    `fallback` is a WSGI application that answers the paths that are not the project's,
    `middleware` runs around all the others. `settings` override `[tool.apiroutes]` in
    `pyproject.toml` and `APIROUTES_*` in the environment. Raises ProjectError with every
    mistake that was found.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = ".",
        *,
        fallback: WSGIApplication | None = None,
        middleware: Sequence[Middleware] = (),
        **settings: Any,
    ) -> None:
        self.root = Path(root).resolve()
        project = build(self.root, os.environ, settings, middleware)
        self.settings = project.settings
        self.routes = project.routes
        self.resources = project.resources
        self._fallback = fallback
        # What renders an error inside WSGI middleware is found by the response that it is for.
        self._response = type(
            "ServerResponse", (ServerResponse,), {"_write_exception": self._write_exception}
        )
        builtin = dict(builtin_endpoints(project, self.openapi))
        self._look_up = Lookup(project, builtin, has_fallback=fallback is not None).find

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        resource, params = self._look_up(environ)
        if resource is None:
            assert self._fallback is not None
            return self._fallback(environ, start_response)
        if (
            resource.fixed_response is not None
            and environ["REQUEST_METHOD"] == "GET"
            and "CONTENT_LENGTH" not in environ  # which is read away
            and ((accept := environ.get("HTTP_ACCEPT")) == "*/*" or not prefers_json(accept))
        ):
            return resource.fixed_response.send(start_response)
        request = Request(environ, params, resource.limits, resource.pattern)
        response = self._response(request, start_response)
        try:
            method = environ["REQUEST_METHOD"]
            run = resource.by_method.get(method)
            if run is None:
                run = resource.other_methods
                if method not in _METHODS:
                    _check_method(method)
            run(response)
            answer = send(response, environ, start_response)
        except BaseException as error:
            try:
                answer = self._answer_error(error, resource, request, response, start_response)
            except BaseException:
                response._run_end_hooks()
                request.close()
                raise
        if request._pending:
            return self._see_to_content(answer, request, response, environ)
        return answer

    def _see_to_content(
        self, answer: Iterable[bytes], request: Request, response: Response, environ: Environ
    ) -> Iterable[bytes]:
        """The answer, after which uploads are closed and what nobody has read is read away."""
        if request._body is not None and request._body.files:
            if response._is_unbuffered:  # what sends it may be reading them
                return ClosingIterator(answer, request.close)
            request.close()
        elif has_unread(environ):
            return ClosingIterator(answer, partial(drain, environ))
        return answer

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of the routes, as data for JSON."""
        resources = [self.resources[route.file] for route in self.routes.walk()]
        routes = [(each.module, each.middleware) for each in resources if each.module is not None]
        return document(routes, self.settings, self.root.name)

    # -- errors to responses ---------------------------------------------------------------

    def _answer_error(
        self,
        error: BaseException,
        resource: Resource,
        request: Request,
        response: ServerResponse,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """The response to a request whose step raised; an answer before it is forgotten.

        One stands: the first answer of a handler that says more.
        """
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, ResponseAborted):
            log_disconnect(request, "while the answer was written")
            raise error
        if isinstance(error, BodyCutOff):
            log_disconnect(request, "before the body's end")
        was_handlers = not response._in_middleware
        try:
            response._fail(error)
        except Exception as fault:  # of what it had to close
            log_fault(request, resource.name, fault)
        stands, response._answered_error = response._answered_error is error, None
        is_cut = response._write is not None and not stands
        is_answer = isinstance(error, (ApiError, HTTPException)) and not (stands and was_handlers)
        is_late = isinstance(error, HandlerTimeout) and not is_cut
        if not is_late and (is_cut or not is_answer):
            log_fault(request, resource.name, error)
        if is_cut:
            # PEP 3333: the client must not take half an answer for a whole one.
            raise ResponseAborted(errno.ECONNRESET, "the response was cut off") from None
        try:
            if not stands:
                self._write_exception(error, request, response)
            answer = send(response, request.environ, start_response)
        except Exception as fault:
            # What the error itself says cannot be sent.
            log_fault(request, resource.name, fault)
            response._discard_response()
            self.write_fault(fault, request, response)
            answer = send(response, request.environ, starting_again(start_response))
        # The client has its answer before anything is logged, which may take its time.
        return (
            ClosingIterator(answer, lambda: log_fault(request, resource.name, error)) if is_late else answer
        )

    def _write_exception(self, error: BaseException, request: Request, response: Response) -> None:
        """Put an error into the response."""
        write_exception(error, request, response, self.write_fault)

    def write_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Answer a fault of ours: it tells the client nothing. Development tells all."""
        write_error(request, response, 500, phrase(500))


def _check_method(method: str) -> None:
    if not _METHOD.fullmatch(method):
        raise ApiError(400, "Bad Request")
