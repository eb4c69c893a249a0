"""The time that a client may take to send its content (RFC 9110 section 15.5.9).

In: an environ and limits. Out: an input to read from in place of `wsgi.input`. Raises ApiError 408.
A server's `read` blocks until it has all requested bytes, so a client that sends one byte a second could hold
a thread for as long as it likes. `concurrency.watch` ends a read that takes too long, by closing the
connection for receiving.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import Any

from apiroutes.body.errors import ReadOnLoopError, too_slow
from apiroutes.body.inputs import BodyInput
from apiroutes.body.limits import Limits
from apiroutes.concurrency import CONNECTION, stop_receiving, unwatch, watch
from apiroutes.errors import ApiError
from apiroutes.types import Environ

__all__ = ["TimedInput", "read_watched"]

_CHUNK = 2**16


class TimedInput(BodyInput):
    """`wsgi.input` with a limit on the time that reads may take; it replaces `wsgi.input` in the environ.

    The limit is `limits.timeout` seconds, and one more second for every `limits.min_rate` bytes that have
    arrived. Only the time spent waiting for the client counts. `left` is the number of bytes still to come,
    None if only the server knows it.
    """

    def __init__(self, environ: Environ, limits: Limits, left: int | None) -> None:
        self.source = environ["wsgi.input"]
        self.left = left
        self.has_begun = False
        self._connection = environ.get(CONNECTION)
        self._rate = limits.min_rate.bytes
        self._seconds = limits.timeout
        self._refusal: Callable[[], ApiError] | None = None
        environ["wsgi.input"] = self

    def refuse(self, error: ApiError) -> ApiError:
        """Make every later read raise an error like `error`; return `error` itself."""
        # A new error has no traceback, which would lead back here.
        self._refusal = partial(type(error), error.status, error.message, error.headers)
        return error

    def whole(self) -> bytes:
        if self._refusal is not None:
            raise self._refusal()
        return super().whole()

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes, by default all that are left; none at the end. Raises ApiError 408."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        if self._refusal is not None:
            raise self._refusal()
        if self.left is not None and size > self.left:
            size = self.left
        content = self._read_in_time(size) if size else b""
        if self.left is not None:
            self.left -= len(content)
        elif size and not content:
            self.left = 0
        return content

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line, or up to `size` bytes of it."""
        line = bytearray()
        max_length = sys.maxsize if size is None or size < 0 else size
        while len(line) < max_length and not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return bytes(line)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Return all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _read_in_time(self, size: int) -> bytes:
        if self._seconds <= 0:
            raise self.refuse(too_slow())
        self.has_begun = True
        began = monotonic()
        try:
            if self._connection is None:
                # The bytes so far, from a source that need not wait for all requested bytes.
                read = getattr(self.source, "read_arrived", self.source.read)
                content: bytes = read(size) or b""
            else:
                content = read_watched(self.source, size, self._connection, self._seconds)
        except ApiError as error:
            self.left = 0
            raise self.refuse(error) from None
        except ReadOnLoopError:
            raise
        except Exception:
            self.left = 0
            raise
        self._seconds -= monotonic() - began
        if self._rate:
            self._seconds += len(content) / self._rate
        return content


def read_watched(source: Any, size: int, connection: Any, seconds: float) -> bytes:
    """Read up to `size` bytes once, in at most so many seconds. Raises ApiError 408."""
    watch(connection, monotonic() + seconds, partial(stop_receiving, connection))
    try:
        content: bytes = source.read(size) or b""  # a raw stream without data returns None
    except (
        BaseException
    ) as error:  # each server has its own exception for a connection that ends halfway through
        if unwatch(connection) is None and isinstance(error, Exception):
            raise too_slow() from None
        raise
    if unwatch(connection) is None:  # the read was cut
        raise too_slow()
    return content
