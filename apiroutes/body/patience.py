"""How long a client may take to send what it has begun (RFC 9110 section 15.5.9).

In: an environ and limits. Out: what to read from in place of `wsgi.input`. Raises ApiError 408.
A server's `read` blocks until it has what it was asked for, so that a client that sends a byte a
second would hold a thread for as long as it likes. One thread watches the reads in progress, and
ends one that takes too long by closing the connection for receiving.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from apiroutes.body.limits import Limits
from apiroutes.errors import ApiError

__all__ = ["PatientInput", "end_reading", "shut", "unwatch", "watch"]

# Where gunicorn has the connection. Another server's reads end between two of them.
CONNECTION = "gunicorn.socket"

_TICK = 0.05  # seconds between two looks at the reads in progress


def end_reading(environ: dict[str, Any]) -> bool:
    """Let nothing more of the request's content be read; whether it was being read."""
    connection = environ.get(CONNECTION)
    if connection is None:
        return False
    cut = unwatch(connection)
    if cut is None:
        shut(connection)
        return False
    cut()
    return True


class PatientInput:
    """`wsgi.input` with a limit to the time that reading it may take.

    That is `limits.timeout` seconds, and a second more for every `limits.min_rate` bytes that
    came. Only the time that is spent waiting for the client counts.
    """

    def __init__(self, environ: dict[str, Any], limits: Limits) -> None:
        self._input = environ["wsgi.input"]
        self._connection = environ.get(CONNECTION)
        self._rate = limits.min_rate.bytes
        self._left = limits.timeout  # seconds
        self._is_cut = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        if self._left <= 0:
            raise _too_slow()
        began = time.monotonic()
        try:
            if self._connection is None:
                content: bytes = self._input.read(size) or b""
            else:
                content = self._read_watched(size, began + self._left)
        except Exception:  # what a server makes of a connection that ends in the middle
            if self._is_cut:
                raise _too_slow() from None
            raise
        if self._is_cut:
            raise _too_slow()
        self._left -= time.monotonic() - began
        if self._rate:
            self._left += len(content) / self._rate
        return content

    def _read_watched(self, size: int, until: float) -> bytes:
        watch(self._connection, until, self._cut)
        try:
            content: bytes = self._input.read(size) or b""
            return content
        finally:
            unwatch(self._connection)

    def _cut(self) -> None:
        self._is_cut = True
        shut(self._connection)


def _too_slow() -> ApiError:
    return ApiError(408, "Request Timeout")


def watch(connection: object, until: float, cut: Callable[[], None]) -> None:
    """Call `cut` when a monotonic time has come, unless `unwatch` is called before."""
    _watch.add(id(connection), until, cut)


def unwatch(connection: object) -> Callable[[], None] | None:
    """What would have been called to cut it; None where nothing would, or has been called."""
    watched = _watch.reads.pop(id(connection), None)
    return None if watched is None else watched[1]


def shut(connection: Any) -> None:
    """Close a connection for receiving: who reads from it is at its end."""
    # The method of the class below, because TLS would forget itself and answer in clear text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)


class _Watch:
    """The reads in progress, by connection, and the thread that ends those that take too long."""

    def __init__(self) -> None:
        self.reads: dict[int, tuple[float, Callable[[], None]]] = {}
        self._needed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def add(self, key: int, until: float, cut: Callable[[], None]) -> None:
        self.reads[key] = until, cut
        if not self._needed.is_set():
            self._needed.set()
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="apiroutes-reads", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self._needed.wait()
            time.sleep(_TICK)
            now = time.monotonic()
            # Whoever takes a read out of the dict has it: it ended by itself, or it is cut.
            for key, (until, _) in list(self.reads.items()):
                if until <= now and (overdue := self.reads.pop(key, None)) is not None:
                    overdue[1]()
            if not self.reads:
                self._needed.clear()
                if self.reads:  # one that began meanwhile did not see that it is not watched
                    self._needed.set()


_watch = _Watch()


def _forget() -> None:
    _watch.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # a thread is not taken along
    os.register_at_fork(after_in_child=_forget)
