"""WSGI middleware as a step of the chain: `from_wsgi(SomeMiddleware, *args)`.

In: a class or function that wraps a WSGI application. Out: middleware (req, res, next). The
rest of the chain is the application that it wraps; what it calls start_response with becomes
the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from apiroutes.chain import require_answer
from apiroutes.declarations import Middleware
from apiroutes.request import Request
from apiroutes.wsgi import Closing, ServerResponse, StartResponse, send

__all__ = ["from_wsgi"]

_KEY = "apiroutes.from_wsgi"

WSGIApplication = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def from_wsgi(factory: Callable[..., WSGIApplication], *args: Any, **kwargs: Any) -> Middleware:
    """Middleware that runs `factory(application, *args, **kwargs)`, any WSGI middleware."""
    application = factory(_rest_of_chain, *args, **kwargs)

    def middleware(req: Request, res: ServerResponse, next: Callable[[], Any]) -> None:
        connection = res._start_response
        assert connection is not None
        answer = _Answer(connection)
        req.environ[_KEY] = (req, res, next)
        try:
            answer.begin(application(req.environ, answer.start_response))
        finally:
            res._start_response = connection
        answer.take(res)

    return middleware


def _rest_of_chain(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """What the WSGI middleware wraps."""
    req, res, next = environ[_KEY]
    req.see(environ)
    res._start_response = start_response
    next()
    require_answer(res)
    return send(res, environ, start_response)


class _Answer:
    """What the WSGI middleware answers, held back so that the chain's after-code still runs."""

    def __init__(self, connection: StartResponse) -> None:
        self._content: Iterable[bytes] = ()
        self._connection = connection
        self._status: str | None = None
        self._headers: list[tuple[str, str]] = []
        self._write: Callable[[bytes], object] | None = None
        self._unwritten: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *exc_info: Any
    ) -> Callable[[bytes], object]:
        self._status, self._headers = status, headers
        return self._write_through

    def begin(self, content: Iterable[bytes]) -> None:
        """Take the content, and run the application as far as its call of start_response."""
        self._content = content
        if self._status is None:
            # PEP 3333 lets an application wait with start_response for the first chunk, as
            # generators do: the chain inside must have run before this step ends.
            chunks = iter(content)
            first = list(itertools.islice(chunks, 1))
            self._content = Closing(itertools.chain(first, chunks), getattr(content, "close", _nothing))

    def take(self, res: ServerResponse) -> None:
        """Make it the response's answer."""
        res._headers, res._more = {}, None  # they are among the answer's own by now
        if self._status is None:
            raise RuntimeError("the WSGI middleware did not call start_response")
        res._status = int(self._status[:3])
        res._forget_answer()  # what was said is in the answer that takes its place
        res.delegate(self)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if self._write is None:  # else the headers are on the wire
            start_response(self._status, self._headers)
        elif self._unwritten:
            content = self._content
            whole = itertools.chain(self._unwritten, content)
            return Closing(whole, getattr(content, "close", _nothing))
        return self._content

    def _write_through(self, chunk: bytes) -> None:
        if self._write is None:
            # Where the server has no write(), what is written is sent at the end.
            write: Any = self._connection(self._status, self._headers)
            self._write = write or self._unwritten.append
        self._write(chunk)


def _nothing() -> None:
    return None
