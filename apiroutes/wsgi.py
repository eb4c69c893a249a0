"""A response onto the wire (PEP 3333). The only file that calls start_response.

In: an answered response, the environ, start_response. Out: the iterable for the server.
Raises ResponseAborted when an answer that began cannot be finished.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from apiroutes.conditional import content_hash, is_current
from apiroutes.errors import ResponseAborted, phrase
from apiroutes.logs import log_departure, log_fault, route_of
from apiroutes.response import JSON, TEXT, Response

__all__ = ["Closing", "FixedAnswer", "ServerResponse", "StartResponse", "send", "starting_again"]

StartResponse = Callable[..., Callable[[bytes], object]]

_STATUS_LINES = {code: f"{code} {phrase(code)}" for code in range(200, 600)}
# RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5
_BODYLESS = frozenset((204, 205, 304))


class ServerResponse(Response):
    """A response with a connection: what a handler gets."""

    def _begin(self) -> Callable[[bytes], object]:
        assert self._start_response is not None
        unwritten: list[bytes] = []
        self._unwritten = unwritten
        write: Callable[[bytes], object] | None = self._start_response(
            _STATUS_LINES[self._status], _header_list(self)
        )
        if self.req.environ.get("REQUEST_METHOD") == "HEAD" or self._status in _BODYLESS:
            return lambda content: None
        if write is None:  # which PEP 3333 promises; then what is written is the iterable
            return unwritten.append

        def write_on(content: bytes) -> None:
            try:
                write(content)
            except OSError as error:  # the server's word for a client that has left
                raise ResponseAborted(error.errno, "the client left") from error

        return write_on


def send(response: Response, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Send what the response says: status and headers by start_response, content by the iterable."""
    if response._is_special:
        return _send_special(response, environ, start_response)
    status = response._status
    if status != 200 and status in _BODYLESS:
        return _send_bodyless(response, start_response)
    content = response._content
    named = response._headers
    headers = _header_list(response) if named else [*response._lines]
    if response._tagged:
        if "etag" not in named:
            headers.append(("ETag", f'"{content_hash(content)}"'))
        if ("HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MODIFIED_SINCE" in environ) and (
            status == 200 and is_current(environ, headers)
        ):
            return _send_not_modified(response, headers, start_response)
    if "content-length" in named:  # ours is the true one
        headers = _without(headers, "content-length")
    headers.append(("Content-Length", str(len(content))))
    start_response(_STATUS_LINES[status], headers)
    # A list, because some servers send one at once, and take everything else for a stream.
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [content]


def _header_list(response: Response) -> list[tuple[str, str]]:
    """The lines of the headers that were set, and the content's own unless it was given a type."""
    headers = [*response._headers.values()]
    if response._more is not None:
        for lines in response._more.values():
            headers += lines
    if "content-type" not in response._headers:
        headers += response._lines
    return headers


def _without(headers: list[tuple[str, str]], *keys: str) -> list[tuple[str, str]]:
    return [line for line in headers if line[0].lower() not in keys]


def _send_special(
    response: Response, environ: dict[str, Any], start_response: StartResponse
) -> Iterable[bytes]:
    """What is no content in memory: another application's answer, a stream, what was written."""
    if response._application is not None:
        return _delegate(response, environ, start_response)
    if response._stream is not None:
        return _send_stream(response, environ, start_response)
    return response._unwritten


def _send_not_modified(
    response: Response, headers: list[tuple[str, str]], start_response: StartResponse
) -> Iterable[bytes]:
    """RFC 9110 section 15.4.5: what the client has already is not described again."""
    dropped = () if response._lines is JSON else response._lines
    headers = [line for line in headers if line not in dropped]
    start_response(_STATUS_LINES[304], _without(headers, "content-length"))
    return []


def _send_bodyless(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    """204, 205 and 304 carry no content, whatever was sent, and nothing that describes it."""
    headers = _without(_header_list(response), "content-length")
    if response._content or response._stream is not None:
        headers = _without(headers, "content-type", "etag")
        headers = [line for line in headers if line not in response._lines]
    if response._status == 205:
        headers.append(("Content-Length", "0"))
    start_response(_STATUS_LINES[response._status], headers)
    return []


def _send_stream(
    response: Response, environ: dict[str, Any], start_response: StartResponse
) -> Iterable[bytes]:
    stream = response._stream
    assert stream is not None
    headers = _header_list(response)
    if response._status in _BODYLESS:
        _close(stream)
        return _send_bodyless(response, start_response)
    if environ.get("REQUEST_METHOD") == "HEAD":
        _close(stream)
        start_response(_STATUS_LINES[response._status], headers)
        return []
    # The first chunk is taken before anything is sent: what fails there can still be a 500.
    try:
        first = _encoded(next(stream, b""))
    except BaseException:
        _close(stream)
        raise
    if not first and "content-length" not in response._headers:
        # An iterator may give an empty chunk first; only its end makes the content empty.
        first, ended = _first_content(stream)
        if ended:
            headers.append(("Content-Length", "0"))
    start_response(_STATUS_LINES[response._status], headers)
    return _Stream(first, stream, response.req)


def _first_content(stream: Iterator[bytes | str]) -> tuple[bytes, bool]:
    try:
        for chunk in stream:
            if chunk:
                return _encoded(chunk), False
    except BaseException:
        _close(stream)
        raise
    return b"", True


class _Stream:
    """A stream's chunks as bytes. A fault in the middle is logged and cuts the connection."""

    def __init__(self, first: bytes, stream: Iterator[bytes | str], request: Any) -> None:
        self._first: bytes | None = first
        self._stream = stream
        self._request = request
        self._has_ended = False

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            if first:
                return first
        try:
            return _encoded(next(self._stream))
        except (StopIteration, KeyboardInterrupt):
            self._has_ended = True
            raise
        except BaseException as error:
            self._has_ended = True
            log_fault(self._request, route_of(self._request), error, "failed after its answer began")
            raise ResponseAborted(errno.ECONNRESET, "a streamed answer failed") from None

    def close(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            log_departure(self._request, "before the answer's end")
        _close(self._stream)


def _encoded(chunk: bytes | str) -> bytes:
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, (bytearray, memoryview)):
        return bytes(chunk)
    raise TypeError(f"a stream gives bytes or str, not {chunk!r}")


def _close(stream: object) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()


class FixedAnswer:
    """An answer that is the same for every request, made once."""

    def __init__(self, status: int, content: str) -> None:
        self._status = _STATUS_LINES[status]
        self._content = content.encode()
        self._headers = [*TEXT, ("Content-Length", str(len(self._content)))]

    def send(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Send it."""
        start_response(self._status, self._headers.copy())
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [self._content]


class Closing:
    """An iterable for the server that does something more when the answer has ended."""

    def __init__(self, iterable: Iterable[bytes], close: Callable[[], None]) -> None:
        self._iterable = iterable
        self._iterator = iter(iterable)
        self._also_close = close

    def __iter__(self) -> Iterator[bytes]:
        return self._iterator

    def close(self) -> None:
        try:
            _close(self._iterable)
        finally:
            self._also_close()


def _delegate(response: Response, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Let a returned WSGI application answer; headers set before it are added to its own."""
    assert response._application is not None
    ours = _header_list(response)
    if not ours:
        return response._application(environ, start_response)

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        theirs = {name.lower() for name, _ in headers} - {"set-cookie", "vary"}
        merged = headers + [(name, value) for name, value in ours if name.lower() not in theirs]
        return start_response(status, merged, *exc_info)

    return response._application(environ, start)


def starting_again(start_response: StartResponse) -> StartResponse:
    """PEP 3333: an application may have called start_response already, and then needs exc_info."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        return start_response(status, headers, sys.exc_info())

    return start
