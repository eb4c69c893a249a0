"""Connections that a client takes too long to send on, ended while a thread reads from them.

In: a socket, and a monotonic time. Out: the end of what is read from it. Raises nothing.
A server's `read` blocks until it has as much as it was asked for, and a socket's own timeout begins
anew with each byte. So one thread watches the reads in progress, and ends one that takes too long by
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

__all__ = ["CONNECTION", "Cut", "stop_reading", "stop_receiving", "unwatch", "watch"]

# The environ's key of the socket, under gunicorn alone.
CONNECTION = "gunicorn.socket"

_TICK = 0.05  # seconds between two looks at the reads in progress


class Cut:
    """Ends one read of `connection` when it is called; `is_done` tells whether it was."""

    __slots__ = ("connection", "is_done")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.is_done = False

    def __call__(self) -> None:
        self.is_done = True
        stop_receiving(self.connection)


def watch(connection: object, until: float, cut: Callable[[], None]) -> None:
    """Call `cut` at the monotonic time `until`, in seconds, unless `unwatch` is called before."""
    _watch.reads[id(connection)] = until, cut
    if not _watch.is_needed:
        _watch.begin()


def unwatch(connection: object) -> Callable[[], None] | None:
    """Stop watching, and return the `cut` that is due; None if there is none, or it was called."""
    watched = _watch.reads.pop(id(connection), None)
    return None if watched is None else watched[1]


def stop_receiving(connection: Any) -> None:
    """Close a connection for receiving: a read from it is at its end."""
    # The method of the class below, because TLS would forget itself and answer in clear text.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)


def stop_reading(connection: Any) -> bool:
    """Let nothing more be read from a connection; return whether a read was in progress."""
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
        """Look at the reads in progress until there are none."""
        self.is_needed = True
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
                self.is_needed = False
                if self.reads:  # one that began meanwhile did not see that it is not watched
                    self.is_needed = True
                    self._needed.set()


_watch = _Watch()


def _forget() -> None:
    _watch.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # a thread is not taken along
    os.register_at_fork(after_in_child=_forget)
