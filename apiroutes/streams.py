"""Content in chunks: iterators, files, and the response of another WSGI application.

In: iterators, binary files, applications. Out: iterators that can be closed. The first chunk of foreign code
is fetched early, so that a failure can still become an error response. Raises TypeError for a chunk that is
neither bytes nor str, and RuntimeError for an application that violates PEP 3333.
"""

from __future__ import annotations

import contextvars
import functools
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import CodeType
from typing import Any, Literal

from apiroutes.errors import readable_path, shown
from apiroutes.types import Environ, HeaderList

__all__ = [
    "CHUNK_SIZE",
    "Begun",
    "Counted",
    "FileChunks",
    "InContext",
    "application_in",
    "as_chunk",
    "close",
    "kind_of",
    "remaining_size",
    "run_application",
]

CHUNK_SIZE = 2**16  # bytes


def as_chunk(chunk: object) -> bytes:
    """Return a chunk as bytes; a str is sent as UTF-8."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytearray, memoryview)):
        return bytes(chunk)
    raise ChunkTypeError(chunk)


class ChunkTypeError(TypeError):
    """A stream has yielded something other than bytes or str."""

    def __init__(self, chunk: object, source: str = "") -> None:
        super().__init__(
            f"a stream must yield bytes or str, not {shown(chunk)}{source}. For one JSON document return a "
            'list, for one line each yield `json.dumps(item) + "\\n"`, for events return event_stream(...)'
        )
        self.chunk = chunk


def _source_of(stream: object) -> str:
    """Return the name of a stream's generator and its current line, for a message."""
    if isinstance(stream, InContext):
        stream = stream.stream
    chunks: Any = getattr(stream, "async_chunks", None)
    generator = stream if chunks is None else chunks.iterable
    for kind in ("gi", "ag"):
        code: CodeType | None = getattr(generator, f"{kind}_code", None)
        if code is not None:
            frame = getattr(generator, f"{kind}_frame")
            line = code.co_firstlineno if frame is None else frame.f_lineno
            return f", from `{code.co_name}` ({readable_path(code.co_filename)}:{line})"
    return f", from {type(generator).__name__}"


def close(stream: object) -> None:
    """Close the stream, if it has a method for that."""
    method = getattr(stream, "close", None)
    if method is not None:
        method()


class Begun:
    """A stream that has run to its first chunk with content, or to its end.

    `is_empty` is True if there was no such chunk. A stream that fails on the way is closed. With `takes` off,
    `begin` fetches the first chunk.
    """

    is_application = False  # whether it is the content of a returned application
    is_whole = False  # whether nothing comes after the first chunk
    is_late = False  # set when its deadline has passed

    def __init__(self, stream: Iterable[Any], takes: bool = True) -> None:
        self._stream = stream
        self._iterator: Iterator[Any] = iter(())
        self._first = b""
        self.is_empty = True
        try:
            self._iterator = iter(stream)
            while takes and self._take():
                pass
        except BaseException:
            close(stream)
            raise

    def _take(self) -> bool:
        """Fetch a chunk; return whether another one is needed, because this one has no content."""
        for chunk in self._iterator:
            try:
                self._first = as_chunk(chunk)
            except ChunkTypeError as error:
                raise ChunkTypeError(error.chunk, _source_of(self._stream)) from None
            self.is_empty = not self._first
            return self.is_empty
        return False

    @classmethod
    async def begin(cls, stream: Iterable[Any], arrive: Callable[[], Awaitable[None]]) -> Begun:
        """Return a stream that has begun; `arrive` waits for each chunk."""
        begun = cls(stream, takes=False)
        try:
            await arrive()
            while begun._take():
                await arrive()
        except BaseException:
            close(stream)
            raise
        return begun

    def __iter__(self) -> Begun:
        return self

    @property
    def ready(self) -> int:
        """How many bytes of the first chunk are still available."""
        return len(self._first)

    def __next__(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        chunk = next(self._iterator)
        try:
            return as_chunk(chunk)
        except ChunkTypeError as error:
            raise ChunkTypeError(error.chunk, _source_of(self._stream)) from None

    @property
    def async_chunks(self) -> object:
        """The async iterable that the chunks come from, if the iterator wraps one."""
        return getattr(self._stream, "async_chunks", None)

    def close(self) -> None:
        """Close the stream; it may be closed already."""
        stream, self._stream = self._stream, ()
        close(stream)


class Counted:
    """A stream of exactly the announced length: more is cut off, and less raises EOFError."""

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
            raise EOFError(f"the response is {self._left} bytes too short for its Content-Length") from None
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        close(self._stream)


class InContext:
    """A stream that runs entirely in one context, whatever iterates it."""

    def __init__(self, stream: Iterable[Any], context: contextvars.Context) -> None:
        self.stream = stream
        self._context = context
        self._iterator: Iterator[Any] = iter(())

    def __iter__(self) -> InContext:
        self._iterator = self._context.run(iter, self.stream)
        return self

    def __next__(self) -> Any:
        return self._context.run(next, self._iterator)

    def close(self) -> None:
        context, self._context = self._context, contextvars.Context()  # it may refer to the response
        context.run(close, self.stream)


def application_in(
    context: contextvars.Context, application: Callable[..., Iterable[bytes]]
) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application that runs in a context, with its content."""

    def call(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        content = context.run(application, environ, start_response)
        return content if isinstance(content, (list, tuple)) else InContext(content, context)

    return call


class FileChunks:
    """A file as an iterator of chunks, closed together with it.

    `length` is its announced size in bytes: if the file grows meanwhile, no more is sent; if it shrinks,
    reading raises EOFError.
    """

    def __init__(self, file: Any, length: int | None) -> None:
        self._file = file
        self._left = length

    def __iter__(self) -> FileChunks:
        return self

    def __next__(self) -> bytes:
        chunk: bytes = self._file.read(CHUNK_SIZE if self._left is None else min(CHUNK_SIZE, self._left))
        if not chunk:
            if self._left:
                raise EOFError(f"the file is {self._left} bytes too short for its Content-Length")
            raise StopIteration
        if self._left is not None:
            self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        close(self._file)


# How values of a class are sent; "unknown" if each value must be examined. Plain strings: a literal is
# compared faster than a member of an Enum, and mypy finds misspelled ones.
ValueKind = Literal["async", "stream", "unknown", "json"]


@functools.lru_cache(maxsize=512)
def kind_of(cls: type) -> ValueKind:
    """Return how values of a class are sent; a field called `read` does not make a stream."""
    if hasattr(cls, "__anext__"):
        return "async"
    if hasattr(cls, "__next__") or callable(getattr(cls, "read", None)):
        return "stream"
    # A class that delegates to a file, such as temporary files and uploads, has `read` only on values.
    return "unknown" if hasattr(cls, "__getattr__") else "json"


def remaining_size(file: Any) -> int | None:
    """Return how many bytes of a binary file are left, None if unknown."""
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
    """Call a WSGI application and run it to its first chunk; return status, headers and content.

    Data passed to PEP 3333's `write` comes before the returned iterable.
    """
    call = _ApplicationCall()
    content = call.run(application, environ)
    begun = Begun(content)
    if call.head is None:
        begun.close()
        raise RuntimeError("the returned application did not call start_response")
    call.has_begun = begun.is_application = True
    begun.is_whole = call.is_whole
    if environ.get("REQUEST_METHOD") == "HEAD":
        begun.is_empty = False  # an empty HEAD does not show that GET sends nothing
    status, headers = call.head
    code = int(status[:3]) if status[:3].isascii() and status[:3].isdigit() else 0
    if not 200 <= code <= 599:
        begun.close()
        raise RuntimeError(f"the returned application sent the status {shown(status)}")
    return code, headers, begun


class _ApplicationCall:
    """One call of an application: its head, from start_response, and the data that it writes."""

    def __init__(self) -> None:
        self.head: tuple[str, list[tuple[str, str]]] | None = None
        self.has_begun = False
        self.is_whole = False  # whether its content is at most one chunk
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
        content = application(environ, self.start_response)
        self.is_whole = isinstance(content, (list, tuple)) and len(content) + len(self._written) <= 1
        return _InOrder(content, self._written)


class _InOrder:
    """An application's content, each chunk after the data that was written before it."""

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
            if self._written:  # on the way to its end
                return self._written.pop(0)
            raise
        if self._written:
            self._held.append(chunk)
            return self._written.pop(0)
        return chunk

    def close(self) -> None:
        close(self._content)
