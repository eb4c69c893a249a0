"""The session of one request: loaded when it is touched, kept before the head of the response leaves.

In: the request's environ, its response. Out: the session, and a cookie for its changes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from apiroutes.response_hooks import at_once
from apiroutes.session import Session, SessionState
from apiroutes.sessions.cookies import Cookie
from apiroutes.types import Environ
from apiroutes.wsgi import PRIVATE

__all__ = ["Visit"]

_FAULT = 500
_VARY, _CONTROL = ("Vary", "Cookie"), ("Cache-Control", PRIVATE)


class Visit:
    """The session of one request; calling it touches the session.

    What is kept, and how, is up to each subclass. It refers weakly to the response, which refers to the
    request, which refers to this.
    """

    __slots__ = ("_response", "_session", "cookie", "environ", "state")

    # Called after `keep`, if that leaves something to do that may wait.
    write: Callable[[Any], None] | None = None

    cookie: Cookie
    state: SessionState

    def __init__(self, environ: Environ, response: Any) -> None:
        self.environ = environ
        self._response = weakref.ref(response)
        self._session: Session | None = None

    def __call__(self) -> Session:
        """Return the session. Raises ApiError 503 while a store fails."""
        if self._session is None:
            self.state = self.load()
            self._session = Session(self.state)
            response = self._response()
            if response is None or response._write is not None or response._has_ended:
                self.state.is_closed = True
            else:
                response._call_at_departure(self, self._leave)
                if self.write is not None:
                    response._call_at_departure((self, "write"), self.write)
        return self._session

    def load(self) -> SessionState:
        """Return what came with the request, or an empty session."""
        raise NotImplementedError

    def keep(self, response: Any) -> None:
        """Decide what is to be kept, and set the cookie. It never waits."""
        raise NotImplementedError

    def set_cookie(self, response: Any, line: str) -> None:
        """Have the response set the cookie."""
        response._append("set-cookie", "Set-Cookie", line)

    @at_once
    def _leave(self, response: Any) -> None:
        """Mark the response as one client's, and keep the changes, unless the request has failed."""
        self.state.is_closed = True
        _keep_private(response)
        if response._status < _FAULT:
            self.keep(response)


def _keep_private(response: Any) -> None:
    """Keep shared caches from storing the response for everybody (RFC 9111 section 7.3).

    The handler's own Cache-Control stays.
    """
    headers = response._headers
    if "vary" in headers:
        response._add_to_vary([_VARY])
    else:
        headers["vary"] = _VARY
    if headers.get("cache-control", response._shared_control) == response._shared_control:
        headers["cache-control"] = _CONTROL
