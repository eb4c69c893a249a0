"""The App: built once from a project directory, then one line per request.

In: a project directory, settings; then an environ. Out: a WSGI application. Raises
ProjectError at start with every mistake of the project; at request time raises nothing but
ResponseAborted, for the server. Here, and only here, errors become responses.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header

from apiroutes import conditional
from apiroutes.body import Limits
from apiroutes.config import RouteConfig
from apiroutes.endpoint import Endpoint
from apiroutes.errors import ApiError, Problem, ProjectError, ResponseAborted, phrase
from apiroutes.jsonout import encode_json
from apiroutes.modules import RouteModules
from apiroutes.paths import Fault, is_clean, path_of, read_path, sent_plainly
from apiroutes.request import Request
from apiroutes.response import TEXT, Response, State
from apiroutes.routing import CONVENTIONS, Kind, Route, RouteTree, Segment, scan
from apiroutes.settings import Settings, load_settings
from apiroutes.wsgi import Closing, FixedAnswer, ServerResponse, StartResponse, send

__all__ = ["App"]

_log = logging.getLogger("apiroutes")

WSGIApplication = Callable[..., Iterable[bytes]]
Step = Callable[[Request, Response], None]
_Found = tuple[Step, "dict[str, str | list[str]] | None", Limits]

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
# RFC 9110 section 9.1: methods are case-sensitive tokens; all that exist are upper case.
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,31}")
# What a query may be in a Location; everything else is percent-encoded.
_QUERY = "!$%&'()*+,-./:;=?@[]_~"


class App:
    """The WSGI application of the project directory `root`, which holds `pages/`.

    `fallback` is a WSGI application that answers the paths that are not the project's.
    `settings` override `[tool.apiroutes]` in `pyproject.toml` and `APIROUTES_*` in the
    environment. Raises ProjectError with every mistake that was found.
    """

    def __init__(
        self, root: str | os.PathLike[str] = ".", *, fallback: WSGIApplication | None = None, **settings: Any
    ) -> None:
        self.root = Path(root).resolve()
        problems: list[Problem] = []
        self.settings = (
            _collect(problems, lambda: load_settings(self.root, os.environ, settings)) or Settings()
        )
        self.routes = RouteTree(_scan(self.root, self.settings, problems))
        problems += self.routes.problems
        self.endpoints = _load(self.root, self.routes, self.settings, problems)
        if problems:
            raise ProjectError(problems)
        self._fallback = fallback
        self._prefix = [segment.text for segment in _prefix(self.settings)]
        self._trailing_slash = self.settings.trailing_slash

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        found = self._find(environ)
        if found is None and self._fallback is not None:
            return self._fallback(environ, start_response)
        if found is None and not ("HTTP_ACCEPT" in environ and _prefers_json(environ["HTTP_ACCEPT"])):
            return _NOT_FOUND.send(environ, start_response)
        step, params, limits = found or (_not_found, None, _NO_LIMITS)
        request = Request(environ, params, limits)
        response = ServerResponse(environ, start_response)
        try:
            if environ["REQUEST_METHOD"] not in _METHODS:
                _check_method(environ["REQUEST_METHOD"])
            step(request, response)
            if response._tagged:
                conditional.apply(environ, response)
            answer = send(response, environ, start_response)
        except BaseException as error:
            answer = self._answer_error(error, step, request, response, start_response)
        if request._body is not None and request._body.files:
            return Closing(answer, request.close)
        return answer

    # -- which step answers ----------------------------------------------------------------

    def _find(self, environ: dict[str, Any]) -> _Found | None:
        """What answers this path, or None for one that is not the project's."""
        path = environ.get("PATH_INFO") or ""
        # Most targets are nothing but their path; the closer look is for the others.
        plain = (environ.get("RAW_URI") == path and not environ.get("SCRIPT_NAME")) or sent_plainly(
            path, environ
        )
        if plain and self._trailing_slash != "require":
            match = self.routes.match_plain(path)
            if match is not None:
                endpoint = self.endpoints[match[0].file]
                return endpoint, match[1], endpoint.limits
        if plain and is_clean(path):
            segments, fault = path.split("/")[1:], None
        else:
            segments, fault = read_path(path, environ)
        if fault is Fault.DOTS:
            return None
        canonical = [segment for segment in segments if segment] if "" in segments else segments
        match = self.routes.match(canonical)
        if match is None:
            # A path that no route answers is unknown, whatever is in it; only control
            # characters are refused everywhere below the prefix.
            if fault is Fault.CHARACTER and not self._fallback and self._is_ours(canonical):
                return _bad_path, None, _NO_LIMITS
            return None
        if fault is not None:
            return _bad_path, None, _NO_LIMITS
        location = self._redirect_location(segments, canonical, environ)
        if location is not None:
            return _redirect_to(location), None, _NO_LIMITS
        endpoint = self.endpoints[match[0].file]
        return endpoint, match[1], endpoint.limits

    def _is_ours(self, segments: list[str]) -> bool:
        return segments[: len(self._prefix)] == self._prefix

    def _redirect_location(
        self, segments: list[str], canonical: list[str], environ: dict[str, Any]
    ) -> str | None:
        """Where the canonical path is, None when this is it."""
        slash = bool(canonical) and segments[-1] == ""
        wanted = slash if self._trailing_slash == "ignore" else self._trailing_slash == "require"
        if slash == wanted and len(segments) == len(canonical) + slash:
            return None
        # One slash in front, or a browser would take the first segment for a host.
        mount = "/" + (environ.get("SCRIPT_NAME") or "").strip("/\\")
        mount = quote(mount.encode("latin-1", "replace"), safe="/") if mount != "/" else ""
        location = mount + path_of(canonical) + ("/" if wanted else "")
        query = environ.get("QUERY_STRING")
        return f"{location}?{quote(query.encode('latin-1', 'replace'), safe=_QUERY)}" if query else location

    # -- errors to responses ---------------------------------------------------------------

    def _answer_error(
        self,
        error: BaseException,
        step: Step,
        request: Request,
        response: ServerResponse,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """The answer to a request whose step raised, or the first one if it gave one."""
        if isinstance(error, KeyboardInterrupt):
            request.close()
            raise error
        is_answer = isinstance(error, (ApiError, HTTPException))
        if not is_answer or response._state != State.OPEN:
            self._log_fault(error, step, request)
        if response._write is not None and response._state != State.SENT:
            request.close()
            # PEP 3333: the client must not take half an answer for a whole one.
            raise ResponseAborted(errno.ECONNRESET, "the answer was cut off") from None
        if response._state == State.OPEN or response._stream is not None or response._application is not None:
            if response._state != State.OPEN:
                response._restore(Response()._saved())
            self._say_error(error, request, response)
        elif response._tagged:
            conditional.apply(request.environ, response)
        return send(response, request.environ, start_response)

    def _say_error(self, error: BaseException, request: Request, response: Response) -> None:
        """Put an error into the response."""
        if isinstance(error, ApiError):
            say(request, response, error.status, error.message, error.headers.items())
        elif isinstance(error, HTTPException):
            _say_http_exception(error, request, response)
        else:
            self.say_fault(error, request, response)

    def say_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Answer a fault of ours: it tells the client nothing. Development tells all."""
        say(request, response, 500, "Internal Server Error")

    def _log_fault(self, error: BaseException, step: Step, request: Request) -> None:
        route = step.module.route if isinstance(step, Endpoint) else None
        place = f"{route.pattern} ({route.file})" if route is not None else "no route"
        _log.error("%s %s failed", request.method, place, exc_info=error)


def say(
    request: Request,
    response: Response,
    status: int,
    message: str,
    headers: Iterable[tuple[str, str]] = (),
) -> None:
    """Answer with an error: text/plain, or RFC 9457's problem+json when Accept prefers JSON."""
    for name, value in headers:
        response.set_header(name, value)
    if response._headers:
        response.remove_header("Content-Type")
    response._status = status
    if _prefers_json(request.environ.get("HTTP_ACCEPT")):
        response._content = encode_json(
            {"type": "about:blank", "title": phrase(status), "status": status, "detail": message}
        )
        response._type = "application/problem+json"
    else:
        response._content = message.encode("utf-8", "replace")
        response._type = TEXT
    response._state = State.SENT


def _say_http_exception(error: HTTPException, request: Request, response: Response) -> None:
    if error.response is not None or error.code is None or error.code < 400:
        response.delegate(error.get_response(request.environ))
        return
    headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
    say(request, response, error.code, error.description or phrase(error.code), headers)


def _prefers_json(accept: str | None) -> bool:
    if not accept or "json" not in accept or len(accept) > 1000:
        return False
    offers = ["text/plain", "application/problem+json", "application/json"]
    best = parse_accept_header(accept, MIMEAccept).best_match(offers)
    return best is not None and best != "text/plain"


def _not_found(request: Request, response: Response) -> None:
    say(request, response, 404, "Not Found")


def _bad_path(request: Request, response: Response) -> None:
    raise ApiError(400, "Bad Request")


def _redirect_to(location: str) -> Step:
    def redirect(request: Request, response: Response) -> None:
        response.redirect(308, location)

    return redirect


def _check_method(method: str) -> None:
    if not _METHOD.fullmatch(method):
        raise ApiError(400, "Bad Request")


# -- building ------------------------------------------------------------------------------

_NO_LIMITS = Limits()
_NOT_FOUND = FixedAnswer(404, "Not Found")


def _collect(problems: list[Problem], build: Callable[[], Any]) -> Any:
    """What `build` gives, or None and its problems."""
    try:
        return build()
    except ProjectError as error:
        problems += error.problems
        return None


def _prefix(settings: Settings) -> tuple[Segment, ...]:
    path = settings.base_path + settings.api_prefix
    return tuple(Segment(Kind.STATIC, text) for text in path.split("/") if text)


def _scan(root: Path, settings: Settings, problems: list[Problem]) -> list[Route]:
    routes: list[Route] = []
    present = [convention for convention in CONVENTIONS if (root / convention.directory).is_dir()]
    if not present:
        problems.append(
            Problem(
                "pages/api",
                f"there is no such directory in {root.name or root}, so there is nothing to serve.",
                "Create pages/api/hello.py with `def handler(req, res): ...` in it.",
            )
        )
    for convention in present:
        found, wrong = scan(root, convention, _prefix(settings), settings.page_extensions)
        routes += found
        problems += wrong
    return routes


def _load(root: Path, routes: RouteTree, settings: Settings, problems: list[Problem]) -> dict[str, Endpoint]:
    """An endpoint for each route, by the route's file."""
    defaults = RouteConfig(size_limit=settings.body_size_limit, response_limit=settings.response_limit)
    modules = RouteModules(root, defaults)
    endpoints: dict[str, Endpoint] = {}
    for route in routes.walk():
        module = _collect(problems, lambda route=route: modules.load(route))  # type: ignore[misc]
        if module is not None:
            endpoints[route.file] = Endpoint(module, _limits(settings, module.config))
    return endpoints


def _limits(settings: Settings, config: RouteConfig) -> Limits:
    return Limits(
        size=config.size_limit,
        form_memory=settings.max_form_memory,
        form_pairs=settings.max_form_pairs,
        form_parts=settings.max_form_parts,
        part_headers=settings.max_part_headers,
        json_depth=settings.max_json_depth,
        spool_size=settings.upload_spool_size.bytes,
    )
