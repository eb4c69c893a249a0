"""Discards unwanted content while the client is still sending it.

In: an environ. Out: nothing; the connection can take another request, or takes no more. A connection that is
closed while its client sends is reset, and then the client loses the response (RFC 9112 section 9.6).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from apiroutes.body.content_length import GRANIAN, announced_length, expects_continue
from apiroutes.body.inputs import BodyInput, arriving_input
from apiroutes.body.timed_input import TimedInput
from apiroutes.concurrency import CONNECTION, stop_receiving, unwatch, watch
from apiroutes.errors import ApiError
from apiroutes.types import Environ

__all__ = ["DRAIN_BYTES", "DRAIN_SECONDS", "drain", "has_unread"]

_CHUNK = 2**16
DRAIN_BYTES = 16 * 2**20
DRAIN_SECONDS = 2.0


def drain(environ: Environ) -> None:
    """Discard the content that the client is still sending, once the response has been sent.

    Reads at most 16 MB, for at most 2 seconds; if more is left, the connection takes no more requests. Reads
    nothing from a client that waits for a 100 (RFC 9110 section 10.1.1).
    """
    unread = _unread(environ)
    if unread is None:
        return
    source, left = unread
    connection = environ.get(CONNECTION)
    if environ.get("SERVER_SOFTWARE") == GRANIAN:
        _drain_aside(source, left)
    elif connection is None:
        _discard(source, left)
    else:
        watch(connection, time.monotonic() + DRAIN_SECONDS, lambda: stop_receiving(connection))
        try:
            is_whole = _discard(source, left)
        finally:
            unwatch(connection)
        if not is_whole:
            stop_receiving(connection)


def has_unread(environ: Environ) -> bool:
    """Return whether there is content that `drain` would discard."""
    return _unread(environ) is not None


def _unread(environ: Environ) -> tuple[Any, int | None] | None:
    """Return the input to drain and the bytes left in it, None if only the server knows."""
    if arriving_input(environ) is not None:
        return None  # the event loop receives and discards it
    source = environ.get("wsgi.input")
    is_ended_by_server = environ.get("wsgi.input_terminated")
    if isinstance(source, TimedInput):
        left, has_begun = source.left, source.has_begun
        source = source.source
    elif isinstance(source, BodyInput) or source is None:
        return None
    elif not is_ended_by_server:
        return None  # others may have read from it without counting, so its end is unknown
    else:
        left, has_begun = _length_or_none(environ), False
    if left == 0 or (left is None and not is_ended_by_server):
        return None
    if "SERVER_SOFTWARE" not in environ and not (has_begun and left):
        return None  # a test's request: without a server there is no connection to break
    # gunicorn tells the client to send before it calls the application.
    is_told = has_begun or environ.get(CONNECTION) is not None
    if not is_told and expects_continue(environ):
        return None
    return source, left


def _length_or_none(environ: Environ) -> int | None:
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    try:
        return announced_length(environ)
    except ApiError:  # an invalid length: the size is unknown
        return 0


def _discard(source: Any, left: int | None) -> bool:
    """Read to the end within the bounds; return whether the end was reached."""
    until = time.monotonic() + DRAIN_SECONDS
    max_bytes = DRAIN_BYTES if left is None else min(left, DRAIN_BYTES)
    count = 0
    try:
        while count < max_bytes and time.monotonic() < until:
            chunk = source.read(min(_CHUNK, max_bytes - count))
            if not chunk:
                return left is None
            count += len(chunk)
    except Exception:  # a broken connection, or malformed chunks
        return False
    return count == left


def _drain_aside(source: Any, left: int | None) -> None:
    """Drain in a thread that may wait longer, for a server whose reads cannot be interrupted.

    The thread runs until the client or the server closes the connection. Only a few such threads may run at
    once, so that clients that stop sending hold nothing that others need.
    """

    def run() -> None:
        try:
            _discard(source, left)
        finally:
            done.set()
            _aside.release()

    if not _aside.acquire(blocking=False):
        return
    done = threading.Event()
    threading.Thread(target=run, name="apiroutes-drain", daemon=True).start()
    done.wait(DRAIN_SECONDS)


_aside = threading.BoundedSemaphore(16)
