"""WSGI middleware as a step of the chain: `from_wsgi(SomeMiddleware, *args)`.

In: a class or function that wraps a WSGI application. Out: middleware (req, res, next). The rest of
the chain is the application that it wraps, errors included: it sees every answer that is made inside
of it, and what it calls start_response with becomes the answer. An exception goes on outward once an
answer has been made of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from apiroutes.conditional import content_hash
from apiroutes.declarations import Middleware
from apiroutes.errors import ResponseAborted
from apiroutes.files import PassedContent, Selectable
from apiroutes.request import Request
from apiroutes.response import BODYLESS, REFUSED, SENT
from apiroutes.streams import Begun, as_chunk, close
from apiroutes.wsgi import Closing, ServerResponse, StartResponse, end_written, header_list, status_line

__all__ = ["from_wsgi"]

WSGIApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
HeaderLines = list[tuple[str, str]]

_count = itertools.count(1)

# What describes the content, and goes with it.
_OF_CONTENT = frozenset(
    ("content-encoding", "content-length", "content-range", "content-type", "etag", "last-modified")
)


def from_wsgi(factory: Callable[..., WSGIApplication], *args: Any, **kwargs: Any) -> Middleware:
    """Middleware that runs `factory(application, *args, **kwargs)`, any WSGI middleware.

    One that calls its application twice runs everything inside twice.
    """
    # A key of its own, because one inside of another must not take its place.
    key = f"apiroutes.from_wsgi.{next(_count)}"

    def rest_of_chain(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        crossing: _Crossing = environ[key]
        return crossing.answer(environ, start_response)

    application = factory(rest_of_chain, *args, **kwargs)

    def middleware(req: Request, res: ServerResponse, next: Callable[[], Any]) -> None:
        crossing = _Crossing(req, res, next)
        environ = req.environ
        outer = environ.get(key)
        environ[key] = crossing
        try:
            crossing.cross(application)
        finally:
            if outer is None:
                del environ[key]
            else:
                environ[key] = outer
        if crossing.error is not None:
            try:
                raise crossing.error
            finally:
                crossing.error = None  # whose traceback leads here

    return middleware


class _Crossing:
    """One request's way through WSGI middleware and back."""

    def __init__(self, req: Request, res: ServerResponse, next: Callable[[], Any]) -> None:
        self.error: BaseException | None = None  # of the chain inside, whose answer was given
        self._req = req
        self._res = res
        self._next = next
        self._connection = res._start_response
        self._entered = res._saved()
        self._was_called = False
        # What the chain inside has answered.
        self._given: HeaderLines = []
        self._etag: str | None = None
        self._is_stream = False
        self._file: Selectable | None = None
        # What the WSGI middleware has answered.
        self._status: str | None = None
        self._headers: HeaderLines = []
        self._write: Callable[[bytes], object] | None = None
        self._unwritten: list[bytes] = []

    # -- what the WSGI middleware wraps ----------------------------------------------------

    def answer(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Run the rest of the chain, and give its answer as an application does."""
        res = self._res
        if self._was_called:
            self._begin_again()
        self._was_called = True
        self._req.see(environ)
        res._start_response = start_response
        try:
            self._next()
            self.error = None
        except (KeyboardInterrupt, ResponseAborted):
            raise
        except BaseException as error:
            if res._state == REFUSED or res._write is not None:
                raise
            self.error = error
            if res._answers is not error:
                res._write_exception(error, self._req, res)
                res._answers = error
        finally:
            res._start_response = self._connection
        return self._give(environ, start_response)

    def _begin_again(self) -> None:
        res = self._res
        if res._write is not None:
            raise RuntimeError("the WSGI middleware called its application again after bytes had left")
        res._forget_answer()
        res._restore(self._entered)
        res._before = res._changes = None
        res._is_middlewares = True

    def _give(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The answer as it is so far: what is decided of it last is decided outside."""
        res = self._res
        if res._write is not None:
            return end_written(res, environ)
        headers = header_list(res)
        stream, content = res._stream, res._content
        self._is_stream = stream is not None
        self._file = stream if isinstance(stream, Selectable) else None
        if res._status in BODYLESS:
            content = b""
        elif stream is None:
            headers = [line for line in headers if line[0].lower() != "content-length"]
            headers.append(("Content-Length", str(len(content))))
            if res._tagged and "etag" not in res._headers:
                self._etag = f'"{content_hash(content)}"'
                headers.append(("ETag", self._etag))
        self._given = headers
        start_response(status_line(res._status), [*headers])
        if self._file is not None:
            return self._file
        return [content] if stream is None else Closing(map(as_chunk, stream), lambda: close(stream))

    # -- around the WSGI middleware --------------------------------------------------------

    def cross(self, application: WSGIApplication) -> None:
        """Call the WSGI middleware, and make what it answers the response's answer."""
        content = application(self._req.environ, self._start_response)
        iterator = content
        if self._status is None:
            # PEP 3333 lets an application wait with start_response for the first chunk, as
            # generators do: the chain inside must have run before this step ends.
            chunks = iter(content)
            first = list(itertools.islice(chunks, 1))
            iterator = Closing(itertools.chain(first, chunks), lambda: close(content))
        if self._status is None:
            close(iterator)
            raise RuntimeError("the WSGI middleware did not call start_response")
        self._take(iterator, is_whole=isinstance(content, (list, tuple)))

    def _start_response(self, status: str, headers: HeaderLines, *exc_info: Any) -> Callable[[bytes], object]:
        self._status, self._headers = status, headers
        return self._write_through

    def _write_through(self, chunk: bytes) -> None:
        if self._write is None:
            # Where the server has no write(), what is written is sent at the end.
            write: Any = self._connection(self._status, self._headers)  # type: ignore[misc]
            self._write = write or self._unwritten.append
        self._write(chunk)

    def _take(self, content: Iterable[bytes], *, is_whole: bool) -> None:
        res = self._res
        lines, is_tagged = res._lines, res._tagged
        answers = res._answers
        res._stream = None  # which the content has in it
        res._forget_answer()
        res._answers = answers
        if self._write is not None:  # else the headers are still here
            res._write, res._is_special, res._state = self._write, True, SENT
            res._unwritten = Closing(  # type: ignore[assignment]
                itertools.chain(self._unwritten, content), lambda: close(content)
            )
            return
        self._take_head(lines)
        if self._file is not None and self._passes_file(self._file):
            # The request's conditions and its Range are asked outside, as for a file without a wrapper.
            same = content is self._file
            res._stream = self._file if same else PassedContent(Begun(content), self._file.size)
            res._is_special = res._sends_file = True
        elif is_whole or (self._was_called and not self._is_stream):
            try:
                res._content = b"".join(content)
            finally:
                close(content)
            res._tagged = is_tagged and self._etag is not None
        else:
            res._stream = Begun(content)
            res._is_special = True
        res._state = SENT

    def _take_head(self, lines: tuple[tuple[str, str], ...]) -> None:
        """Status and headers as they are now; those that are new are middleware's."""
        res = self._res
        assert self._status is not None
        headers = self._headers
        if self._etag is not None:
            # It is made anew of what the content is in the end.
            headers = [line for line in headers if line != ("ETag", self._etag)]
            if len(headers) == len(self._headers):
                self._etag = None  # it was taken off, or is another one's by now
        if all(line in headers for line in lines):
            headers = [line for line in headers if line not in lines]
            res._lines = lines
        self._note_changes(headers)
        res._status, res._said_status = int(self._status[:3]), True
        res._headers, res._more = {}, None
        for name, value in headers:
            res._append(name.lower(), name, value)

    def _passes_file(self, file: Selectable) -> bool:
        """Whether what comes out is the file's content; else what is said of that goes."""
        res = self._res
        encodings = [value for name, value in self._given if name.lower() == "content-encoding"]
        sent = res.get_header("Content-Encoding")
        if res.get_header("Content-Length") == str(file.size) and ([sent] if sent else []) == encodings:
            return True
        for name, value in self._given:
            if name.lower() in ("accept-ranges", "etag") and res.get_header(name) == value:
                res._drop(name.lower())
        return False

    def _note_changes(self, headers: HeaderLines) -> None:
        if self._res._before is None:
            return  # no handler was called: all that is there is middleware's
        given = {(name.lower(), value) for name, value in self._given}
        named = {name for name, _ in given}
        changes = self._res._changes = self._res._changes or []
        for name, value in headers:
            key = name.lower()
            if (key, value) not in given and key not in _OF_CONTENT:
                replaces = key in named and key != "set-cookie"
                changes.append(("set_header" if replaces else "append_header", name, value))
