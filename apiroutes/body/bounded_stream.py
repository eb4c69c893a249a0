"""The content as a stream that ends where the content ends, and is read only on demand.

In: an environ and limits. Out: a binary file that is an async iterable too. Raises ApiError, mostly while the
stream is read: 400 if the content is cut off, 408 if it takes too long, and 413.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from apiroutes.body.content_length import announced_length
from apiroutes.body.errors import cut_off, too_large
from apiroutes.body.inputs import KeptContent, arriving_input
from apiroutes.body.limits import Limits
from apiroutes.body.reading import read_chunk
from apiroutes.body.timed_input import TimedInput
from apiroutes.concurrency import coroutines
from apiroutes.sizes import Size
from apiroutes.types import Environ

__all__ = ["BodyStream", "bounded_stream", "empty_stream"]

_CHUNK = 2**16


class BodyStream(io.BufferedReader):
    """The content as a binary file, and as an async iterable that yields pieces as they arrive.

    A coroutine reads it with `async for piece in req.stream`; a plain function reads it like any file.
    """

    def __init__(self, raw: io.RawIOBase, environ: Environ) -> None:
        super().__init__(raw)
        self._environ = environ

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._next_piece():
            yield piece

    async def _next_piece(self) -> bytes:
        source = arriving_input(self._environ)
        if source is None or not coroutines.is_on_server_loop():
            return await coroutines.in_request_thread(self.read1, _CHUNK)
        await source.arrive()
        return self.read1(_CHUNK)


def empty_stream() -> BodyStream:
    """Return a stream without content."""
    return BodyStream(_Empty(), {})


class _Empty(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return 0


def bounded_stream(environ: Environ, limits: Limits, max_size: Size | None = None) -> BodyStream:
    """Return the content as a stream, of at most `max_size` bytes or of any size.

    Nothing is read until the stream is read. Raises ApiError 413 for a length over `max_size`, and the errors
    of `announced_length`.
    """
    length = announced_length(environ)
    if max_size is not None and length is not None and length > max_size.bytes:
        raise too_large(max_size)
    return BodyStream(_BoundedReader(environ, limits, length, max_size), environ)


class _BoundedReader(io.RawIOBase):
    def __init__(self, environ: Environ, limits: Limits, length: int | None, max_size: Size | None) -> None:
        self._environ = environ
        self._limits = limits
        self._length = length
        self._max_size = max_size
        self._count = 0
        self._source: TimedInput | io.BytesIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        left = None if self._length is None else self._length - self._count
        size = len(buffer) if left is None else min(len(buffer), left)
        if not size:
            return 0
        if self._source is None:
            self._source = self._open()
        if isinstance(self._source, io.BytesIO):
            chunk = self._source.read(size)
        else:
            chunk = read_chunk(self._source, size)
            if not chunk and left:
                raise self._source.refuse(cut_off())
        self._count += len(chunk)
        if self._max_size is not None and self._count > self._max_size.bytes:
            raise too_large(self._max_size)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _open(self) -> TimedInput | io.BytesIO:
        """Return the input to read from; other code may have read it since the stream was made."""
        source = self._environ["wsgi.input"]
        if isinstance(source, KeptContent):
            self._length = len(source.whole())
            return io.BytesIO(source.whole())
        return (
            source
            if isinstance(source, TimedInput)
            else TimedInput(self._environ, self._limits, self._length)
        )
