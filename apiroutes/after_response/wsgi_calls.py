"""Calls of an App by a WSGI server, with work after their responses.

In: an App class. Out: a subclass whose calls can leave work, which begins when the server closes the content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from apiroutes.after_response.work import Work, current_work, note_whole_content
from apiroutes.streams import close
from apiroutes.types import Environ, StartResponse

__all__ = ["noting_responses", "with_work"]


@cache
def with_work(kind: Any) -> Any:
    """Return a subclass of an App class, for projects that use `after`; other projects pay nothing."""
    call_app = kind.__call__

    def call(self: Any, environ: Environ, *arguments: Any) -> Iterable[bytes]:
        known = current_work.get(None)
        # ASGI has three arguments. Known work belongs to an ASGI call that a thread answers.
        if len(arguments) != 1 or (known is not None and known.environ is environ):
            content: Iterable[bytes] = call_app(self, environ, *arguments)
            return content
        return _answer(call_app, self, environ, arguments[0])

    names = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(kind.__name__, (kind,), {"__call__": call, **names})


def _answer(
    call_app: Callable[..., Iterable[bytes]], app: Any, environ: Environ, start_response: StartResponse
) -> Iterable[bytes]:
    work = Work(app.work_pool, environ, app.cache)
    token = current_work.set(work)
    try:
        content = call_app(app, environ, start_response)
    except BaseException:
        work.has_failed = True
        _end(work)
        raise
    finally:
        current_work.reset(token)
    if type(content) is list:
        if not work.calls:
            work.is_over = True
            if not work.calls:  # which another thread may have added meanwhile
                return content
        note_whole_content(environ)
    return _Content(content, work)


def _end(work: Work) -> None:
    if not work.end():
        work.run()
    work.await_by_witness()


class _Content:
    """Content after which work begins; a running stream can add work, too."""

    def __init__(self, content: Iterable[bytes], work: Work) -> None:
        self._content = content
        self._iterator = iter(content)
        self._work: Work | None = work

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._work is None:
            return next(self._iterator)
        token = current_work.set(self._work)
        try:
            return next(self._iterator)
        finally:
            current_work.reset(token)

    def close(self) -> None:
        """Close the content, and begin the work."""
        work, self._work = self._work, None
        try:
            if work is None:
                close(self._content)
            else:
                token = current_work.set(work)
                try:
                    close(self._content)
                finally:
                    current_work.reset(token)
        finally:
            if work is not None:
                _end(work)


def noting_responses(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes responses, and tells the current work which one is its response."""

    def make_and_note(request: Any, start_response: StartResponse) -> Any:
        response = make(request, start_response)
        work = current_work.get(None)
        # A handler may answer with another App, which makes another response for the same request.
        if work is not None and work.response is None:
            work.response = response
        return response

    return make_and_note
