"""Sessions as middleware: `sessions()` gives the requests inside `req.session`.

In: how sessions are kept, and for how long. Out: a step, which costs next to nothing for a request that does
not touch its session. Raises ValueError, TypeError and ImportError for options that cannot work.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from apiroutes.concurrency import coroutines
from apiroutes.errors import shown
from apiroutes.handlers import reads_ambient_credentials
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.sessions.cookies import CookieOptions
from apiroutes.sessions.opening import sessions_at
from apiroutes.sessions.signed import SignedVisit
from apiroutes.sessions.stored import Keeping, StoredVisit, unavailable
from apiroutes.sessions.visits import Visit
from apiroutes.settings import Settings, StoreURL, read_store
from apiroutes.stores import Lifetime, StoreError, open_session_store
from apiroutes.threads import waiting

__all__ = ["Sessions", "sessions"]

_DAY = 24 * 60 * 60
_NO_STORE = (
    "a session in a signed cookie can only be ended by its own client: "
    'write `sessions(store="sqlite")`, or the URL of a Redis'
)
_UNUSED = (
    "no App uses this step, so it has no sessions to end. A file that imports middleware.py gets another "
    "copy of it: make the step in a module of its own, such as lib/visitors.py, which both import. Outside "
    "a server, `apiroutes shell -c 'from lib.visitors import visitors; visitors.end_all(...)'` has the App"
)
_NO_IDLE = (
    "a session in a signed cookie has no idle time: requests that only read it would have to write it, and "
    "would overwrite what others have changed meanwhile. "
    'Write `sessions(store="sqlite", idle=...)`, or leave `idle` out'
)


def sessions(
    *,
    store: str | None = None,
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

    It is kept in a signed cookie, which the client can read but not change, or in a store. Raises ValueError
    and TypeError for options that cannot work or that browsers would refuse, and ImportError for a Redis
    without the extra `redis`.

    Args:
        store: "sqlite" for the workers of one machine, the URL of a Redis, or "memory" for one process; None
            for the signed cookie, which needs the setting `secret_key`.
        max_age: How long a session lasts after it began or was rotated, in seconds or as a timedelta; by
            default 14 days. The server checks it.
        idle: How long an unused session lasts, in seconds or as a timedelta. It needs a store: with a cookie,
            each request that reads the session would have to write it, and a slow one would overwrite the
            sign-in of another.
        name: The cookie's name; None for `session`, which over https is `__Host-session` where `path` is "/"
            and there is no `domain`.
        path: The path below which the cookie is sent.
        domain: The domain to whose hosts the cookie is sent; None for the one host that sets it.
        samesite: "Lax", "Strict" or "None": whether requests from other sites contain the cookie.
        secure: Whether the cookie is sent only over https: True behind a proxy that says nothing about https;
            None for whether the request came by https. Put `proxy_fix()`, if you use it, before `sessions()`.
        csrf: Whether unsafe requests from other sites are refused, as by `csrf()`.
    """
    if not isinstance(csrf, bool):
        raise TypeError(f"csrf must be True or False, not {shown(csrf)}")
    options = CookieOptions(name, path, domain, samesite, secure)
    lifetime = Lifetime(_seconds("max_age", max_age), None if idle is None else _seconds("idle", idle))
    if lifetime.idle is not None and lifetime.idle > lifetime.whole:
        raise ValueError(f"idle is longer than max_age, which ends each session earlier: {shown(idle)}")
    step: Sessions
    if store is not None:
        step = StoredSessions(options, lifetime, _store(store))
    elif idle is not None:
        raise ValueError(_NO_IDLE)
    else:
        step = Sessions(options, lifetime)
    return reads_ambient_credentials(step) if csrf else step


class Sessions:
    """The middleware that `sessions` returns: sessions in a signed cookie."""

    def __init__(self, options: CookieOptions, lifetime: Lifetime) -> None:
        self.__qualname__ = sessions.__name__  # for `apiroutes routes`
        self.needs_secret_key = True
        self.never_waits = True  # on an event loop it ends with `return next()`
        self.session_cookie = options.public_name  # for documents
        self.options = options
        self.lifetime = lifetime

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        outer = req._open_session
        req._open_session = self.visit(req, res)
        return next() if outer is None else _call_inside(req, outer, next)

    def visit(self, req: Request, res: Response) -> Visit:
        """Return the visit of a request, which loads the session when it is called."""
        return SignedVisit(req.environ, res, self.options, self.lifetime.whole, req.secret_keys)

    def end_all(self, owner: str) -> int:
        """End every session of an owner, as after a new password; return how many there were.

        Once it has returned, nobody is signed in with one of them. It may wait for the store: on an event
        loop, write `await asyncio.to_thread(step.end_all, owner)`. Raises RuntimeError without a store, and
        ApiError 503 while the store fails.
        """
        raise RuntimeError(_NO_STORE)


class StoredSessions(Sessions):
    """The middleware that `sessions` returns for sessions in a store; each App has one bound to its own."""

    def __init__(self, options: CookieOptions, lifetime: Lifetime, store: str | StoreURL) -> None:
        super().__init__(options, lifetime)
        self.needs_secret_key = False
        self._store = store
        self._keeping: Keeping | None = None
        self.keeps_in_memory = False  # until that is known
        self._bound: weakref.WeakSet[StoredSessions] = weakref.WeakSet()

    def bind_to_project(self, root: Path, settings: Settings) -> StoredSessions:
        """Return the step that runs in a project, with the store of that project."""
        opened = sessions_at(self._store, root, settings)
        bound = type(self)(self.options, self.lifetime, self._store)
        bound.__dict__ = {**self.__dict__, **bound.__dict__}  # with its marks
        bound._keeping = Keeping(self.options, self.lifetime, opened)
        bound.keeps_in_memory = opened.is_memory
        self._bound.add(bound)
        return bound

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        outer = req._open_session
        req._open_session = visit = self.visit(req, res)
        call: Callable[[], Any] = next if outer is None else lambda: _call_inside(req, outer, next)
        is_on_loop = waiting.is_on_loop()
        # Code on an event loop cannot wait when it touches the session.
        if (is_on_loop or getattr(next, "runs_coroutines", False)) and visit.may_wait:
            if is_on_loop:
                return _fetch_and_call(visit, call)
            visit.fetch()
        return call()

    def visit(self, req: Request, res: Response) -> StoredVisit:
        assert self._keeping is not None
        return StoredVisit(req.environ, res, self._keeping)

    def end_all(self, owner: str) -> int:
        keepings = [step._keeping for step in (self, *self._bound) if step._keeping is not None]
        if not keepings:
            raise RuntimeError(_UNUSED)
        try:
            return sum(store.end_all(owner) for store in {keeping.store for keeping in keepings})
        except StoreError as error:
            raise unavailable() from error

    end_all.__doc__ = Sessions.end_all.__doc__


async def _fetch_and_call(visit: StoredVisit, call: Callable[[], Any]) -> Any:
    await coroutines.in_request_thread(visit.fetch)
    return await call()


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


def _store(value: str) -> str | StoreURL:
    try:
        store = read_store(value)
    except ValueError as error:
        raise ValueError(f"store: {error}") from None
    if isinstance(store, StoreURL):
        open_session_store(store.reveal(), Path(), prefix="")  # for its errors, which are raised here
    if store == "none":
        raise ValueError(
            "store: 'none' keeps nothing: leave it out, and sessions are kept in a signed cookie"
        )
    return store


def _seconds(name: str, value: float | timedelta) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, not {shown(value)}")
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be above zero and finite: {shown(value)}")
    return float(seconds)
