"""The fields that all log records of a request share, while code inside the middleware runs.

In: fields, a response and `next`. Out: what `next` returns. The fields are set for the rest of the chain, for
the threads, coroutines and tasks that it starts, and for its stream. They are never set for the thread's next
request.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.logs import current_fields, fields_of, sent_request_id
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.streams import Begun
from apiroutes.types import Middleware

__all__ = ["call_with_fields", "log_context"]


def log_context() -> Middleware:
    """Add to each log record of a request its route, and the ids that the client sent.

    `request_id()` does the same, and gives every request an id.
    """
    return _log_context


@never_waits
def _log_context(req: Request, res: Response, next: Callable[[], Any]) -> Any:
    return call_with_fields(fields_of(req, sent_request_id(req.environ)), res, next)


_log_context.__qualname__ = log_context.__qualname__  # for `apiroutes routes`


def call_with_fields(fields: Mapping[str, str], res: Response, next: Callable[[], Any]) -> Any:
    """Call `next` so that all records inside have the fields. On an event loop, returns its coroutine."""
    token = current_fields.set(fields)
    try:
        result = next()
    finally:
        current_fields.reset(token)
    if hasattr(result, "__await__"):
        return _await_with_fields(fields, res, result)
    stream = res._stream
    if isinstance(stream, Begun) and not stream.is_empty:
        res._stream = _StreamWithFields(stream, fields)
    return result


async def _await_with_fields(fields: Mapping[str, str], res: Response, inside: Any) -> Any:
    token = current_fields.set(fields)
    try:
        result = await inside
    except BaseException:
        _reset(token)
        raise
    if res._stream is None:
        _reset(token)
    else:
        # The task that answers the request also iterates the chunks, in this context.
        res._call_at_end(lambda sent: _reset(token))
    return result


def _reset(token: Token[Mapping[str, str]]) -> None:
    with contextlib.suppress(ValueError):  # another context, which ends with its task
        current_fields.reset(token)


class _StreamWithFields(Begun):
    """A stream whose code logs with the fields; a server iterates it after the middleware has returned."""

    def __init__(self, stream: Begun, fields: Mapping[str, str]) -> None:
        super().__init__(stream, takes=False)
        self.is_empty = stream.is_empty
        self._fields = fields

    def __iter__(self) -> _StreamWithFields:
        return self

    def __next__(self) -> bytes:
        token = current_fields.set(self._fields)
        try:
            return super().__next__()
        finally:
            current_fields.reset(token)

    def close(self) -> None:
        """Close the stream; its code logs with the fields then, too."""
        token = current_fields.set(self._fields)
        try:
            super().close()
        finally:
            current_fields.reset(token)
