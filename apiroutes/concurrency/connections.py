"""A time limit for reads: a connection on which a client sends too slowly is closed for receiving.

In: a socket, and a monotonic time in seconds. Out: the end of a read from it.
A server's `read` blocks until it has as much as it was asked for, and a socket's own timeout starts
again with each byte. So one thread watches the reads in progress, and ends one that takes too long by
closing its connection for receiving.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["CONNECTION", "stop_reading", "stop_receiving", "unwatch", "watch"]

# The environ's key of the socket, under gunicorn alone.
CONNECTION = "gunicorn.socket"

_INTERVAL = 0.05  # seconds between two checks of the reads in progress


def watch(connection: object, until: float, cut: Callable[[], None]) -> None:
    """Call `cut` at the monotonic time `until`, in seconds, unless `unwatch` is called first."""
    _watch.reads[id(connection)] = until, cut
    if not _watch.is_needed:
        _watch.begin()


def unwatch(connection: object) -> Callable[[], None] | None:
    """Stop watching, and return the pending `cut`; None if it was called, or nothing was watched."""
    watched = _watch.reads.pop(id(connection), None)
    return None if watched is None else watched[1]


def stop_receiving(connection: Any) -> None:
    """Close a connection for receiving, which ends a read from it."""
    # The base class's method: a TLS socket's own would drop TLS, and the response would go out in clear text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)


def stop_reading(connection: Any) -> bool:
    """End reading from a connection; return whether a read was in progress."""
    cut = unwatch(connection)
    if cut is None:
        stop_receiving(connection)
        return False
    cut()
    return True


class _Watch:
    """The reads in progress, by connection, and the thread that ends those that take too long."""

    def __init__(self) -> None:
        self.reads: dict[int, tuple[float, Callable[[], None]]] = {}
        self.is_needed = False
        self._needed = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def begin(self) -> None:
        """Check the reads in progress until there are none."""
        self.is_needed = True
        self._needed.set()
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="apiroutes-reads", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._needed.wait()
            time.sleep(_INTERVAL)
            now = time.monotonic()
            # Only one thread takes a read out of the dict: its own when it ends, or this one to cut it.
            for key, (until, _) in list(self.reads.items()):
                if until <= now and (overdue := self.reads.pop(key, None)) is not None:
                    overdue[1]()
            if not self.reads:
                self._needed.clear()
                self.is_needed = False
                if self.reads:  # one that began meanwhile saw the watch still on
                    self.is_needed = True
                    self._needed.set()


_watch = _Watch()


def _forget() -> None:
    _watch.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # a fork takes no threads along
    os.register_at_fork(after_in_child=_forget)
