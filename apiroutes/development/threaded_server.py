"""The HTTP server of a development process: it stops accepting at once and finishes what it has begun.

In: a socket that listens, a WSGI application. Out: responses. A connection that has sent nothing is not
begun: on Linux it waits in the listening socket, for this process or for the one that replaces it.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

__all__ = ["QuietHandler", "ThreadedServer"]

# Seconds between the opening of a connection and the arrival of its first bytes, which the kernel reports
# one after another.
_MOMENT = 0.005


class ThreadedServer(ThreadedWSGIServer):
    """Werkzeug's server, a thread for each request. `app` is set before it serves.

    `fd` is the number of the listening socket, which stays open; without one it opens its own.
    """

    def __init__(self, host: str, port: int, fd: int | None) -> None:
        super().__init__(host, port, _not_loaded, QuietHandler, fd=fd)
        self._lock = threading.Lock()
        self._running = 0
        self._is_accepting = False
        self._is_stopping = False
        self._is_interrupted = False

    def serve_until_stopped(self, channel: socket.socket, on_accepting: Callable[[], None]) -> None:
        """Accept from the line "accept" on the channel to the line "stop", and finish what has begun.

        At "stop" it sends "stopped" and the number of requests that have begun, then "running" and how many
        are left. When the channel is closed, or at SIGTERM or Ctrl-C, it returns at once. Called in the main
        thread.
        """
        self._waking, self._woken = socket.socketpair()
        self._waking.setblocking(False)
        # Whichever thread receives a signal, this one wakes up and calls the handler.
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._interrupt)
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._is_interrupted and not (self._is_stopping and not self._running):
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(64)
                        if self._is_stopping:
                            channel.sendall(b"running %d\n" % self._running)
                    elif key.fileobj is self.socket:
                        self._accept(selector)
                    elif key.fileobj is not channel:
                        self._begin(selector, key.fileobj, key.data)
                    elif self._obey(channel.recv(64).split(), selector, channel, on_accepting):
                        break  # it may have dealt with the other events
                    else:
                        return

    def _obey(
        self,
        commands: list[bytes],
        selector: selectors.BaseSelector,
        channel: socket.socket,
        on_accepting: Callable[[], None],
    ) -> bool:
        """Follow what came on the channel; return whether it is still open."""
        for command in commands:
            if command == b"accept":
                self._is_accepting = True
                selector.register(self.socket, selectors.EVENT_READ)
                on_accepting()
            else:
                self._stop_accepting(selector)
                channel.sendall(b"stopped %d\n" % self._running)
        return bool(commands)

    def _stop_accepting(self, selector: selectors.BaseSelector) -> None:
        if self._is_accepting:
            selector.unregister(self.socket)
        self.server_close()
        self._is_stopping = True
        if self._silent(selector):
            time.sleep(_MOMENT)
        for key, _ in selector.select(0):
            if key.data is not None:
                self._begin(selector, key.fileobj, key.data)
        for connection in self._silent(selector):
            selector.unregister(connection)
            self.shutdown_request(connection)

    def _silent(self, selector: selectors.BaseSelector) -> list[Any]:
        """Return the accepted connections that have not begun a request."""
        return [key.fileobj for key in selector.get_map().values() if key.data is not None]

    # -- requests --------------------------------------------------------------------------

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(OSError):  # the client has left
            connection, address = self.get_request()
            selector.register(connection, selectors.EVENT_READ, address)

    def _begin(self, selector: selectors.BaseSelector, connection: Any, address: Any) -> None:
        """Handle the request whose first bytes have come, in a thread."""
        selector.unregister(connection)
        with self._lock:
            self._running += 1
        try:
            self.process_request(connection, address)
        except RuntimeError:  # there cannot be another thread
            self._end()
            self.handle_error(connection, address)
            self.shutdown_request(connection)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self._running -= 1
        if self._is_stopping:
            with contextlib.suppress(BlockingIOError):  # it is about to wake up
                self._waking.send(b"\0")

    def _interrupt(self, signum: int, frame: object) -> None:
        self._is_interrupted = True


def _not_loaded(environ: object, start_response: object) -> Any:
    raise RuntimeError("the application has not been loaded")


class QuietHandler(WSGIRequestHandler):
    """Werkzeug's handler without its log: RequestLog writes the line, with the time spent."""

    def handle_expect_100(self) -> bool:
        """Leave the 100 of `Expect: 100-continue` to Werkzeug, which sends one before it calls the App."""
        return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
