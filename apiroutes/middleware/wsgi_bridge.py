"""WSGI middleware as a step of the chain: `from_wsgi(SomeMiddleware, *args)`.

In: a class or function that wraps a WSGI application. Out: middleware (req, res, next). The wrapped
application is the rest of the chain, errors included. The WSGI middleware sees every response from inside,
and what it passes to start_response becomes the response. An exception from inside is turned into a response
first, then raised again outward.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from apiroutes.errors import ResponseAborted, ResponseSentError
from apiroutes.files import PassedContent, Selectable
from apiroutes.http import BODYLESS, STATUS_LINES, HeaderLines, content_hash
from apiroutes.middleware.bridge_errors import BridgeError, make_application
from apiroutes.middleware.bridged_headers import (
    changed_lines,
    length_of,
    merge,
    same_encoding,
    status_of,
    with_stable_gzip,
)
from apiroutes.request import Request
from apiroutes.response_state import CLOSED, ENDED, SENT
from apiroutes.streams import Begun, Counted, as_chunk, close
from apiroutes.types import Environ, HeaderList, Middleware, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator, ServerResponse, end_written, header_list, without

__all__ = ["from_wsgi"]

_count = itertools.count(1)


def from_wsgi(factory: Callable[..., WSGIApplication], *args: Any, **kwargs: Any) -> Middleware:
    """Return middleware that runs WSGI middleware, `factory(application, *args, **kwargs)`.

    If the WSGI middleware calls its application twice, everything inside runs twice. Raises TypeError for a
    factory that does not take an application and return one.

    Args:
        factory: The class or function of the WSGI middleware; it gets the rest of the chain as a WSGI
            application.
        *args: Further arguments of the factory.
        **kwargs: Further arguments of the factory, by name.
    """
    # Each bridge has its own key, so that one inside another does not replace it.
    key = f"apiroutes.from_wsgi.{next(_count)}"

    def rest_of_chain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        crossing: _Crossing = environ[key]
        return crossing.run_inside(environ, start_response)

    application = make_application(factory, rest_of_chain, args, kwargs)

    def middleware(req: Request, res: ServerResponse, next: Callable[[], Any]) -> None:
        crossing = _Crossing(req, res, next)
        environ = req.environ
        outer = environ.get(key)
        environ[key] = crossing
        try:
            crossing.cross(application)
        except BaseException as error:
            if error.__context__ is None and error is not crossing.error:
                error.__context__ = crossing.error  # it failed while it handled that one's response
            if isinstance(error, BridgeError):
                error.name(application)
            raise
        finally:
            if outer is None:
                del environ[key]
            else:
                environ[key] = outer
        if crossing.error is not None:
            try:
                raise crossing.error
            finally:
                crossing.error = None  # its traceback refers to this frame

    return middleware


class _Crossing:
    """One request's way through WSGI middleware and back."""

    def __init__(self, req: Request, res: ServerResponse, next: Callable[[], Any]) -> None:
        self.error: BaseException | None = None  # of the chain inside, for which a response was made
        self._req = req
        self._res = res
        self._next = next
        self._connection = res._start_response
        # The response as it was outside: the WSGI middleware sees these headers and cannot drop them.
        self._entry = res._mark()
        self._outer = header_list(res)
        # The response of the chain inside.
        self._was_called = False
        self._given = self._outer
        self._etag: str | None = None
        self._is_stream = False
        self._file: Selectable | None = None
        # The response of the WSGI middleware.
        self._status: str | None = None
        self._headers: HeaderList = []
        self._write: Callable[[bytes], object] | None = None
        self._unwritten: list[bytes] = []

    # -- the application that the WSGI middleware wraps ------------------------------------

    def run_inside(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Run the rest of the chain, and respond as an application does."""
        res = self._res
        if self._was_called:
            if res._write is not None:
                raise BridgeError("called its application again after content had been sent: call it once")
            res._restart(self._entry)
        self._was_called = True
        self._req._replace_environ(environ)
        for tell in self._req._route_listeners:
            if self._req.route_pattern is not None:
                tell(environ, self._req.route_pattern)
        res._start_response = start_response
        try:
            self._next()
            self.error = None
        except (KeyboardInterrupt, ResponseAborted):
            raise
        except BaseException as error:
            if res._state == CLOSED or res._write is not None:
                raise
            self.error = error
            if res._answered_error is not error:
                self._respond_to(error)
        finally:
            res._start_response = self._connection
        return self._hand_over(environ, start_response)

    def _respond_to(self, error: BaseException) -> None:
        """Respond to an exception, or to the fault that its response raises."""
        res = self._res
        try:
            self._write_exception(error)
        except Exception as fault:
            self.error = error = fault
            res._discard_response()
            self._write_exception(fault)
        res._settle(error)

    def _write_exception(self, error: BaseException) -> None:
        res = self._res
        res._checkpoint = res._snapshot()  # the error's headers go with its response, as a handler's do
        res._write_exception(error, self._req, res)
        res._start_streaming()

    def _hand_over(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Give the response so far to the WSGI middleware; conditional requests are handled outside."""
        res = self._res
        if res._write is not None:
            return end_written(res, environ)
        headers = header_list(res)
        stream, content = res._stream, res._content
        self._is_stream = stream is not None
        self._etag = None
        self._file = stream if isinstance(stream, Selectable) else None
        if res._status in BODYLESS:
            headers = without(headers, "content-length", "content-type")
            self._file, self._is_stream, stream, content = None, False, None, b""
        elif stream is None:
            headers = without(headers, "content-length")
            headers.append(("Content-Length", str(len(content))))
            if res._etag_start and "etag" not in res._headers:
                self._etag = res._etag_start + content_hash(content) + '"'
                headers.append(("ETag", self._etag))
        self._given = headers
        start_response(STATUS_LINES[res._status], [*headers])
        if self._file is not None:
            return self._file
        if stream is None:
            return [content]
        length = res._announced_length()
        if length is not None and not self._is_head:
            return Counted(stream, length)
        return ClosingIterator(map(as_chunk, stream), lambda: close(stream))

    # -- around the WSGI middleware --------------------------------------------------------

    def cross(self, application: WSGIApplication) -> None:
        """Call the WSGI middleware, and adopt its response."""
        content = application(self._req.environ, self._start_response)
        if content is None:
            raise BridgeError(
                "returned None: return an iterable of bytes, such as the result of the wrapped application"
            )
        iterator: Iterable[bytes] = content
        try:
            if self._status is None:
                # PEP 3333 lets an application delay start_response until the first chunk, as generators do:
                # the chain inside must have run before this step ends.
                chunks = iter(content)
                first = list(itertools.islice(chunks, 1))
                iterator = itertools.chain(first, chunks)
            if self._status is None:
                raise BridgeError(
                    "did not call start_response: call it with a status and headers, or return what the "
                    "wrapped application returns"
                )
        except BaseException:
            close(content)
            raise
        self._take(content, iterator)

    def _start_response(self, status: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
        if self._write is not None and exc_info and exc_info[0] is not None:
            raise exc_info[0][1].with_traceback(exc_info[0][2])
        self._status, self._headers = status, headers
        return self._write_through

    def _write_through(self, chunk: bytes) -> None:
        if self._res._has_ended:  # middleware that goes on would write into the connection's next response
            raise ResponseSentError(ENDED.format("write"))
        if self._write is None:
            res = self._res
            assert self._status is not None
            status, headers = self._status, self._headers
            if res._write is None:  # `res.write` has called the head hooks already
                self._take_head(status_of(status))
                res._run_head_hooks()
                status, headers = STATUS_LINES[res._status], header_list(res)
                res._drop("content-length")  # the WSGI middleware may change the length
            else:
                headers = merge(headers, header_list(res), self._outer)
            # If the server has no write(), what is written is sent at the end.
            write: Any = self._connection(status, headers)  # type: ignore[misc]
            self._write = write or self._unwritten.append
        if not self._is_head:
            self._write(chunk)

    @property
    def _is_head(self) -> bool:
        return self._req.environ.get("REQUEST_METHOD") == "HEAD"

    # -- the WSGI middleware's response ----------------------------------------------------

    def _take(self, content: Iterable[bytes], iterator: Iterable[bytes]) -> None:
        res = self._res
        inside, res._stream = res._stream, None

        def close_both() -> None:
            # WSGI middleware does not always close what it wraps.
            try:
                close(content)
            finally:
                close(inside)

        rest = ClosingIterator(iterator, close_both)
        if self._write is not None:
            chunks = () if self._is_head else rest
            unwritten = ClosingIterator(itertools.chain(self._unwritten, chunks), close_both)
            res._adopt_write(self._write, unwritten)
            return
        was_written = res._write is not None
        if was_written:  # but nothing has left: the WSGI middleware has kept it, or nothing had content
            res._forget_written()
        assert self._status is not None
        status = status_of(self._status)
        is_whole = isinstance(content, (list, tuple)) or (self._was_called and not self._is_stream)
        if self._file is not None and self._passes_file(self._file):
            self._take_file(status, self._file, None if content is self._file else rest)
        elif is_whole and not (was_written and self._is_head):  # then GET's content is unknown
            self._take_whole(status, rest)
        else:
            self._take_stream(status, rest)
        res._state = SENT
        res._answered_status = status

    def _take_file(self, status: int, file: Selectable, wrapped: ClosingIterator | None) -> None:
        """Adopt a file; conditions and ranges are handled outside, as for a file without a wrapper."""
        lines = self._take_head(status)
        self._res._drop_content(lines)
        content = file if wrapped is None else PassedContent(Begun(wrapped), file.size)
        self._res._set_stream(content, is_file=True)

    def _take_stream(self, status: int, rest: ClosingIterator) -> None:
        lines = self._take_head(status)
        stream = Begun(rest)
        stream.is_empty = stream.is_empty and not self._is_head
        self._res._drop_content(lines)
        self._res._set_stream(stream)

    def _take_whole(self, status: int, rest: ClosingIterator) -> None:
        res = self._res
        try:
            content = b"".join(rest)
        finally:
            rest.close()
        is_conditional, was_tagged = res._etag_start is not None, _has_etag(self._given)
        is_same_kind = not self._was_called or status == res._status
        length = length_of(self._headers)
        if self._is_head and not content and self._was_called and length == length_of(self._given):
            content = res._content  # HEAD had left it out
        is_unknown = self._is_stream or length not in (None, "0")
        is_omitted = self._is_head and not content and is_unknown
        if self._etag is not None and is_same_kind and not is_omitted:
            content = self._without_own_etag(content)
        res._drop_content(self._take_head(status))
        if is_omitted:  # the headers describe what GET would send
            stream = Begun(())
            stream.is_empty = False
            res._set_stream(stream)
        else:
            res._content = content
            if is_conditional and self._etag is not None:
                res._etag_start = res._etag_prefix
            elif is_conditional and ("etag" in res._headers or not was_tagged):
                res._etag_start = ""  # the ETag is not ours, or is not wanted

    def _without_own_etag(self, content: bytes) -> bytes:
        """Remove our ETag, which is computed again from the final content; return that content."""
        headers = [line for line in self._headers if line != ("ETag", self._etag)]
        if len(headers) == len(self._headers):
            self._etag = None  # the WSGI middleware has removed or replaced it
            return content
        self._headers = headers
        return with_stable_gzip(content, headers)

    def _take_head(self, status: int) -> HeaderLines:
        """Adopt the status and headers; new headers are noted as changes by middleware.

        Returns the content's own lines if they are all still there.
        """
        res = self._res
        headers, lines = self._headers, res._content_headers
        if lines and all(line in headers for line in lines):
            headers = [line for line in headers if line not in lines]
        else:
            lines = ()
        if res._checkpoint is not None:  # otherwise no handler was called: all of it is middleware's
            for change in changed_lines(self._given, headers):
                res._note(*change)
        res._replace_head(status, merge(headers, self._given, self._outer))
        return lines

    def _passes_file(self, file: Selectable) -> bool:
        """Return whether the outgoing content is the file's; if not, drop the headers that describe it."""
        if length_of(self._headers) == str(file.size) and same_encoding(self._headers, self._given):
            return True
        gone = [line for line in self._given if line[0].lower() in ("accept-ranges", "etag")]
        self._headers = [line for line in self._headers if line not in gone]
        return False


def _has_etag(headers: HeaderList) -> bool:
    return any(name.lower() == "etag" for name, _ in headers)
