"""Content out of a WSGI environ, never more than is announced and allowed.

In: an environ and limits. Out: bytes, chunks or a stream. Raises ApiError: 400 for a length
that is none and for content that is cut off, 408, 411, 413 and 501. What a client announces is
checked before anything is read; what it sends is counted while it is read.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from typing import Any

from apiroutes.body.limits import Limits
from apiroutes.body.timed_input import BodyInput, TimedInput, read_watched
from apiroutes.concurrency import CONNECTION, stop_receiving, unwatch, watch
from apiroutes.errors import ApiError, BodyCutOff
from apiroutes.sizes import Size
from apiroutes.types import Environ

__all__ = [
    "KeptContent",
    "announced_length",
    "bounded_stream",
    "drain",
    "has_unread",
    "invalid_body",
    "keep",
    "read_chunks",
    "read_content",
    "refuse",
    "too_large",
]

_CHUNK = 2**16
_DRAIN_BYTES = 16 * 2**20
_DRAIN_SECONDS = 2.0
# As granian spells itself. It ends a chunked body that is cut off or broken as if it were whole.
_CANNOT_TELL = "Granian"
# Longer than any length that can be meant, and short of what int() refuses to read.
_LENGTH_DIGITS = 18


def invalid_body() -> ApiError:
    """Content that is not what its headers say."""
    return ApiError(400, "Invalid body")


def _cut_off() -> ApiError:
    return BodyCutOff(400, "Invalid body")


def too_large(limit: Size) -> ApiError:
    """Content that is larger than `limit`, which is named as it was configured."""
    return ApiError(413, f"Body exceeded {limit.text} limit")


def announced_length(environ: Environ) -> int | None:
    """The content's length in bytes, 0 without content, None when it is chunked.

    RFC 9112 section 6.3: Transfer-Encoding overrides Content-Length, and a request with
    neither has no content. Raises ApiError.
    """
    if environ.get("HTTP_TRANSFER_ENCODING"):
        _check_coding(environ)
        return None
    length: str = environ.get("CONTENT_LENGTH", "")
    if len(length) <= _LENGTH_DIGITS and length.isascii() and length.isdigit():
        return int(length)
    if not length:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise invalid_body()
    return int(length[: _LENGTH_DIGITS + 1])  # more than any limit


def _check_coding(environ: Environ) -> None:
    if environ["HTTP_TRANSFER_ENCODING"].strip().lower() != "chunked":
        raise ApiError(501, "Transfer coding is not supported")
    if not environ.get("wsgi.input_terminated") or environ.get("SERVER_SOFTWARE") == _CANNOT_TELL:
        # The server leaves the end of the content to us, and only it knows where that is.
        raise ApiError(411, "Length Required")


class KeptContent(BodyInput):
    """Content that was read, as an input for whoever reads it next."""

    _file: io.BytesIO | None = None

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content

    def whole(self) -> bytes:
        return self.content or b""

    def rewind(self) -> None:
        """Begin again: who has read takes nothing from who reads next."""
        self._file = None

    @property
    def file(self) -> io.BytesIO:
        """The content as a file, made when somebody reads from it."""
        if self._file is None:
            self._file = io.BytesIO(self.content or b"")
        return self._file

    def read(self, size: int | None = -1, /) -> bytes:
        return self.file.read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.file.readline(size)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return self.file.readlines(hint)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)


class _ReadAway(BodyInput):
    """The end of content that is not kept."""

    def read(self, size: int | None = -1, /) -> bytes:
        return b""

    readline = read

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


_READ_AWAY = _ReadAway()


def keep(environ: Environ, content: bytes) -> None:
    """Let others read the content too, from the start."""
    environ["wsgi.input"] = KeptContent(content)


def read_content(environ: Environ, limits: Limits) -> bytes:
    """The whole content. Raises ApiError 413 before reading more than `limits.size`."""
    length: int | None
    digits: str = environ.get("CONTENT_LENGTH", "")
    if (
        digits.isdecimal()
        and len(digits) < 10
        and digits.isascii()
        and "HTTP_TRANSFER_ENCODING" not in environ
    ):
        length = int(digits)  # as announced_length reads what most clients send
    else:
        length = announced_length(environ)
    if length == 0:
        return b""
    limit = limits.size
    if length is not None and length > limit.bytes:
        raise _too_large_unread(environ, limits, length)
    content = b""
    connection = environ.get(CONNECTION)
    if connection is None or (length is not None and length <= _CHUNK):
        # The first read gives all that most clients send. It needs no clock if nothing can end it.
        source = environ["wsgi.input"]
        try:
            if connection is None:
                content = source.read(limit.bytes + 1 if length is None else length) or b""
            else:
                content = read_watched(source, length or 0, connection, limits.timeout)
        except ApiError as error:  # too slow, or what an input of ours remembers
            if not isinstance(source, BodyInput):
                TimedInput(environ, limits, 0).refuse(error)
            raise
        except Exception as error:  # as in _read, whose frame the common case is spared
            raise TimedInput(environ, limits, 0).refuse(_cut_off()) from error
        if len(content) == length:
            return content
    source = environ["wsgi.input"]
    if isinstance(source, BodyInput):
        return source.whole()
    # A stream may give less than it was asked for, so ask until it says that it is at its end.
    return b"".join((content, *_rest(environ, length, limits, len(content))))


def read_chunks(environ: Environ, limits: Limits) -> Iterator[bytes]:
    """The content in pieces, as `read_content` reads it whole."""
    length = announced_length(environ)
    if length is not None and length > limits.size.bytes:
        raise _too_large_unread(environ, limits, length)
    if length is None or length > _CHUNK:
        source = environ["wsgi.input"]
        if not isinstance(source, BodyInput):
            return _rest(environ, length, limits, 0)
        content = source.whole()
        return (content[start : start + _CHUNK] for start in range(0, len(content), _CHUNK))
    content = read_content(environ, limits)
    if not isinstance(environ["wsgi.input"], BodyInput):
        environ["wsgi.input"] = _READ_AWAY
    return iter((content,))


def refuse(environ: Environ, limits: Limits, error: ApiError) -> None:
    """Raise such an error for whoever reads on, where content was refused in its middle."""
    source = environ["wsgi.input"]
    if source is _READ_AWAY:
        source = TimedInput(environ, limits, 0)
    if isinstance(source, TimedInput):
        source.refuse(error)


def _too_large_unread(environ: Environ, limits: Limits, length: int) -> ApiError:
    if not isinstance(environ.get("wsgi.input"), BodyInput):
        TimedInput(environ, limits, length)  # which says how much there is to be discarded
    return too_large(limits.size)


def _rest(environ: Environ, length: int | None, limits: Limits, count: int) -> Iterator[bytes]:
    if length == 0:
        return
    limit = limits.size
    source = TimedInput(environ, limits, None if length is None else length - count)
    source.has_begun = count > 0
    if count > limit.bytes:
        raise source.refuse(too_large(limit))
    # Chunked content is read one byte past the limit, to see that there is more.
    end = limit.bytes + 1 if length is None else length
    while count < end:
        chunk = _read(source, min(_CHUNK, end - count))
        if not chunk:
            if length is None:
                return
            raise source.refuse(_cut_off())  # shorter than its Content-Length
        count += len(chunk)
        if count > limit.bytes:
            raise source.refuse(too_large(limit))
        yield chunk


def _read(source: TimedInput, size: int) -> bytes:
    try:
        return source.read(size)
    except ApiError:
        raise
    except Exception as error:
        # A broken connection is an OSError, broken chunks are what the server makes of them
        # (gunicorn has exceptions of its own): either way the client did not send a body.
        raise source.refuse(_cut_off()) from error


def bounded_stream(environ: Environ, limits: Limits, most: Size | None = None) -> io.BufferedReader:
    """The content as a stream that ends where the content ends, of any size or of `most` bytes.

    Nothing is read before somebody reads from it. Reading raises ApiError 400 when the content is
    cut off, 408 when it takes too long, and 413.
    """
    length = announced_length(environ)
    if most is not None and length is not None and length > most.bytes:
        raise too_large(most)
    return io.BufferedReader(_BoundedReader(environ, limits, length, most))


class _BoundedReader(io.RawIOBase):
    def __init__(self, environ: Environ, limits: Limits, length: int | None, most: Size | None) -> None:
        self._environ = environ
        self._limits = limits
        self._length = length
        self._most = most
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
            chunk = _read(self._source, size)
            if not chunk and left:
                raise self._source.refuse(_cut_off())
        self._count += len(chunk)
        if self._most is not None and self._count > self._most.bytes:
            raise too_large(self._most)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _open(self) -> TimedInput | io.BytesIO:
        """What to read from, which others may have read before this stream is."""
        source = self._environ["wsgi.input"]
        if isinstance(source, KeptContent):
            self._length = len(source.whole())
            return io.BytesIO(source.whole())
        return (
            source
            if isinstance(source, TimedInput)
            else TimedInput(self._environ, self._limits, self._length)
        )


def drain(environ: Environ) -> None:
    """Read away what the client still sends of content that nobody wants.

    A connection that is closed while its client sends is reset, and then the client loses the
    answer, which must have been sent before (RFC 9112 section 9.6). At most 16 MB are read, for at
    most 2 seconds; where more is left the connection takes no more requests. Nothing is read
    of a client that waits to be told to send (RFC 9110 section 10.1.1). Raises nothing.
    """
    found = _unread(environ)
    if found is None:
        return
    source, left = found
    connection = environ.get(CONNECTION)
    if environ.get("SERVER_SOFTWARE") == _CANNOT_TELL:
        _drain_aside(source, left)
    elif connection is None:
        _discard(source, left)
    else:
        watch(connection, time.monotonic() + _DRAIN_SECONDS, lambda: stop_receiving(connection))
        try:
            is_whole = _discard(source, left)
        finally:
            unwatch(connection)
        if not is_whole:
            stop_receiving(connection)


def has_unread(environ: Environ) -> bool:
    """Whether there is content that `drain` would read away."""
    return _unread(environ) is not None


def _unread(environ: Environ) -> tuple[Any, int | None] | None:
    """What to read from, and how much, which is None as long as only the server knows."""
    source = environ.get("wsgi.input")
    is_ended_by_server = environ.get("wsgi.input_terminated")
    if isinstance(source, TimedInput):
        left, has_begun = source.left, source.has_begun
        source = source.source
    elif isinstance(source, BodyInput) or source is None:
        return None
    elif not is_ended_by_server:
        return None  # others may have read from it, and only who counts knows where the content ends
    else:
        left, has_begun = _length_or_none(environ), False
    if left == 0 or (left is None and not is_ended_by_server):
        return None
    if "SERVER_SOFTWARE" not in environ and not (has_begun and left):
        return None  # no server, no connection that could break: a test's request
    # gunicorn has told the client to send before it calls the application.
    is_told = has_begun or environ.get(CONNECTION) is not None
    if not is_told and environ.get("HTTP_EXPECT", "").strip().lower() == "100-continue":
        return None
    return source, left


def _length_or_none(environ: Environ) -> int | None:
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return None
    try:
        return announced_length(environ)
    except ApiError:  # how much there is nobody knows
        return 0


def _discard(source: Any, left: int | None) -> bool:
    """Read to the end within the bounds; whether it is there."""
    until = time.monotonic() + _DRAIN_SECONDS
    most = _DRAIN_BYTES if left is None else min(left, _DRAIN_BYTES)
    count = 0
    try:
        while count < most and time.monotonic() < until:
            chunk = source.read(min(_CHUNK, most - count))
            if not chunk:
                return left is None
            count += len(chunk)
    except Exception:  # a connection that broke, or chunks that are none
        return False
    return count == left


def _drain_aside(source: Any, left: int | None) -> None:
    """Drain in a thread that may wait for longer, where a read cannot be ended.

    It goes on to when the client or the server closes the connection. There are few of them, so that clients
    that stop sending hold nothing that others need.
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
    done.wait(_DRAIN_SECONDS)


_aside = threading.BoundedSemaphore(16)
