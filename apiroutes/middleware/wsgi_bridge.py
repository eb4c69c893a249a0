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

from apiroutes.errors import ResponseAborted
from apiroutes.files import PassedContent, Selectable
from apiroutes.http import BODYLESS, CONTENT_FIELDS, STATUS_LINES, HeaderLines, content_hash, merge_vary
from apiroutes.request import Request
from apiroutes.response import CLOSED, SENT
from apiroutes.streams import Begun, Counted, as_chunk, close
from apiroutes.types import Environ, HeaderList, Middleware, StartResponse, WSGIApplication
from apiroutes.wsgi import ClosingIterator, ServerResponse, end_written, header_list

__all__ = ["from_wsgi"]


_count = itertools.count(1)

# Fields whose value is a digest of the bytes (RFC 9530, and RFC 2616's Content-MD5).
_DIGESTS = frozenset(("content-digest", "repr-digest", "digest", "content-md5"))


def from_wsgi(factory: Callable[..., WSGIApplication], *args: Any, **kwargs: Any) -> Middleware:
    """Middleware that runs `factory(application, *args, **kwargs)`, any WSGI middleware.

    One that calls its application twice runs everything inside twice.
    """
    # A key of its own, because one inside of another must not take its place.
    key = f"apiroutes.from_wsgi.{next(_count)}"

    def rest_of_chain(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
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
        except BaseException as error:
            if error.__context__ is None and error is not crossing.error:
                error.__context__ = crossing.error  # whose answer this one was made of
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
        # What was said outside, which it sees and cannot drop.
        self._entered = res._snapshot(), list(res._head_hooks or ()), res._position
        self._outer = header_list(res)
        # What the chain inside has answered.
        self._was_called = False
        self._given = self._outer
        self._etag: str | None = None
        self._is_stream = False
        self._file: Selectable | None = None
        # What the WSGI middleware has answered.
        self._status: str | None = None
        self._headers: HeaderList = []
        self._write: Callable[[bytes], object] | None = None
        self._unwritten: list[bytes] = []

    # -- what the WSGI middleware wraps ----------------------------------------------------

    def answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Run the rest of the chain, and give its answer as an application does."""
        res = self._res
        if self._was_called:
            self._begin_again()
        self._was_called = True
        self._req._replace_environ(environ)
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
                self._answer_with(error)
        finally:
            res._start_response = self._connection
        return self._give(environ, start_response)

    def _begin_again(self) -> None:
        res = self._res
        if res._write is not None:
            raise RuntimeError("the WSGI middleware called its application again after bytes had left")
        saved, hooks, res._position = self._entered
        res._head_hooks = [*hooks] or None
        res._clear_content()
        res._roll_back(saved)
        res._checkpoint = res._changes = None
        res._in_middleware = True

    def _answer_with(self, error: BaseException) -> None:
        """Put the exception's answer into the response, and a fault's where it has none that can be sent."""
        res = self._res
        try:
            self._write_exception(error)
        except Exception as fault:
            self.error = error = fault
            res._discard_response()
            self._write_exception(fault)
        res._answered_error, res._answered_status = error, res._status

    def _write_exception(self, error: BaseException) -> None:
        res = self._res
        res._checkpoint = res._snapshot()  # the headers of the error go with it, as a handler's do
        res._write_exception(error, self._req, res)
        res._start_streaming()

    def _give(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The answer as it is so far: what is decided of it last is decided outside."""
        res = self._res
        if res._write is not None:
            return end_written(res, environ)
        headers = header_list(res)
        stream, content = res._stream, res._content
        self._is_stream = stream is not None
        self._etag = None
        self._file = stream if isinstance(stream, Selectable) else None
        if res._status in BODYLESS:
            headers = [line for line in headers if line[0].lower() not in ("content-length", "content-type")]
            self._file, self._is_stream, stream, content = None, False, None, b""
        elif stream is None:
            headers = [line for line in headers if line[0].lower() != "content-length"]
            headers.append(("Content-Length", str(len(content))))
            if res._wants_etag and "etag" not in res._headers:
                self._etag = f'"{content_hash(content)}"'
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
        """Call the WSGI middleware, and make what it answers the response's answer."""
        content = application(self._req.environ, self._start_response)
        iterator: Iterable[bytes] = content
        try:
            if self._status is None:
                # PEP 3333 lets an application wait with start_response for the first chunk, as
                # generators do: the chain inside must have run before this step ends.
                chunks = iter(content)
                first = list(itertools.islice(chunks, 1))
                iterator = itertools.chain(first, chunks)
            if self._status is None:
                raise RuntimeError("the WSGI middleware did not call start_response")
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
        if self._write is None:
            res = self._res
            assert self._status is not None
            status, headers = self._status, self._headers
            if res._write is None:  # else it is `res.write`, which has called what comes before the head
                self._take_head(_code(status))
                res._run_head_hooks()
                status, headers = STATUS_LINES[res._status], header_list(res)
                res._drop("content-length")  # what follows is the WSGI middleware's to count
            else:
                headers = self._with_outer(headers, header_list(res))
            # Where the server has no write(), what is written is sent at the end.
            write: Any = self._connection(status, headers)  # type: ignore[misc]
            self._write = write or self._unwritten.append
        if not self._is_head:
            self._write(chunk)

    @property
    def _is_head(self) -> bool:
        return self._req.environ.get("REQUEST_METHOD") == "HEAD"

    def _take(self, content: Iterable[bytes], iterator: Iterable[bytes]) -> None:
        res = self._res
        inside, res._stream = res._stream, None

        def close_both() -> None:
            # Not everybody closes what they wrap.
            try:
                close(content)
            finally:
                close(inside)

        rest = ClosingIterator(iterator, close_both)
        was_written = res._write is not None
        if self._write is not None:
            self._forget()
            res._write, res._is_unbuffered, res._state = self._write, True, SENT
            chunks = () if self._is_head else rest
            res._unwritten = ClosingIterator(itertools.chain(self._unwritten, chunks), close_both)  # type: ignore[assignment]
            return
        if was_written:  # and nothing has left: it was kept, or there was none
            res._write, res._written, res._unwritten = None, 0, ()
        assert self._status is not None
        status = _code(self._status)
        is_whole = isinstance(content, (list, tuple)) or (self._was_called and not self._is_stream)
        if was_written and self._is_head:
            is_whole = False  # nothing tells what GET would write
        if self._file is not None and self._passes_file(self._file):
            lines = self._take_head(status)
            # The request's conditions and its Range are asked outside, as for a file without a wrapper.
            same = content is self._file
            self._forget(lines)
            res._stream = self._file if same else PassedContent(Begun(rest), self._file.size)
            res._is_unbuffered = res._sends_file = True
        elif is_whole:
            self._take_whole(status, rest)
        else:
            lines = self._take_head(status)
            stream = Begun(rest)
            stream.is_empty = stream.is_empty and not self._is_head
            self._forget(lines)
            res._stream, res._is_unbuffered = stream, True
        res._state = SENT
        res._answered_status = status

    def _take_whole(self, status: int, rest: ClosingIterator) -> None:
        res = self._res
        try:
            content = b"".join(rest)
        finally:
            rest.close()
        was_tagged, is_same_kind = res._wants_etag, not self._was_called or status == res._status
        length = self._length_of(self._headers)
        if self._is_head and not content and self._was_called and length == self._length_of(self._given):
            content = res._content  # which was left out because of HEAD
        is_unknown = self._is_stream or length not in (None, "0")
        is_nothing = self._is_head and not content and is_unknown
        if self._etag is not None and is_same_kind and not is_nothing:
            content = self._retag(content)
        self._forget(self._take_head(status))
        if is_nothing:  # what GET would send is described, not sent
            res._stream, res._is_unbuffered = Begun(()), True
            res._stream.is_empty = False
        else:
            res._content = content
            res._wants_etag = was_tagged and (self._etag is not None or "etag" in res._headers)

    def _forget(self, lines: HeaderLines = ()) -> None:
        """Forget the content inside, which what comes out has in it; the rest stays, and these lines."""
        res = self._res
        answers, hooks = res._answered_error, res._head_hooks
        res._head_hooks = None
        res._clear_content()
        res._answered_error, res._head_hooks, res._content_headers = answers, hooks, lines
        res._is_unbuffered = hooks is not None or res._end_hooks is not None

    def _length_of(self, headers: HeaderList) -> str | None:
        return next((value for name, value in headers if name.lower() == "content-length"), None)

    def _retag(self, content: bytes) -> bytes:
        """Take the ETag off, which is made anew of what the content is in the end.

        Equal content is to have an equal one: a gzip member tells the time when it was made (RFC 1952
        section 2.3), and need not.
        """
        headers = [line for line in self._headers if line != ("ETag", self._etag)]
        if len(headers) == len(self._headers):
            self._etag = None  # it was taken off, or is another one's by now
            return content
        self._headers = headers
        encodings = [value for name, value in headers if name.lower() == "content-encoding"]
        is_gzip = encodings == ["gzip"] and content[:3] == b"\x1f\x8b\x08" and len(content) > 17
        if is_gzip and not content[3] & 2 and not any(name.lower() in _DIGESTS for name, _ in headers):
            return content[:4] + b"\0\0\0\0" + content[8:]
        return content

    def _take_head(self, status: int) -> HeaderLines:
        """Status and headers as they are now; those that are new are middleware's.

        Gives the content's own lines, where they are still there.
        """
        res = self._res
        headers, lines = self._headers, res._content_headers
        if lines and all(line in headers for line in lines):
            headers = [line for line in headers if line not in lines]
        else:
            lines = ()
        self._note_changes(headers)
        res._status, res._status_was_set = status, True
        res._headers, res._repeated_headers = {}, None
        for name, value in self._with_outer(headers, self._given):
            res._append(name.lower(), name, value)
        return lines

    def _with_outer(self, headers: HeaderList, given: HeaderList) -> HeaderList:
        """The headers with what was set outside and is not the WSGI middleware's to drop.

        It wraps all that is inside, and no more. It may change what it was given. Vary is a list that
        everybody adds to.
        """
        kept = [*headers]
        vary = [line for line in given if line[0].lower() == "vary"]
        mine = [line for line in headers if line[0].lower() == "vary"]
        if vary and mine != vary:
            kept = [line for line in headers if line not in mine]
            kept.append(("Vary", merge_vary(value for _, value in (*vary, *mine))))
        still_given, there = set(map(_identity, given)), set(map(_identity, kept))
        for line in self._outer:
            identity = _identity(line)
            if line[0].lower() not in CONTENT_FIELDS and identity in still_given and identity not in there:
                kept.append(line)
        return kept

    def _passes_file(self, file: Selectable) -> bool:
        """Whether what comes out is the file's content; else what is said of that goes."""
        encodings = [value for name, value in self._given if name.lower() == "content-encoding"]
        sent = [value for name, value in self._headers if name.lower() == "content-encoding"]
        if self._length_of(self._headers) == str(file.size) and sent == encodings:
            return True
        gone = [line for line in self._given if line[0].lower() in ("accept-ranges", "etag")]
        self._headers = [line for line in self._headers if line not in gone]
        return False

    def _note_changes(self, headers: HeaderList) -> None:
        res = self._res
        if res._checkpoint is None:
            return  # no handler was called: all that is there is middleware's
        given, said = _by_key(self._given), _by_key(headers)
        for key, lines in said.items():
            had = given.get(key, [])
            new = [line for line in lines if line not in had]
            if key not in CONTENT_FIELDS and new:
                adds = key in ("set-cookie", "vary") or all(line in lines for line in had)
                res._note(*(("append", key, new) if adds else ("set", key, lines)))


def _code(status: str) -> int:
    """The status of a status line."""
    code = int(status[:3]) if status[:3].isascii() and status[:3].isdigit() else 0
    if not 200 <= code <= 599:
        raise RuntimeError(f"the WSGI middleware has the status {status!r}")
    return code


def _by_key(headers: HeaderList) -> dict[str, HeaderList]:
    found: dict[str, HeaderList] = {}
    for line in headers:
        found.setdefault(line[0].lower(), []).append(line)
    return found


def _identity(line: tuple[str, str]) -> str:
    """What a line is one of: a header, or a cookie."""
    key = line[0].lower()
    return f"{key} {line[1].partition('=')[0].strip()}" if key == "set-cookie" else key
