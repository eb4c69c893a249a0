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
from urllib.parse import quote

from werkzeug.exceptions import HTTPException

from apiroutes.body import drain, has_unread
from apiroutes.builtin_endpoints import builtin_endpoints
from apiroutes.error_responses import prefers_json, write_error, write_exception
from apiroutes.errors import ApiError, BodyCutOff, HandlerTimeout, ResponseAborted
from apiroutes.http import TargetDefect, is_sent_unescaped, mount_of, path_of, phrase, read_path, target_size
from apiroutes.logs import log_disconnect, log_fault
from apiroutes.openapi import document
from apiroutes.project import Resource, build, prefix_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.routing import is_plain
from apiroutes.types import Environ, Middleware, Params, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator, ServerResponse, send, starting_again

__all__ = ["App"]

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
# RFC 9110 section 9.1: methods are case-sensitive tokens; all that exist are upper case.
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,31}")
_CONTENT_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")  # PEP 3333's two without HTTP_
# What a query may be in a Location; everything else is percent-encoded.
_QUERY = "!$%&'()*+,-./:;=?@[]_~"


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
        self._not_found = project.not_found
        # What answers every path without a route, where it is the same for all.
        self._unknown = project.not_found.everywhere if fallback is None else None
        # What renders an error inside WSGI middleware is found by the response that it is for.
        self._response = type(
            "ServerResponse", (ServerResponse,), {"_write_exception": self._write_exception}
        )
        self._prefix = [segment.text for segment in prefix_of(self.settings)]
        self._below = "/".join(["", *self._prefix, ""])
        self._max_target = self.settings.max_target_size.bytes
        self._trailing_slash = self.settings.trailing_slash
        # Paths of unreserved characters need no reading, unless each is to end with a slash.
        takes_plain_paths = self._trailing_slash != "require"
        self._is_flat = self.routes.is_flat
        self._by_path: dict[str, Resource] = {}
        self._by_parent: dict[str, tuple[Resource, str]] = {}
        if takes_plain_paths:
            for path, route in self.routes.by_path.items():
                self._by_path[path] = self.resources[route.file]
            for path, (route, name) in self.routes.by_parent.items():
                self._by_parent[path] = self.resources[route.file], name
        # Paths that are plain, below which there is something.
        self._parents = {path.rpartition("/")[0] for path in self._by_path}
        own = dict(builtin_endpoints(project, self.openapi))
        self._by_path.update(own)
        self._own = {tuple(path[1:].split("/")): resource for path, resource in own.items()}
        self._find = self._find_plainly if takes_plain_paths else self._read_and_find
        checks_headers = self.settings.max_headers is not None or self.settings.max_header_size is not None
        self._look_up = self._find_with_headers if checks_headers else self._find

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

    # -- what answers ----------------------------------------------------------------------

    def _read_and_find(self, environ: Environ) -> tuple[Resource | None, Params]:
        """What answers this path, which is always read; None is the fallback."""
        return self._find_closely(environ.get("PATH_INFO") or "", environ)

    def _find_plainly(self, environ: Environ) -> tuple[Resource | None, Params]:
        """What answers this path, which is read only where it is not plain; None is the fallback."""
        path = environ.get("PATH_INFO") or ""
        query = environ.get("QUERY_STRING")
        target = f"{path}?{query}" if query else path
        # Most targets are their path as it is, without an escape; the others get a closer look.
        if environ.get("RAW_URI") == target or is_sent_unescaped(path, environ):
            resource = self._by_path.get(path)
            if resource is not None and not query:
                return resource, {}
            if len(target) > self._max_target:
                return self._find_too_long(path)
            if resource is not None:
                return resource, {}
            parent, _, last = path.rpartition("/")
            found = self._by_parent.get(parent)
            # A plain segment below a plain path needs no closer look, and most are letters and digits.
            is_word = last.isalnum() and last.isascii()
            if (is_word and (found is not None or parent in self._parents)) or is_plain(path):
                if found is not None:
                    return found[0], {found[1]: last}
                if not self._is_flat:
                    match = self.routes.match(path[1:].split("/"))
                    if match is not None:
                        return self.resources[match[0].file], match[1]
                return self._unknown or self._unknown_below(path[1:].split("/")), {}
        return self._find_closely(path, environ)

    def _find_with_headers(self, environ: Environ) -> tuple[Resource | None, Params]:
        """What answers, where the project limits the headers: for servers that do not."""
        resource, params = self._find(environ)
        if resource is not None and self._has_too_many_headers(environ):
            return _HEADERS_TOO_LARGE, {}
        return resource, params

    def _has_too_many_headers(self, environ: Environ) -> bool:
        most, size = self.settings.max_headers, self.settings.max_header_size
        fields = [key for key in environ if key.startswith("HTTP_") or key in _CONTENT_HEADERS]
        return (most is not None and len(fields) > most) or (
            size is not None
            # A name and its value, without the prefix that CGI puts before most names.
            and any(len(key.removeprefix("HTTP_")) + len(environ[key]) > size.bytes for key in fields)
        )

    def _find_too_long(self, path: str) -> tuple[Resource | None, Params]:
        """What answers a target that is longer than is read: nothing of it is decoded.

        With a fallback, it is ours if it may be: if a path without an escape is a route's, and any other
        lies below the prefix.
        """
        if self._fallback is not None:
            is_ours = (
                self.routes.match(path[1:].split("/")) if is_plain(path) else path.startswith(self._below)
            )
            if not is_ours:
                return None, {}
        # The directories whose middleware runs are near the beginning.
        nearby = path[1 : self._max_target].split("/")
        return self._not_found.below(nearby).instead("a target that is too long", _too_long), {}

    def _find_closely(self, path: str, environ: Environ) -> tuple[Resource | None, Params]:
        if target_size(path, environ) > self._max_target:
            return self._find_too_long(path)
        segments, fault = read_path(path, environ)
        own = self._own.get(tuple(segments)) if self._own else None
        if own is not None:
            return own, {}
        canonical = [segment for segment in segments if segment] if "" in segments else segments
        match = None if fault is TargetDefect.DOTS else self.routes.match(canonical)
        if match is None:
            # A path that no route answers is unknown, whatever is in it; only control
            # characters are refused everywhere below the prefix.
            if fault is TargetDefect.CHARACTER and self._fallback is None and self._is_ours(canonical):
                return self._not_found.below(canonical).instead("a bad path", _bad_path), {}
            return self._unknown or self._unknown_below(canonical), {}
        resource, params = self.resources[match[0].file], match[1]
        if fault is not None:
            return resource.instead("a bad path", _bad_path), params
        wanted = self._canonical_path(segments, canonical)
        if wanted is not None:
            return resource.instead("a path that is not canonical", partial(_redirect, wanted)), params
        return resource, params

    def _unknown_below(self, segments: list[str]) -> Resource | None:
        """What answers a path that no route does."""
        if self._fallback is not None:
            return None
        return self._not_found.below(segments)

    def _is_ours(self, segments: list[str]) -> bool:
        return segments[: len(self._prefix)] == self._prefix

    def _canonical_path(self, segments: list[str], canonical: list[str]) -> str | None:
        """The path that a route has, where it is mounted; None when the request has it."""
        if segments in ([], [""]):
            return None  # the root, which mounted or not has one slash at the most
        slash = segments[-1] == ""
        wanted = slash if self._trailing_slash == "ignore" else self._trailing_slash == "require"
        if slash == wanted and len(segments) == len(canonical) + slash:
            return None
        path = path_of(canonical) if canonical else ""
        return path + "/" if wanted or not canonical else path

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
            raise ResponseAborted(errno.ECONNRESET, "the answer was cut off") from None
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


def _bad_path(response: Response) -> None:
    write_error(response.req, response, 400, phrase(400))


def _redirect(path: str, response: Response) -> None:
    # Middleware may have said where the App is mounted.
    environ = response.req.environ
    location = mount_of(environ) + path
    query = environ.get("QUERY_STRING")
    if query:
        location += "?" + quote(query.encode("latin-1", "replace"), safe=_QUERY)
    response.redirect(308, location)


def _too_long(response: Response) -> None:
    write_error(response.req, response, 414, phrase(414))


def _headers_too_large(response: Response) -> None:
    raise ApiError(431, "Request Header Fields Too Large")


def _check_method(method: str) -> None:
    if not _METHOD.fullmatch(method):
        raise ApiError(400, "Bad Request")


_HEADERS_TOO_LARGE = Resource("headers that are too large", _headers_too_large)
