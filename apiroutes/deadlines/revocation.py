"""What deadlines of both kinds share: the request and response of a handler that can be taken from it.

In: the request and response of middleware and server. Out: a copy of one, the state of the other. Every use
of a revoked object raises MaxDurationExceeded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from apiroutes.errors import HandlerTimeout, MaxDurationExceeded
from apiroutes.response import Response
from apiroutes.response_head import UNTOUCHED
from apiroutes.response_hooks import call_hook
from apiroutes.types import HeaderList

__all__ = ["CLOSING", "copy_of", "give_back", "has_stream", "refuse_late", "reject", "timeout"]

# Seconds for a stream to clean up, even after the deadline.
CLOSING = 1.0

_OPEN_GATE: AbstractContextManager[object] = contextlib.nullcontext()


def copy_of(request: Any) -> Any:
    copy = object.__new__(type(request))
    vars(copy).update(vars(request))
    return copy


def has_stream(response: Response) -> bool:
    """Return whether the response is of more than content in memory, and sends it."""
    is_head = response.req.environ.get("REQUEST_METHOD") == "HEAD"
    return response._application is not None or (response._stream is not None and not is_head)


def timeout(seconds: float) -> HandlerTimeout:
    """Return the error of a handler that has not finished within so many seconds."""
    return HandlerTimeout(f"the handler did not finish within its maxDuration, {seconds:g} s")


def give_back(response: Response, request: Any, inner: Response, is_late: bool) -> None:
    """Give the response that is sent what the handler's request and response hold; revoke a late one's."""
    if is_late:
        _revoke(request)
        attributes = _revoke(inner)
        _revoke_computation(attributes)
        when_late = attributes.pop("_when_late", None)
        _adopt_before_handler(response, attributes)
        if when_late is not None:
            when_late(response)
    else:
        _adopt(response, inner)
    # Its body, to be closed. A revoked request can still be read like this.
    vars(response.req).update(object.__getattribute__(request, "__dict__"))


def _revoke_computation(attributes: dict[str, Any]) -> None:
    """Revoke what a handler computes with for the cache, and let another request compute."""
    computing = attributes.pop("_computing", None)
    if computing is not None:
        objects, give_up = computing
        for value in objects:
            _revoke(value)
        give_up()


def _adopt(response: Response, inner: Response) -> None:
    """Give the response that is sent the state of the handler's.

    They share it from here on: functions called before the head is sent may know the inner one.
    """
    outer = response.req, response._start_response
    response.__dict__ = vars(inner)
    response.req, response._start_response = outer
    if response._departure_calls:  # which the outer one may have been given
        response._is_unbuffered = True


def _adopt_before_handler(response: Response, attributes: dict[str, Any]) -> None:
    """Give the response the state that middleware has set, or that has been sent; drop the handler's."""
    outer = response.req, response._start_response
    vars(response).update(attributes)
    response.req, response._start_response = outer
    if not response._in_middleware and response._checkpoint is None:
        response._checkpoint = UNTOUCHED  # a handler without middleware
    response._in_middleware = True
    # They are closed where they ran.
    response._answered_error = response._stream = response._application = None
    if response._head_hooks is not None:
        response._head_hooks = [
            (_allowing_revoked(hook), is_middlewares) for hook, is_middlewares in response._head_hooks
        ]
    if response._write is None:
        response._discard_response()


def _allowing_revoked(hook: Callable[..., object]) -> Callable[[Response], None]:
    """Return a head hook that simply ends where it uses the revoked response."""

    def call(response: Response) -> None:
        with contextlib.suppress(MaxDurationExceeded):
            call_hook(hook, response)

    return call


def reject(self: object, *arguments: object) -> NoReturn:
    raise MaxDurationExceeded("maxDuration has passed, and the client has its response")


# By class, a subclass whose instances reject every use.
_revoked_classes: dict[type, type] = {}


def _revoked_class(cls: type) -> type:
    revoked = _revoked_classes.get(cls)
    if revoked is None:
        names = ("__getattribute__", "__setattr__", "__delattr__")
        revoked = _revoked_classes[cls] = type(cls.__name__, (cls,), dict.fromkeys(names, reject))
    return revoked


def _revoke(value: Any) -> dict[str, Any]:
    """Make every use of an object raise MaxDurationExceeded; return its attributes as they were.

    Its class is changed, so that a handler that is in time pays nothing.
    """
    object.__setattr__(value, "__class__", _revoked_class(type(value)))
    attributes: dict[str, Any] = object.__getattribute__(value, "__dict__")
    return attributes.copy()


def refuse_late(
    start_response: Callable[..., Any] | None,
    check: Callable[[], object],
    gate: AbstractContextManager[object] = _OPEN_GATE,
) -> Callable[..., Any]:
    """Return a start_response, and with it a `write`, that call `check` first, which refuses.

    Neither comes between another thread's steps behind the `gate`.
    """

    def start(status: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
        with gate:
            check()
            assert start_response is not None
            write: Callable[[bytes], object] | None = start_response(status, headers, *exc_info)
        if write is None:  # see `ServerResponse._begin`
            return None  # type: ignore[return-value]

        def write_in_time(chunk: bytes) -> object:
            check()
            return write(chunk)

        return write_in_time

    return start
