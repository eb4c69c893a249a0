"""Sends a response (PEP 3333). This is the only file that calls start_response.

In: a complete response, the environ, start_response. Out: the iterable for the server. Raises ResponseAborted
if a response that has begun cannot be finished. ETag, conditions, HEAD and length are handled here, once,
after all middleware has returned.
"""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from apiroutes.after_response import note_failure, note_whole_content
from apiroutes.errors import ResponseAborted, ResponseSentError
from apiroutes.files import Selectable
from apiroutes.http import BODYLESS, JSON, STATUS_LINES, TEXT, content_hash, is_current
from apiroutes.logs import log_disconnect, log_fault, route_of
from apiroutes.response import Response
from apiroutes.response_state import ENDED
from apiroutes.sizes import Size
from apiroutes.streams import Begun, as_chunk, close
from apiroutes.types import Environ, HeaderList, StartResponse

__all__ = [
    "PRIVATE",
    "ClosingIterator",
    "FixedResponse",
    "ServerResponse",
    "closing",
    "end_written",
    "etag_prefix",
    "header_list",
    "send",
    "starting_again",
    "without",
]


# The Cache-Control of a response for only one client.
PRIVATE = "private, no-cache"


class ServerResponse(Response):
    """A response with a connection, as handlers get it."""

    _turn: _Turn | None = None  # from the first `write` on
    # The App's conversion of an exception to a response.
    _write_exception: Callable[[BaseException, Any, Response], None]

    def _begin(self) -> Callable[[bytes], object]:
        assert self._start_response is not None
        unwritten: list[bytes] = []
        self._unwritten = unwritten
        write: Callable[[bytes], object] | None = self._start_response(
            STATUS_LINES[self._status], header_list(self)
        )
        if self.req._environ.get("REQUEST_METHOD") == "HEAD" or self._status in BODYLESS:
            return lambda content: None
        if write is None:  # although PEP 3333 requires it: the iterable sends what was written
            return unwritten.append

        self._turn = turn = _Turn("asgi.scope" in self.req._environ)

        def write_on(content: bytes) -> None:
            with turn.taken:
                if turn.is_over:
                    raise ResponseSentError(ENDED.format("write"))
                try:
                    write(content)
                except OSError as error:  # servers raise it when the client has left
                    raise ResponseAborted(error.errno, "the client left") from error

        return write_on

    def _end_writing(self) -> None:
        """End what `write` began, after a thread that is still writing has come to the end of its chunk."""
        if self._turn is not None:
            with self._turn.taken:
                self._turn.is_over = True
        self._end()


class _Turn:
    """The right to write: for one thread at a time, and for none once the response has ended.

    A thread or task that goes on after its handler would write into the connection's next response.
    """

    __slots__ = ("is_over", "taken")

    def __init__(self, has_asgi: bool) -> None:
        # A thread that writes waits for the event loop there, which must not wait for the thread; and the
        # connection takes no more after the end.
        self.taken: AbstractContextManager[object] = nullcontext() if has_asgi else threading.Lock()
        self.is_over = False


def send(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send the response: status and headers with start_response, content with the iterable."""
    if response._is_unbuffered:
        return _send_special(response, environ, start_response)
    status = response._status
    if status != 200 and status in BODYLESS:
        return _send_bodyless(response, start_response)
    content = response._content
    named = response._headers
    if not named and response._etag_start and "HTTP_IF_NONE_MATCH" not in environ:
        # Most responses: no headers of their own, no condition.
        headers = [
            *response._content_headers,
            ("ETag", response._etag_start + content_hash(content) + '"'),
            ("Content-Length", str(len(content))),
        ]
    else:
        headers = header_list(response) if named else [*response._content_headers]
        if response._etag_start is not None:
            if response._etag_start and "etag" not in named:
                headers.append(("ETag", response._etag_start + content_hash(content) + '"'))
            is_conditional = status == 200 and (
                "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
            )
            if is_conditional and is_current(environ, headers):
                return _send_not_modified(response, headers, start_response)
        if "content-length" in named:  # the content decides it
            headers = without(headers, "content-length")
        headers.append(("Content-Length", str(len(content))))
    start_response(STATUS_LINES[status], headers)
    # A list, because some servers send a list at once and treat everything else as a stream.
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [content]


def etag_prefix(kind: bool | str, max_size: Size | None) -> Any:
    """Return `_etag_prefix` for the responses of an App; `kind` is a bool or "weak", `max_size` in bytes."""
    prefix = 'W/"' if kind == "weak" else '"' if kind else ""
    if not prefix or max_size is None:
        return prefix
    return property(lambda response: prefix if len(response._content) <= max_size.bytes else "")


def header_list(response: Response) -> list[tuple[str, str]]:
    """Return the header lines that were set, and the content's headers unless a Content-Type was set."""
    if response._shared_control is not None:
        _keep_private(response)
    headers = [*response._headers.values()]
    if response._repeated_headers is not None:
        for lines in response._repeated_headers.values():
            headers += lines
    if "content-type" not in response._headers:
        headers += response._content_headers
        if "x-content-type-options" in response._headers and response._content_headers is TEXT:
            headers.pop()  # text adds this header, and it was set already
    return headers


def _keep_private(response: Response) -> None:
    """Let no shared cache store a response with a cookie, which is for one client (RFC 9111 section 7.3)."""
    shared, named = response._shared_control, response._headers
    if shared is not None and "set-cookie" in named and named.get("cache-control") == shared:
        named["cache-control"] = ("Cache-Control", PRIVATE)


def without(headers: HeaderList, *keys: str) -> HeaderList:
    """Return the lines of all headers except `keys`, which are in lower case."""
    return [line for line in headers if line[0].lower() not in keys]


def _send_special(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send more than content in memory: a stream, another application's response, or what was written."""
    if response._end_hooks is not None:
        return _send_and_end(response, environ, start_response)
    if response._write is not None:
        if response._cut_by is not None:
            cut_off(response)
        content = end_written(response, environ)
        response._end_writing()
        return content
    # The handler's stream is not started for content that is not sent.
    if response._stream is None or not _is_bodyless(response, environ):
        response._start_streaming()
    response._run_head_hooks()
    if response._stream is not None:
        return _send_stream(response, environ, start_response)
    response._is_unbuffered = False
    return send(response, environ, start_response)


def _send_and_end(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send, then call the end hooks. If necessary, a 504 is sent before they are called, like a stream."""
    hooks, response._end_hooks = response._end_hooks, None
    try:
        iterable = send(response, environ, start_response)
    finally:
        response._end_hooks = hooks
    if type(iterable) is list and response._status != 504 and not response._ends_when_closed:
        response._run_end_hooks()
        return iterable
    for _, surround, _ in reversed(hooks or ()):
        if surround is not None:
            iterable = surround(iterable)
    return closing(iterable, response._run_end_hooks, environ)


def end_written(response: Response, environ: Environ) -> Iterable[bytes]:
    """End what `write` began; with less content than announced, it is incomplete (RFC 9112 section 6.3)."""
    length = response._announced_length()
    if length is not None and response._written < length and not _is_bodyless(response, environ):
        error = EOFError(f"{response._written} bytes were written of a Content-Length of {length}")
        # Record: A stream, `res.write` or middleware has raised an exception after bytes had left; the
        # connection is cut, so that nobody mistakes half a response for the whole.
        log_fault(response.req, route_of(response.req), error, "failed after its response began")
        raise ResponseAborted(errno.ECONNRESET, "a response was too short") from None
    return response._unwritten


def cut_off(response: Response) -> NoReturn:
    """Drop the connection after a failure, so that no client mistakes half a response for a whole."""
    error, response._cut_by = response._cut_by, None
    if error is not None:
        log_fault(response.req, route_of(response.req), error, "failed after its response began")
    raise ResponseAborted(errno.ECONNRESET, "the response was cut off") from None


def _is_bodyless(response: Response, environ: Environ) -> bool:
    return response._status in BODYLESS or environ.get("REQUEST_METHOD") == "HEAD"


def _send_not_modified(
    response: Response, headers: HeaderList, start_response: StartResponse
) -> Iterable[bytes]:
    """Send a 304, without a description of content that the client has (RFC 9110 section 15.4.5)."""
    dropped = () if response._content_headers is JSON else response._content_headers
    headers = [line for line in headers if line not in dropped]
    response._status = 304
    start_response(STATUS_LINES[304], without(headers, "content-length"))
    return []


def _send_bodyless(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    """Send a 204, 205 or 304 without content, whatever was set, and without headers that describe content.

    An ETag stays: it belongs to the representation that the client has or has created (RFC 9110 section
    15.3.5).
    """
    headers = without(header_list(response), "content-length")
    if response._content or response._stream is not None:
        headers = without(headers, "content-type")
        headers = [line for line in headers if line not in response._content_headers]
    if response._status == 205:
        headers.append(("Content-Length", "0"))
    start_response(STATUS_LINES[response._status], headers)
    return []


def _send_stream(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    stream = response._stream
    assert stream is not None
    status, headers = response._status, header_list(response)
    if status in BODYLESS:
        close(stream)
        return _send_bodyless(response, start_response)
    length = response._announced_length()
    if isinstance(stream, Selectable):
        response._status, headers = status, headers = stream.select(environ, status, headers)
        length = None  # the file counts its own bytes
    elif length is None and isinstance(stream, Begun) and stream.is_empty:
        length = 0
        headers.append(("Content-Length", "0"))
    if status == 304 or environ.get("REQUEST_METHOD") == "HEAD":
        close(stream)
        start_response(STATUS_LINES[status], headers)
        return []
    if isinstance(stream, Selectable):
        # A failure at the first chunk can still become a 500.
        stream = Begun(stream)
    start_response(STATUS_LINES[status], headers)
    response._write = _refuse_to_write  # the head has left
    return _Stream(stream, length, response.req)


def _refuse_to_write(content: bytes) -> NoReturn:
    raise RuntimeError("cannot write: a stream is being sent")


class _Stream:
    """The chunks of a stream, up to the announced number of bytes.

    A failure in the middle, or an early end, is logged and cuts the connection.
    """

    def __init__(self, stream: Iterator[Any], length: int | None, request: Any) -> None:
        self._stream = stream
        self._left = length
        self._request = request
        self._has_ended = False
        self.async_chunks = getattr(stream, "async_chunks", None)

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> bytes:
        if self._left == 0:
            self._has_ended = True
            raise StopIteration
        try:
            chunk = as_chunk(next(self._stream))
        except KeyboardInterrupt:
            self._has_ended = True
            raise
        except ResponseAborted:  # the client has left; `close` logs that
            raise
        except StopIteration:
            self._has_ended = True
            if self._left:
                self._abort(EOFError(f"the response is {self._left} bytes too short for its Content-Length"))
            raise
        except BaseException as error:
            self._abort(error)
        if self._left is not None:
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        return chunk

    def _abort(self, error: BaseException) -> NoReturn:
        self._has_ended = True
        note_failure(error)
        log_fault(self._request, route_of(self._request), error, "failed after its response began")
        raise ResponseAborted(errno.ECONNRESET, "a streamed response failed") from None

    def close(self) -> None:
        if not self._has_ended and self._left != 0:
            self._has_ended = True
            # Record: The server closes a stream before its end, as it does when a client disconnects.
            log_disconnect(self._request, "before the response ended")
        close(self._stream)


class FixedResponse:
    """A response to GET that is the same for every request, and is made once."""

    def __init__(self, status: int, content: str) -> None:
        self._status = STATUS_LINES[status]
        self._content = content.encode()
        self._headers = [
            *TEXT,
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(self._content))),
        ]

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        """Send the response."""
        start_response(self._status, self._headers.copy())
        return [self._content]


class ClosingIterator:
    """An iterable for the server, with one more function to call when the response has ended."""

    def __init__(self, iterable: Iterable[bytes], also_close: Callable[[], None]) -> None:
        self._iterable = iterable
        self._iterator = iter(iterable)
        self._also_close = also_close
        self.async_chunks = getattr(iterable, "async_chunks", None)

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def close(self) -> None:
        try:
            close(self._iterable)
        finally:
            self._also_close()


def closing(content: Iterable[bytes], also_close: Callable[[], None], environ: Environ) -> ClosingIterator:
    """Return content with one more function to call at its end, without making a test client read it."""
    if type(content) is list:
        note_whole_content(environ)
    return ClosingIterator(content, also_close)


def starting_again(start_response: StartResponse) -> StartResponse:
    """Return a start_response that may be called a second time, with exc_info (PEP 3333)."""

    def start(status: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, headers, sys.exc_info())

    return start
