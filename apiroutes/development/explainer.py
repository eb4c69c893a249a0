"""What explains faults, mistakes and unknown paths: by pages, by JSON to clients that prefer it, or by text.

In: an exception, the mistakes of a route, or a path without a route. Out: the response, written.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence

from apiroutes.app import App
from apiroutes.development.fault import printable, read_fault
from apiroutes.development.fault_page import fault_page
from apiroutes.development.fault_route import FaultRoute
from apiroutes.development.fault_text import fault_problem, fault_text
from apiroutes.development.hints import hint_for
from apiroutes.development.markup import headers
from apiroutes.development.not_found_page import RouteLine, not_found_page, not_found_text
from apiroutes.development.refusals import refusal_text
from apiroutes.development.report_page import report_page, report_problem
from apiroutes.error_responses import write_error
from apiroutes.errors import Problem, report
from apiroutes.handlers import RouteModule
from apiroutes.http import encode_json, phrase, prefers_html, prefers_json
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["CANNOT_BE_SERVED", "PageExplainer"]

_log = logging.getLogger("apiroutes")

CANNOT_BE_SERVED = "This route cannot be served"


class PageExplainer:
    """Explains what production hides (`apiroutes.explainer.Explainer`)."""

    def __init__(self, app: App) -> None:
        self._app = app

    def write_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Write a 500 with the error, its place and a hint."""
        accept = _accept(request)
        fault = read_fault(error, request, self._route_of(request), self._app.root)
        _log_hint(fault.hint)  # for all who see the terminal, and not the response
        if prefers_html(accept):
            _write_page(response, 500, fault_page(fault))
        elif prefers_json(accept):
            _write_json(response, fault_problem(fault))
        else:
            _write_text(response, 500, fault_text(fault))

    def log_hint(self, error: BaseException, request: Request) -> None:
        """Log the hint for an exception."""
        _log_hint(hint_for(error, request, self._route_of(request), self._app.root))

    def explain_refusal(self, error: Exception) -> str | None:
        """Return the text of an error that a client receives, with its place."""
        # Objects of the project may raise when they are inspected; the error is sent anyway.
        with contextlib.suppress(Exception):
            text = refusal_text(error, self._app.root)
            return None if text is None else printable(text)
        return None

    def _route_of(self, request: Request) -> FaultRoute:
        for resource in self._app.resources.values():
            if resource.pattern == request.route_pattern:
                return FaultRoute.of(resource, request.method)
        return FaultRoute()

    def write_problems(self, problems: Sequence[Problem], response: Response) -> None:
        """Write a 500 with the mistakes of a route."""
        accept = _accept(response.req)
        if prefers_html(accept):
            _write_page(response, 500, report_page(problems, CANNOT_BE_SERVED, self._app.root))
        elif prefers_json(accept):
            _write_json(response, report_problem(problems, CANNOT_BE_SERVED))
        else:
            _write_text(response, 500, report(problems) + "\n")

    def write_not_found(self, response: Response) -> None:
        """Write a 404 with the routes nearest to the path; a problem document is as in production."""
        request: Request = response.req
        accept = _accept(request)
        if prefers_json(accept):
            write_error(request, response, 404, phrase(404))
            return
        settings = self._app.settings
        write, show = (_write_page, not_found_page) if prefers_html(accept) else (_write_text, not_found_text)
        text = show(
            request.path,
            request.method,
            list(self._lines()),
            prefix=settings.base_path + settings.api_prefix,
            docs=settings.docs_path,
            mount=request.root_path,
        )
        write(response, 404, text)

    def _lines(self) -> Iterator[RouteLine]:
        """Yield the project's routes for a list."""
        for route in self._app.routes.walk():
            pattern, resource = str(route.pattern), self._app.resources.get(route.file)
            if resource is None or resource.module is None:
                files = [] if resource is None else [problem.file for problem in resource.mistakes]
                yield RouteLine(pattern, (), route.file, broken_by=_first_file(files, route.file))
            else:
                methods = tuple(resource.module.handlers)
                yield RouteLine(pattern, () if RouteModule.ANY in methods else methods, route.file)


def _accept(request: Request) -> str | None:
    """Return the header Accept, unless a handler has put something else into its place."""
    value = request.environ.get("HTTP_ACCEPT")
    return value if isinstance(value, str) else None


def _log_hint(hint: str | None) -> None:
    if hint is not None:
        # Record: Development only: the probable mistake behind the fault that was logged before.
        _log.info("Hint: %s", printable(hint))


def _first_file(files: Sequence[str], own: str) -> str:
    """Return the file that breaks a route: its own, if it has a mistake at all."""
    return own if own in files or not files else files[0]


def _write_page(response: Response, status: int, page: str) -> None:
    for name, value in headers():
        response.set_header(name, value)
    _write(response, status, "text/html; charset=utf-8", page.encode("utf-8", "backslashreplace"))


def _write_text(response: Response, status: int, text: str) -> None:
    _write(response, status, "text/plain; charset=utf-8", text.encode("utf-8", "backslashreplace"))


def _write_json(response: Response, document: dict[str, object]) -> None:
    _write(response, 500, "application/problem+json", encode_json(document))


def _write(response: Response, status: int, media_type: str, content: bytes) -> None:
    response.status(status).set_header("Content-Type", media_type).set_header("Cache-Control", "no-store")
    response.end(content)
