"""The development server: reload on change, an error page, a line for each request.

In: a project directory, host and port. Out: nothing; runs until Ctrl-C. A parent process
holds the listening socket and watches the files, a child serves: connections wait while it is
replaced, and none is refused. Where a process cannot inherit a socket (Windows), the child opens
it. Only requests that name the served host are answered, so that no page that the developer visits
reads tracebacks through a name that leads here (DNS rebinding). Needs the extra `dev` to watch; the
only file that imports watchfiles. Raises AddressError for a port in use.
"""

from __future__ import annotations

import contextlib
import html
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from apiroutes.app import App
from apiroutes.errors import ProjectError, report
from apiroutes.http import TEXT, canonical_host, is_address, prefers_html, requested_host
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.servers.addresses import AddressError, family_of, shown
from apiroutes.types import Environ, HeaderList, StartResponse
from apiroutes.wsgi import ClosingIterator

try:
    import watchfiles
except ImportError:  # the extra is not installed
    watchfiles = None  # type: ignore[assignment]

__all__ = ["HostGuard", "is_child", "run", "serve"]

# In the environment of the serving child: the number of the listening socket that it inherits, or
# nothing where it opens one of its own.
_CHILD = "_APIROUTES_DEV_SOCKET"

_WATCHED_ENDINGS = (".py", ".toml")


def is_child() -> bool:
    """Whether this process was started by `run`, to serve."""
    return _CHILD in os.environ


def run(root: Path, host: str, port: int, docs_path: str | None, say: Callable[[str], None]) -> None:
    """Serve the project until Ctrl-C, anew after every change. Raises AddressError."""
    listener = _listen(host, port)
    address, port = listener.getsockname()[:2]
    if not _CAN_INHERIT:
        listener.close()
    url = f"http://{shown(address, port)}"
    say(f"Serving {root} on {url} (Ctrl-C stops)")
    if docs_path is not None:
        say(f"Documentation: {url}{docs_path}")
    if watchfiles is None:
        say("Changes are not watched: pip install 'apiroutes[dev]' for that.")
    signal.signal(signal.SIGTERM, _interrupt)  # or the child would be left behind

    def start() -> subprocess.Popen[bytes]:
        return _start(root, host, port, listener)

    child = start()
    try:
        if watchfiles is None:
            child.wait()
            return
        # yield_on_timeout lets the loop see that the child has gone.
        for changes in watchfiles.watch(
            root, watch_filter=_is_watched, yield_on_timeout=True, rust_timeout=1000
        ):
            if not changes and child.poll() is None:
                continue
            if changes:
                names = sorted({os.path.relpath(path, root) for _, path in changes})
                say(f"Changed: {', '.join(names)}; reloading")
                _stop(child)
            elif child.returncode:
                say(f"The server ended with status {child.returncode}; waiting for a change")
                _wait_for_change(root)
            child = start()
    except KeyboardInterrupt:
        pass
    finally:
        _stop(child)
        listener.close()


# Windows has neither fork nor sockets that a new process can be given by their number.
_CAN_INHERIT = hasattr(os, "fork")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family_of(host), backlog=128)
    except OSError as error:
        raise AddressError(host, port, error) from error


def _is_watched(change: object, path: str) -> bool:
    name = os.path.basename(path)
    if "__pycache__" in path or f"{os.sep}.venv{os.sep}" in path or f"{os.sep}.git{os.sep}" in path:
        return False
    return name.endswith(_WATCHED_ENDINGS) or name.startswith(".env")


def _wait_for_change(root: Path) -> None:
    for _ in watchfiles.watch(root, watch_filter=_is_watched):
        return


def _start(root: Path, host: str, port: int, listener: socket.socket) -> subprocess.Popen[bytes]:
    descriptors = (listener.fileno(),) if _CAN_INHERIT else ()
    command = [
        sys.executable,
        "-m",
        "apiroutes",
        "dev",
        "--root",
        str(root),
        "--host",
        host,
        "--port",
        str(port),
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, _CHILD: "".join(map(str, descriptors))},
        pass_fds=descriptors,
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:  # a handler that does not end
        child.kill()
        child.wait()


def serve(root: Path, host: str, port: int, say: Callable[[str], None], settings: dict[str, Any]) -> None:
    """Serve in the child of `run`. A project with mistakes is served as its report."""
    inherited = os.environ.pop(_CHILD)
    application: Callable[..., Iterable[bytes]]
    try:
        application = DevelopmentApp(root, mode="development", **settings)
    except ProjectError as error:
        say(str(error))
        application = _ReportApplication(error)
    server = make_server(
        host,
        port,
        RequestLog(HostGuard(application, host), say),
        threaded=True,
        request_handler=_QuietHandler,
        fd=int(inherited) if inherited else None,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


class _QuietHandler(WSGIRequestHandler):
    """Werkzeug's handler without its log: RequestLog has the line, with the time spent."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return


class DevelopmentApp(App):
    """An App whose faults show their traceback to the client."""

    def write_fault(self, error: BaseException, request: Request, response: Response) -> None:
        """Answer with the traceback: a page for browsers, text for everyone else."""
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        response.status(500)
        if prefers_html(request.environ.get("HTTP_ACCEPT")):
            response.set_header("Content-Type", "text/html; charset=utf-8")
            text = _page(f"{type(error).__name__} in {request.method} {request.path}", text)
        response.end(text.encode("utf-8", "backslashreplace"))
        response._content_headers = TEXT


class _ReportApplication:
    """What is served for a project that has mistakes: the list of them."""

    def __init__(self, error: ProjectError) -> None:
        self._text = report(error.problems)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        as_html = prefers_html(environ.get("HTTP_ACCEPT"))
        content = (_page("This project cannot start", self._text) if as_html else self._text + "\n").encode()
        media_type = "text/html" if as_html else "text/plain"
        headers = [("Content-Type", f"{media_type}; charset=utf-8"), ("Content-Length", str(len(content)))]
        start_response("500 Internal Server Error", headers)
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
    """WSGI middleware that answers requests for `host`, with any port, and for this machine's own names.

    Where `host` stands for all addresses (`0.0.0.0`, `::`), every address is answered: what leads
    here from another site is a name. A request without a Host header is no browser's.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], host: str) -> None:
        self._application = application
        served = {canonical_host(host or "0.0.0.0")}
        self._takes_addresses = not served.isdisjoint(("0.0.0.0", "::"))
        if self._takes_addresses:
            served |= {requested_host(socket.gethostname()) or "localhost"}
        self._hosts = _LOCAL | served

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        sent = environ.get("HTTP_HOST")
        if sent is None or self._is_ours(sent):
            return self._application(environ, start_response)
        content = (
            f"apiroutes dev does not answer for the host {sent[:200]!r}, but for the one that it serves.\n"
            "To reach it under another name: apiroutes dev --host NAME\n"
        ).encode("ascii", "backslashreplace")
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(content)))]
        start_response("403 Forbidden", headers)
        return (content,)

    def _is_ours(self, sent: str) -> bool:
        host = requested_host(sent)
        return host is not None and (host in self._hosts or (self._takes_addresses and is_address(host)))


class RequestLog:
    """WSGI middleware that says a line for each request: method, path, status, milliseconds."""

    def __init__(self, application: Callable[..., Iterable[bytes]], say: Callable[[str], None]) -> None:
        self._application = application
        self._say = say

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        status = ["-"]

        def start(line: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
            status[0] = line[:3]
            return start_response(line, headers, *exc_info)

        def log() -> None:
            milliseconds = (time.perf_counter() - began) * 1000
            # What the client sent cannot make a second line.
            target = f"{environ.get('REQUEST_METHOD')} {environ.get('RAW_URI') or environ.get('PATH_INFO')}"
            shown = target.encode("unicode_escape").decode("ascii")
            self._say(f"{shown} {status[0]} {milliseconds:.1f} ms")

        try:
            answer = self._application(environ, start)
        except BaseException:
            log()
            raise
        return ClosingIterator(answer, log)


logging.getLogger("werkzeug").setLevel(logging.WARNING)
