"""The applications of the development server: an App or a list of mistakes, and a guard and a log around it.

In: WSGI calls. Out: responses, and a line of the log for each. Only requests that name the served host are
answered: otherwise a page that the developer visits could read tracebacks through a host name of its own
that leads here (DNS rebinding).
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.development.explainer import PageExplainer
from apiroutes.development.log import request_line
from apiroutes.development.markup import headers
from apiroutes.development.report_page import report_page
from apiroutes.development.secret_names import without_secrets
from apiroutes.errors import ProjectError, report
from apiroutes.http import canonical_host, is_address, listed_hosts, prefers_html, requested_host
from apiroutes.terminal import paint_for, painted_report
from apiroutes.types import Environ, HeaderList, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator

__all__ = ["HostGuard", "ReportApplication", "RequestLog", "load_application", "respond"]


def load_application(root: Path, say: Callable[[str], None]) -> WSGIApplication:
    """Return the App of the project, in which a mistake breaks its own routes alone, and print all mistakes.

    For a project that cannot be served at all, return what responds with the report.
    """
    App.make_explainer = PageExplainer
    try:
        app = app_of(root, mode="development")
    except ProjectError as error:
        say(painted_report(error.problems, paint_for(sys.stderr)))
        return ReportApplication(error, root.resolve())
    if app.mistakes:
        say(painted_report(app.mistakes, paint_for(sys.stderr)))
    return app


class ReportApplication:
    """Lists the mistakes of a project that cannot be served."""

    def __init__(self, error: ProjectError, root: Path) -> None:
        self._problems = error.problems
        self._root = root

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status, title = "500 Internal Server Error", "This project cannot start"
        if prefers_html(environ.get("HTTP_ACCEPT")):
            page = report_page(self._problems, title, self._root)
            return respond(start_response, status, "text/html", page, headers())
        return respond(start_response, status, "text/plain", report(self._problems) + "\n")


def respond(
    start_response: StartResponse, status: str, media_type: str, text: str, others: HeaderList | None = None
) -> Iterable[bytes]:
    """Respond with a text."""
    content = text.encode("utf-8", "backslashreplace")
    described = [("Content-Type", f"{media_type}; charset=utf-8"), ("Content-Length", str(len(content)))]
    start_response(status, [*described, *(others or ())])
    return (content,)


# With the names below localhost, which lead to this machine alone (RFC 6761 section 6.3).
_LOCAL = (".localhost", "127.0.0.1", "::1")


class HostGuard:
    """WSGI middleware that answers requests for `host`, on any port, and for this machine's own names.

    `allowed` are further names; a leading dot extends one to its subdomains. Raises ValueError for an invalid
    name.

    If `host` means all addresses (`0.0.0.0`, `::`), requests for any address are answered: another
    site can lead here only by name. A request without a Host header does not come from a browser.
    """

    def __init__(self, application: WSGIApplication, host: str, allowed: Sequence[str] = ()) -> None:
        self._application = application
        served = {canonical_host(host or "0.0.0.0")}
        self._takes_addresses = not served.isdisjoint(("0.0.0.0", "::"))
        if self._takes_addresses:
            served |= {requested_host(socket.gethostname()) or "localhost"}
        names, self._parents = listed_hosts((*_LOCAL, *allowed))
        self._hosts = names | served

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        field = environ.get("HTTP_HOST")
        if field is None or self._is_served(field):
            return self._application(environ, start_response)
        text = (
            f"apiroutes dev does not answer for the host {field[:200]!r}, only for the one that it serves.\n"
            f"To reach it under that name: apiroutes dev --allowed-host {requested_host(field) or 'NAME'}\n"
        )
        return respond(start_response, "403 Forbidden", "text/plain", text)

    def _is_served(self, field: str) -> bool:
        host = requested_host(field)
        if host is None:
            return False
        is_named = host in self._hosts or host.endswith(self._parents)
        return is_named or (self._takes_addresses and is_address(host))


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
            printable = without_secrets(request.encode("unicode_escape").decode("ascii"))
            self._say(request_line(self._paint, printable, status, milliseconds))

        try:
            chunks = self._application(environ, start_response_noting)
        except BaseException:
            log()
            raise
        return ClosingIterator(chunks, log)
