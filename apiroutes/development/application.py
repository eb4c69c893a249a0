"""The applications of the development server: an App or a list of mistakes, and a guard and a log around it.

In: WSGI calls. Out: responses, and a line of the log for each. Only requests that name the served host are
answered: otherwise a page that the developer visits could read tracebacks through a host name of its own
that leads here (DNS rebinding).
"""

from __future__ import annotations

import html
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.development.log import request_line
from apiroutes.error_responses import write_error
from apiroutes.errors import Problem, ProjectError, report
from apiroutes.http import TEXT, canonical_host, is_address, phrase, prefers_html, requested_host
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.terminal import paint_for, painted_report
from apiroutes.types import Environ, HeaderList, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator

__all__ = ["HostGuard", "PageExplainer", "ReportApplication", "RequestLog", "load_application"]


def load_application(root: Path, say: Callable[[str], None]) -> WSGIApplication:
    """Return the App of the project, in which a mistake breaks its own routes alone, and say all mistakes.

    For a project that cannot be served at all, return what responds with the report.
    """
    App.make_explainer = PageExplainer
    try:
        app = app_of(root, mode="development")
    except ProjectError as error:
        say(painted_report(error.problems, paint_for(sys.stderr)))
        return ReportApplication(error)
    if app.mistakes:
        say(painted_report(app.mistakes, paint_for(sys.stderr)))
    return app


class PageExplainer:
    """Explains faults and mistakes: by a page to browsers, by text to all other clients."""

    def __init__(self, app: App) -> None:
        self._app = app

    def write_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Write a 500 with the traceback."""
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        _write(response, 500, f"{type(error).__name__} in {request.method} {request.path}", text)

    def write_problems(self, problems: Sequence[Problem], response: Response) -> None:
        """Write a 500 with the report of a route's mistakes."""
        _write(response, 500, "This route cannot be served", report(problems))

    def write_not_found(self, response: Response) -> None:
        """Write the 404 of a path that no route matches."""
        write_error(response.req, response, 404, phrase(404))


def _write(response: Response, status: int, title: str, text: str) -> None:
    response.status(status).set_header("Cache-Control", "no-store")
    if prefers_html(response.req.environ.get("HTTP_ACCEPT")):
        response.set_header("Content-Type", "text/html; charset=utf-8")
        text = _page(title, text)
    response.end(text.encode("utf-8", "backslashreplace"))
    response._content_headers = TEXT


class ReportApplication:
    """Lists the mistakes of a project that cannot start."""

    def __init__(self, error: ProjectError) -> None:
        self._text = report(error.problems)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        as_html = prefers_html(environ.get("HTTP_ACCEPT"))
        text = _page("This project cannot start", self._text) if as_html else self._text + "\n"
        media_type = "text/html" if as_html else "text/plain"
        return _respond(start_response, "500 Internal Server Error", media_type, text.encode())


def _respond(start_response: StartResponse, status: str, media_type: str, content: bytes) -> Iterable[bytes]:
    headers = [("Content-Type", f"{media_type}; charset=utf-8"), ("Content-Length", str(len(content)))]
    start_response(status, headers)
    return (content,)


def _page(title: str, text: str) -> str:
    return (
        "<!doctype html><meta charset=utf-8>"
        f"<title>{html.escape(title)}</title>"
        "<style>body{font:16px system-ui;margin:2rem}pre{background:#f4f4f4;padding:1rem;overflow:auto}"
        "@media(prefers-color-scheme:dark){body{background:#181818;color:#eee}pre{background:#222}}</style>"
        f"<h1>{html.escape(title)}</h1><pre>{html.escape(text)}</pre>"
    )


_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))


class HostGuard:
    """WSGI middleware that answers requests for `host`, on any port, and for this machine's own names.

    Where `host` stands for all addresses (`0.0.0.0`, `::`), requests for any address are answered: another
    site can lead here only by name. A request without a Host header does not come from a browser.
    """

    def __init__(self, application: WSGIApplication, host: str) -> None:
        self._application = application
        served = {canonical_host(host or "0.0.0.0")}
        self._takes_addresses = not served.isdisjoint(("0.0.0.0", "::"))
        if self._takes_addresses:
            served |= {requested_host(socket.gethostname()) or "localhost"}
        self._hosts = _LOCAL | served

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        field = environ.get("HTTP_HOST")
        if field is None or self._is_served(field):
            return self._application(environ, start_response)
        content = (
            f"apiroutes dev does not answer for the host {field[:200]!r}, only for the one that it serves.\n"
            "To reach it under another name: apiroutes dev --host NAME\n"
        ).encode("ascii", "backslashreplace")
        return _respond(start_response, "403 Forbidden", "text/plain", content)

    def _is_served(self, field: str) -> bool:
        host = requested_host(field)
        return host is not None and (host in self._hosts or (self._takes_addresses and is_address(host)))


class RequestLog:
    """WSGI middleware that prints a line for each request: method, path, status, milliseconds."""

    def __init__(self, application: WSGIApplication, say: Callable[[str], None]) -> None:
        self._application = application
        self._say = say
        self._paint = paint_for(sys.stderr)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start = time.perf_counter()
        status = "-"

        def start_response_noting(line: str, headers: HeaderList, *exc_info: Any) -> Any:
            nonlocal status
            status = line[:3]
            return start_response(line, headers, *exc_info)

        def log() -> None:
            milliseconds = (time.perf_counter() - start) * 1000
            request = f"{environ.get('REQUEST_METHOD')} {environ.get('RAW_URI') or environ.get('PATH_INFO')}"
            # Escaped, so that a client cannot forge a second line.
            printable = request.encode("unicode_escape").decode("ascii")
            self._say(request_line(self._paint, printable, status, milliseconds))

        try:
            chunks = self._application(environ, start_response_noting)
        except BaseException:
            log()
            raise
        return ClosingIterator(chunks, log)
