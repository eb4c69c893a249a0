"""A response onto the wire (PEP 3333). The only file that calls start_response.

In: an answered response, the environ, start_response. Out: the iterable for the server.
Raises ResponseAborted when an answer that began cannot be finished. ETag, conditions, HEAD and length
are decided here, once, when all middleware has returned.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from apiroutes.errors import ResponseAborted
from apiroutes.files import Selectable
from apiroutes.http import BODYLESS, JSON, STATUS_LINES, TEXT, content_hash, is_current
from apiroutes.logs import log_disconnect, log_fault, route_of
from apiroutes.response import Response
from apiroutes.streams import Begun, as_chunk, close
from apiroutes.types import Environ, HeaderList, StartResponse

__all__ = [
    "ClosingIterator",
    "FixedResponse",
    "ServerResponse",
    "end_written",
    "header_list",
    "send",
    "starting_again",
]


class ServerResponse(Response):
    """A response with a connection: what a handler gets."""

    # What its App makes of an exception.
    _write_exception: Callable[[BaseException, Any, Response], None]

    def _begin(self) -> Callable[[bytes], object]:
        assert self._start_response is not None
        unwritten: list[bytes] = []
        self._unwritten = unwritten
        write: Callable[[bytes], object] | None = self._start_response(
            STATUS_LINES[self._status], header_list(self)
        )
        if self.req.environ.get("REQUEST_METHOD") == "HEAD" or self._status in BODYLESS:
            return lambda content: None
        if write is None:  # which PEP 3333 promises; then what is written is the iterable
            return unwritten.append

        def write_on(content: bytes) -> None:
            try:
                write(content)
            except OSError as error:  # the server's word for a client that has left
                raise ResponseAborted(error.errno, "the client left") from error

        return write_on


def send(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send what the response says: status and headers by start_response, content by the iterable."""
    if response._is_unbuffered:
        return _send_special(response, environ, start_response)
    status = response._status
    if status != 200 and status in BODYLESS:
        return _send_bodyless(response, start_response)
    content = response._content
    named = response._headers
    if not named and response._wants_etag and "HTTP_IF_NONE_MATCH" not in environ:
        # What most answers are, at once.
        etag = f'"{content_hash(content)}"'
        headers = [*response._content_headers, ("ETag", etag), ("Content-Length", str(len(content)))]
    else:
        headers = header_list(response) if named else [*response._content_headers]
        if response._wants_etag:
            if "etag" not in named:
                headers.append(("ETag", f'"{content_hash(content)}"'))
            is_conditional = status == 200 and (
                "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ
            )
            if is_conditional and is_current(environ, headers):
                return _send_not_modified(response, headers, start_response)
        if "content-length" in named:  # ours is the true one
            headers = _without(headers, "content-length")
        headers.append(("Content-Length", str(len(content))))
    start_response(STATUS_LINES[status], headers)
    # A list, because some servers send one at once, and take everything else for a stream.
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [content]


def header_list(response: Response) -> list[tuple[str, str]]:
    """The lines of the headers that were set, and the content's own unless it was given a type."""
    headers = [*response._headers.values()]
    if response._repeated_headers is not None:
        for lines in response._repeated_headers.values():
            headers += lines
    if "content-type" not in response._headers:
        headers += response._content_headers
    return headers


def _without(headers: HeaderList, *keys: str) -> list[tuple[str, str]]:
    return [line for line in headers if line[0].lower() not in keys]


def _send_special(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """What is more than content in memory: a stream, another application's answer, what was written."""
    if response._end_hooks is not None:
        return _send_and_end(response, environ, start_response)
    if response._write is not None:
        if response._cut_by is not None:
            cut_off(response)
        return end_written(response, environ)
    # A stream of the handler's is not asked for content that is not sent.
    if response._stream is None or not _is_bodyless(response, environ):
        response._start_streaming()
    response._run_head_hooks()
    if response._stream is not None:
        return _send_stream(response, environ, start_response)
    response._is_unbuffered = False
    return send(response, environ, start_response)


def _send_and_end(response: Response, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Send, and call what is to be called at the end. A 504 goes out first, like a stream."""
    ends, response._end_hooks = response._end_hooks, None
    try:
        answer = send(response, environ, start_response)
    finally:
        response._end_hooks = ends
    if type(answer) is list and response._status != 504:
        response._run_end_hooks()
        return answer
    return ClosingIterator(answer, response._run_end_hooks)


def end_written(response: Response, environ: Environ) -> Iterable[bytes]:
    """The end of what `write` began; RFC 9112 section 6.3: less than announced is not whole."""
    length = response._announced_length()
    if length is not None and response._written < length and not _is_bodyless(response, environ):
        error = EOFError(f"{response._written} bytes were written of a Content-Length of {length}")
        log_fault(response.req, route_of(response.req), error, "failed after its answer began")
        raise ResponseAborted(errno.ECONNRESET, "an answer was too short") from None
    return response._unwritten


def cut_off(response: Response) -> NoReturn:
    """Drop a connection on which bytes have left when something failed: no half answer is a whole one."""
    error, response._cut_by = response._cut_by, None
    if error is not None:
        log_fault(response.req, route_of(response.req), error, "failed after its answer began")
    raise ResponseAborted(errno.ECONNRESET, "the answer was cut off") from None


def _is_bodyless(response: Response, environ: Environ) -> bool:
    return response._status in BODYLESS or environ.get("REQUEST_METHOD") == "HEAD"


def _send_not_modified(
    response: Response, headers: HeaderList, start_response: StartResponse
) -> Iterable[bytes]:
    """RFC 9110 section 15.4.5: what the client has already is not described again."""
    dropped = () if response._content_headers is JSON else response._content_headers
    headers = [line for line in headers if line not in dropped]
    response._status = 304
    start_response(STATUS_LINES[304], _without(headers, "content-length"))
    return []


def _send_bodyless(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    """204, 205 and 304 carry no content, whatever was sent, and nothing that describes it.

    An ETag stays: it is of the representation that the client has, or has made (RFC 9110 section 15.3.5).
    """
    headers = _without(header_list(response), "content-length")
    if response._content or response._stream is not None:
        headers = _without(headers, "content-type")
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
        length = None  # it keeps to it by itself
    elif length is None and isinstance(stream, Begun) and stream.is_empty:
        length = 0
        headers.append(("Content-Length", "0"))
    if status == 304 or environ.get("REQUEST_METHOD") == "HEAD":
        close(stream)
        start_response(STATUS_LINES[status], headers)
        return []
    if isinstance(stream, Selectable):
        # What fails at the first chunk can still be a 500.
        stream = Begun(stream)
    start_response(STATUS_LINES[status], headers)
    response._write = _refuse_to_write  # the head has left
    return _Stream(stream, length, response.req)


def _refuse_to_write(content: bytes) -> NoReturn:
    raise RuntimeError("a stream is sent in place of what is written")


class _Stream:
    """A stream's chunks, as many bytes as were announced.

    A fault in the middle is logged and cuts the connection, and so does an end that comes too soon.
    """

    def __init__(self, stream: Iterator[Any], length: int | None, request: Any) -> None:
        self._stream = stream
        self._left = length
        self._request = request
        self._has_ended = False

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
        except StopIteration:
            self._has_ended = True
            if self._left:
                self._abort(EOFError(f"the answer is {self._left} bytes too short for its Content-Length"))
            raise
        except BaseException as error:
            self._abort(error)
        if self._left is not None:
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        return chunk

    def _abort(self, error: BaseException) -> NoReturn:
        self._has_ended = True
        log_fault(self._request, route_of(self._request), error, "failed after its answer began")
        raise ResponseAborted(errno.ECONNRESET, "a streamed answer failed") from None

    def close(self) -> None:
        if not self._has_ended and self._left != 0:
            self._has_ended = True
            log_disconnect(self._request, "before the answer's end")
        close(self._stream)


class FixedResponse:
    """An answer to GET that is the same for every request, made once."""

    def __init__(self, status: int, content: str) -> None:
        self._status = STATUS_LINES[status]
        self._content = content.encode()
        self._headers = [
            *TEXT,
            ("Cache-Control", "no-store"),
            ("Content-Length", str(len(self._content))),
        ]

    def send(self, start_response: StartResponse) -> Iterable[bytes]:
        """Send it."""
        start_response(self._status, self._headers.copy())
        return [self._content]


class ClosingIterator:
    """An iterable for the server that does something more when the answer has ended."""

    def __init__(self, iterable: Iterable[bytes], close: Callable[[], None]) -> None:
        self._iterable = iterable
        self._iterator = iter(iterable)
        self._also_close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def close(self) -> None:
        try:
            close(self._iterable)
        finally:
            self._also_close()


def starting_again(start_response: StartResponse) -> StartResponse:
    """PEP 3333: an application may have called start_response already, and then needs exc_info."""

    def start(status: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, headers, sys.exc_info())

    return start
