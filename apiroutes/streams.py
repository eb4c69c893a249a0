"""Content that is made piece by piece: iterators, files, and what another WSGI application answers.

In: iterators, binary files, applications. Out: iterators that can be closed, with their first chunk
taken where code of somebody else's makes it, so that what fails there can still become an error.
Raises TypeError for a chunk that is neither bytes nor str, and RuntimeError for an application that
does not do what PEP 3333 says.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from apiroutes.types import Environ, HeaderList

__all__ = [
    "Begun",
    "Counted",
    "FileChunks",
    "as_chunk",
    "close",
    "kind_of",
    "remaining_size",
    "run_application",
]

_CHUNK = 2**16


def as_chunk(chunk: object) -> bytes:
    """A chunk as bytes; a str is sent as UTF-8."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError(f"a stream gives bytes or str, not {chunk!r}")


def close(stream: object) -> None:
    """Close what can be closed."""
    method = getattr(stream, "close", None)
    if method is not None:
        method()


class Begun:
    """A stream that has run to its first chunk with content, or to its end.

    `is_empty` says that there is none. When the stream fails on the way it is closed.
    """

    def __init__(self, stream: Iterable[Any]) -> None:
        self._stream = stream
        self._iterator: Iterator[Any] = iter(())
        self._first = b""
        try:
            self._iterator = iter(stream)
            for chunk in self._iterator:
                self._first = as_chunk(chunk)
                if self._first:
                    break
        except BaseException:
            close(stream)
            raise
        self.is_empty = not self._first

    def __iter__(self) -> Begun:
        return self

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return as_chunk(next(self._iterator))

    def close(self) -> None:
        """Close it; it may be closed already."""
        stream, self._stream = self._stream, ()
        close(stream)


class Counted:
    """A stream of as many bytes as were announced: more is cut there, and less raises EOFError."""

    def __init__(self, stream: Iterable[Any], length: int) -> None:
        self._stream = stream
        self._iterator = iter(stream)
        self._left = length

    def __iter__(self) -> Counted:
        return self

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        try:
            chunk = as_chunk(next(self._iterator))[: self._left]
        except StopIteration:
            raise EOFError(f"the answer is {self._left} bytes too short for its Content-Length") from None
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        close(self._stream)


class FileChunks:
    """A file as an iterator of chunks, closed with it.

    `length` is how many bytes it was announced to have: one that grows meanwhile is sent as it
    was, and for one that shrinks reading raises EOFError.
    """

    def __init__(self, file: Any, length: int | None) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> FileChunks:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._file.read(_CHUNK if self._left is None else min(_CHUNK, self._left))
        if not chunk:
            if self._left:
                raise EOFError(f"the file is {self._left} bytes too short for its Content-Length")
            raise StopIteration
        if self._left is not None:
            self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        close(self._file)


@functools.lru_cache(maxsize=512)
def kind_of(cls: type) -> str:
    """Whether values of a class are streams; a field that is called `read` makes none."""
    if hasattr(cls, "__anext__"):
        return "async"
    if hasattr(cls, "__next__") or callable(getattr(cls, "read", None)):
        return "stream"
    # What hands on to a file, as temporary files and uploads do, says so only for each value.
    return "unknown" if hasattr(cls, "__getattr__") else "json"


def remaining_size(file: Any) -> int | None:
    """How many bytes a binary file still has, None when it cannot tell."""
    try:
        if isinstance(file, io.TextIOBase) or not file.seekable():
            return None
        position = file.tell()
        size: int = max(0, file.seek(0, io.SEEK_END) - position)
        file.seek(position)
    except (AttributeError, OSError):
        return None
    return size


def run_application(
    application: Callable[..., Iterable[bytes]], environ: Environ
) -> tuple[int, list[tuple[str, str]], Begun]:
    """Call a WSGI application and run it to its first chunk: status, headers, and the content.

    What it gives to PEP 3333's `write` comes before what it returns.
    """
    answer = _ApplicationAnswer()
    content = answer.run(application, environ)
    begun = Begun(content)
    if answer.head is None:
        begun.close()
        raise RuntimeError("the returned application did not call start_response")
    answer.has_begun = True
    if environ.get("REQUEST_METHOD") == "HEAD":
        begun.is_empty = False  # which tells nothing about what GET would send
    status, headers = answer.head
    code = int(status[:3]) if status[:3].isascii() and status[:3].isdigit() else 0
    if not 200 <= code <= 599:
        begun.close()
        raise RuntimeError(f"the returned application has the status {status!r}")
    return code, headers, begun


class _ApplicationAnswer:
    """What one call of an application says to start_response, and to what that returns."""

    def __init__(self) -> None:
        self.head: tuple[str, list[tuple[str, str]]] | None = None
        self.has_begun = False
        self._written: list[bytes] = []

    def start_response(
        self, status: str, headers: HeaderList, exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.head is not None and exc_info is None:
            raise RuntimeError("the returned application called start_response twice")
        if self.has_begun and exc_info is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        self.head = status, list(headers)
        return self._written.append

    def run(self, application: Callable[..., Iterable[bytes]], environ: Environ) -> Iterable[bytes]:
        return _InOrder(application(environ, self.start_response), self._written)


class _InOrder:
    """An application's content, each chunk after what was written before it."""

    def __init__(self, content: Iterable[bytes], written: list[bytes]) -> None:
        self._content = content
        self._iterator = iter(content)
        self._written = written
        self._held: list[bytes] = []

    def __iter__(self) -> _InOrder:
        return self

    def __next__(self) -> bytes:
        if self._written:
            return self._written.pop(0)
        if self._held:
            return self._held.pop()
        try:
            chunk = next(self._iterator)
        except StopIteration:
            if self._written:  # while it came to its end
                return self._written.pop(0)
            raise
        if self._written:
            self._held.append(chunk)
            return self._written.pop(0)
        return chunk

    def close(self) -> None:
        close(self._content)
