"""Content out of a WSGI environ, never more than is announced and allowed.

In: an environ and limits. Out: bytes, chunks or a stream. Raises ApiError: 400 for a length
that is none and for content that is cut off, 408, 411, 413 and 501. What a client announces is
checked before anything is read; what it sends is counted while it is read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from apiroutes.body.limits import Limits
from apiroutes.body.patience import CONNECTION, PatientInput
from apiroutes.errors import ApiError, BodyCutOff
from apiroutes.sizes import Size

__all__ = [
    "announced_length",
    "bounded_stream",
    "invalid_body",
    "read_chunks",
    "read_content",
    "too_large",
]

_CHUNK = 2**16
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


def announced_length(environ: dict[str, Any]) -> int | None:
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


def _check_coding(environ: dict[str, Any]) -> None:
    if environ["HTTP_TRANSFER_ENCODING"].strip().lower() != "chunked":
        raise ApiError(501, "Transfer coding is not supported")
    if not environ.get("wsgi.input_terminated"):
        # The server leaves the end of the content to us, and only it knows where that is.
        raise ApiError(411, "Length Required")


def read_content(environ: dict[str, Any], limits: Limits) -> bytes:
    """The whole content. Raises ApiError 413 before reading more than `limits.size`."""
    length = announced_length(environ)
    if length == 0:
        return b""
    limit = limits.size
    if length is not None and length > limit.bytes:
        raise too_large(limit)
    if environ.get(CONNECTION) is not None:
        return b"".join(_rest(environ, length, limits, 0))
    content: bytes
    try:
        content = environ["wsgi.input"].read(limit.bytes + 1 if length is None else length) or b""
    except Exception as error:  # as in _read, whose frame the common case is spared
        raise _cut_off() from error
    if len(content) == length:
        return content
    # A stream may give less than it was asked for, so ask until it says that it is at its end.
    return b"".join((content, *_rest(environ, length, limits, len(content))))


def read_chunks(environ: dict[str, Any], limits: Limits) -> Iterator[bytes]:
    """The content in pieces, as `read_content` reads it whole."""
    length = announced_length(environ)
    if length is not None and length > limits.size.bytes:
        raise too_large(limits.size)
    return _rest(environ, length, limits, 0)


def _rest(environ: dict[str, Any], length: int | None, limits: Limits, count: int) -> Iterator[bytes]:
    limit = limits.size
    if count > limit.bytes:
        raise too_large(limit)
    # The first read, which gives all that most clients send, needs no clock unless it can be ended.
    source = environ["wsgi.input"]
    if count or environ.get(CONNECTION) is not None:
        source = PatientInput(environ, limits)
    # Chunked content is read one byte past the limit, to see that there is more.
    end = limit.bytes + 1 if length is None else length
    while count < end:
        chunk = _read(source, min(_CHUNK, end - count))
        if not chunk:
            if length is None:
                return
            raise _cut_off()  # shorter than its Content-Length
        count += len(chunk)
        if count > limit.bytes:
            raise too_large(limit)
        yield chunk
        if count < end and not isinstance(source, PatientInput):
            source = PatientInput(environ, limits)


def _read(source: Any, size: int) -> bytes:
    try:
        content: bytes = source.read(size) or b""  # a raw stream without data says None
    except ApiError:
        raise
    except Exception as error:
        # A broken connection is an OSError, broken chunks are what the server makes of them
        # (gunicorn has exceptions of its own): either way the client did not send a body.
        raise _cut_off() from error
    return content


def bounded_stream(environ: dict[str, Any], limits: Limits) -> io.BufferedReader:
    """The content as a stream that ends where the content ends, of any size.

    Reading raises ApiError 400 when the content is cut off, and 408 when it takes too long.
    """
    length = announced_length(environ)
    return io.BufferedReader(_BoundedReader(None if length == 0 else PatientInput(environ, limits), length))


class _BoundedReader(io.RawIOBase):
    def __init__(self, source: PatientInput | None, length: int | None) -> None:
        self._source = source
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        size = len(buffer) if self._left is None else min(len(buffer), self._left)
        if not size or self._source is None:
            return 0
        chunk = _read(self._source, size)
        if self._left is not None:
            if not chunk:
                raise _cut_off()
            self._left -= len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)
