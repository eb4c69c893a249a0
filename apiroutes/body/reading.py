"""The content of a request, whole or in pieces, but never more than is announced and allowed.

In: an environ and limits. Out: bytes or chunks. Raises ApiError: 400 for an invalid length and for content
that is cut off, 408, 411, 413 and 501. The announced length is checked before anything is read; arriving
bytes are counted while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator

from apiroutes.body.content_length import announced_length
from apiroutes.body.errors import ReadOnLoopError, cut_off, too_large
from apiroutes.body.inputs import NOT_KEPT, BodyInput
from apiroutes.body.limits import CHUNK, Limits
from apiroutes.body.timed_input import TimedInput, read_watched
from apiroutes.concurrency import CONNECTION
from apiroutes.errors import ApiError
from apiroutes.types import Environ

__all__ = ["read_chunk", "read_chunks", "read_content", "refuse"]


def read_content(environ: Environ, limits: Limits) -> bytes:
    """Return the whole content. Raises ApiError 413 before reading more than `limits.size`."""
    text: str = environ.get("CONTENT_LENGTH", "")
    length = (
        int(text)
        if len(text) < 10 and text.isdecimal() and text.isascii() and "HTTP_TRANSFER_ENCODING" not in environ
        else 0
    )
    if not 0 < length <= limits.one_read:
        return _read_unusual(environ, limits)
    source = environ["wsgi.input"]
    connection = environ.get(CONNECTION)
    # The first read usually returns everything. It needs no clock if nothing can interrupt it.
    try:
        if connection is None:
            content: bytes = source.read(length) or b""
        else:
            content = read_watched(source, length, connection, limits.timeout)
    except ApiError as error:
        if isinstance(source, BodyInput):  # which ends its own reads, and remembers a refusal
            return source.whole()
        raise TimedInput(environ, limits, 0).refuse(error)
    except ReadOnLoopError:
        raise
    except Exception as error:  # as in read_chunk, without the cost of its frame in the common case
        raise TimedInput(environ, limits, 0).refuse(cut_off()) from error
    if len(content) == length:
        return content
    if isinstance(source, BodyInput):
        return source.whole()
    # A stream may return less than requested, so read until it reports its end.
    return b"".join((content, *_rest(environ, length, limits, len(content))))


def _read_unusual(environ: Environ, limits: Limits) -> bytes:
    """Return content of any length, announced in any way, with as many reads as necessary."""
    length = announced_length(environ)
    if length == 0:
        return b""
    if length is not None and length > limits.size.bytes:
        raise _too_large_unread(environ, limits, length)
    source = environ["wsgi.input"]
    if isinstance(source, BodyInput):
        return source.whole()
    # A read that nothing can interrupt may request everything.
    chunk_size = limits.size.bytes + 1 if environ.get(CONNECTION) is None else CHUNK
    return b"".join(_rest(environ, length, limits, 0, chunk_size))


def read_chunks(environ: Environ, limits: Limits) -> Iterator[bytes]:
    """Return the content in pieces, one for each read, with the checks of `read_content`."""
    length = announced_length(environ)
    if length is not None and length <= limits.one_read:
        content = read_content(environ, limits)
        if not isinstance(environ["wsgi.input"], BodyInput):
            environ["wsgi.input"] = NOT_KEPT
        return iter((content,))
    if length is not None and length > limits.size.bytes:
        raise _too_large_unread(environ, limits, length)
    source = environ["wsgi.input"]
    if not isinstance(source, BodyInput):
        return _rest(environ, length, limits, 0)
    content = source.whole()
    return (content[start : start + CHUNK] for start in range(0, len(content), CHUNK))


def refuse(environ: Environ, limits: Limits, error: ApiError) -> None:
    """Make later readers get the same error, after content was refused halfway through."""
    source = environ["wsgi.input"]
    if source is NOT_KEPT:
        source = TimedInput(environ, limits, 0)
    if isinstance(source, TimedInput):
        source.refuse(error)


def _too_large_unread(environ: Environ, limits: Limits, length: int) -> ApiError:
    if not isinstance(environ.get("wsgi.input"), BodyInput):
        TimedInput(environ, limits, length)  # which tells `drain` how much to discard
    return too_large(limits.size)


def _rest(
    environ: Environ, length: int | None, limits: Limits, count: int, chunk_size: int = CHUNK
) -> Iterator[bytes]:
    """Yield the content after its first `count` bytes, in reads of at most `chunk_size` bytes."""
    if length == 0:
        return
    limit = limits.size
    source = TimedInput(environ, limits, None if length is None else length - count)
    source.has_begun = count > 0
    if count > limit.bytes:
        raise source.refuse(too_large(limit))
    # Chunked content is read one byte past the limit, to see whether there is more.
    end = limit.bytes + 1 if length is None else length
    while count < end:
        chunk = read_chunk(source, min(chunk_size, end - count))
        if not chunk:
            if length is None:
                return
            raise source.refuse(cut_off())  # shorter than its Content-Length
        count += len(chunk)
        if count > limit.bytes:
            raise source.refuse(too_large(limit))
        yield chunk


def read_chunk(source: TimedInput, size: int) -> bytes:
    """Return up to `size` bytes, none at the end. Raises ApiError, also in place of the server's errors."""
    try:
        return source.read(size)
    except (ApiError, ReadOnLoopError):
        raise
    except Exception as error:
        # A broken connection is an OSError; for malformed chunks, servers such as gunicorn have their own
        # exceptions. Either way, the client did not send a whole body.
        raise source.refuse(cut_off()) from error
