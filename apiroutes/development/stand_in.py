"""What answers while no process serves: that the last one has ended, and how.

In: the listening socket, the guard of hosts, and how the process ended. Out: responses, from threads
of the parent, which imports nothing of the project.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable

from werkzeug.serving import ThreadedWSGIServer

from apiroutes.development.application import RequestLog, respond
from apiroutes.development.markup import document, escape, headers
from apiroutes.development.threaded_server import QuietHandler
from apiroutes.http import prefers_html
from apiroutes.types import Environ, StartResponse, WSGIApplication

__all__ = ["StandIn", "how_it_ended"]

# Seconds between two checks whether to stop; the next process waits for that.
_TICK = 0.02


def how_it_ended(status: int | None) -> str:
    """Return what a process's status means, in the form of `subprocess`: negative for a signal."""
    if status is None or status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


class StandIn:
    """A server that answers every request with a 503, until it is closed."""

    def __init__(
        self,
        listener: socket.socket,
        guard: Callable[[WSGIApplication], WSGIApplication],
        how: str,
        say: Callable[[str], None],
    ) -> None:
        address, port = listener.getsockname()[:2]
        application = RequestLog(guard(_Ended(how)), say)
        self._server = ThreadedWSGIServer(address, port, application, QuietHandler, fd=listener.fileno())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_TICK,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept no more. Requests that have begun are answered; the socket stays open."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Ended:
    """An application that responds that the server has ended."""

    def __init__(self, how: str) -> None:
        self._title = f"The server {how}"
        self._text = (
            "The process that served this project has ended. Its output is in the terminal of apiroutes dev. "
            "It is started again as soon as a file of the project changes."
        )

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        text = f"{self._title}.\n{self._text}\n"
        status = "503 Service Unavailable"
        if not prefers_html(environ.get("HTTP_ACCEPT")):
            return respond(start_response, status, "text/plain", text)
        body = f"<header><h1>{escape(self._title)}</h1></header>\n<p>{escape(self._text)}</p>\n"
        page = document(self._title, "<b>No process</b>", body, text)
        return respond(start_response, status, "text/html", page, headers())
