"""Sessions as middleware: `sessions()` gives the requests inside `req.session`.

In: how sessions are kept, and for how long. Out: a step, which costs a request next to nothing that does not
touch its session. Raises ValueError and TypeError for what cannot be kept like that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from apiroutes.handlers import reads_ambient_credentials
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.sessions.cookies import CookieOptions
from apiroutes.sessions.signed import SignedVisit
from apiroutes.stores import Lifetime

__all__ = ["Sessions", "sessions"]

_DAY = 24 * 60 * 60


def sessions(
    *,
    max_age: float | timedelta = 14 * _DAY,
    idle: float | timedelta | None = None,
    name: str | None = None,
    path: str = "/",
    domain: str | None = None,
    samesite: Literal["Lax", "Strict", "None"] = "Lax",
    secure: bool | None = None,
    csrf: bool = True,
) -> Sessions:
    """Give requests a session, `req.session`: a mapping that is kept from one request to the next.

    It is kept in a signed cookie, which the client can read and not change. `max_age` and `idle` are in
    seconds, or a timedelta: how long a session lasts after it began, and after it was last used. The cookie
    is called `__Host-session` over https and `session` over http, unless it has a `name`, a `path` or a
    `domain`; with `secure` None it is secure over https. `csrf=False` leaves out the check of where unsafe
    requests come from. Raises ValueError and TypeError for what browsers would refuse.
    """
    options = CookieOptions(name, path, domain, samesite, secure)
    lifetime = Lifetime(_seconds("max_age", max_age), None if idle is None else _seconds("idle", idle))
    step = Sessions(options, lifetime)
    return reads_ambient_credentials(step) if csrf else step


class Sessions:
    """The middleware that `sessions` returns."""

    never_waits = True  # on an event loop it ends with `return next()`

    def __init__(self, options: CookieOptions, lifetime: Lifetime) -> None:
        self.__qualname__ = sessions.__name__  # for `apiroutes routes`
        self.needs_secret_key = True
        self._options = options
        self._lifetime = lifetime

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        outer = req._open_session
        req._open_session = SignedVisit(req.environ, res, self._options, self._lifetime, req.secret_keys)
        return next() if outer is None else _call_inside(req, outer, next)


def _call_inside(req: Request, outer: Any, next: Callable[[], Any]) -> Any:
    """Call `next` with a session of its own, and leave the code outside with its own session."""
    result: Any = None
    try:
        result = next()
    finally:
        if not hasattr(result, "__await__"):
            req._open_session = outer
    return _await_inside(req, outer, result) if hasattr(result, "__await__") else result


async def _await_inside(req: Request, outer: Any, inside: Any) -> Any:
    try:
        return await inside
    finally:
        req._open_session = outer


def _seconds(name: str, value: float | timedelta) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, not {value!r}")
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be more than no time, and not for ever: {value!r}")
    return float(seconds)
