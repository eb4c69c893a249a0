"""Rate limits as middleware: `rate_limit` makes a step, which is bound to its project at start.

In: rates, and what they count. Out: middleware. Raises ValueError, TypeError and ImportError at start for
arguments that cannot be used, and ApiError 429 and 503 during a request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException

from apiroutes.chain import never_waits
from apiroutes.concurrency import coroutines
from apiroutes.errors import ApiError, HandlerTimeout
from apiroutes.rate_limits.limiter import Limiter, Taken
from apiroutes.rate_limits.opening import OpenedCounters, counters_of
from apiroutes.rate_limits.places import MadeAt, made_at, made_for_route, refuse_twins
from apiroutes.rates import KNOWN_AT_ONCE, By, Cost, IsFailure, Limit, limit_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_hooks import at_once
from apiroutes.settings import Settings
from apiroutes.threads import waiting
from apiroutes.types import Middleware

__all__ = ["RateLimit", "rate_limit", "route_limits"]


def rate_limit(
    rate: str,
    *more: str,
    by: By = "address",
    name: str | None = None,
    cost: Cost = 1,
    failures_only: bool = False,
    is_failure: IsFailure | None = None,
    store: str | None = None,
    fail: str | None = None,
) -> Middleware:
    """Answer 429 to requests beyond `rate`, such as "100/minute", or beyond one of the `more` rates.

    All routes that use the same object share a count. With `failures_only`, a request counts until it turns
    out to be no failure, so that no more than `rate` can be tried at once. Raises ValueError and TypeError
    for invalid arguments, and ImportError without the extra `limits`.

    Args:
        rate: The number of requests allowed in a period: "10/second", "100/minute", `"5 per 15 minutes"`.
        *more: Further rates, which apply as well.
        by: [Whose requests](rate-limits.md#who-is-counted) are counted together: "address" is the client's,
            "user" the signed-in user, "key" the credential used to sign in, "body.NAME" a field of a JSON
            object or a form. Or a function of the request, which returns a text or a number, or None for a
            request that is not limited.
        name: Limits with the same name share a count. Header fields contain the name, or `default` without
            one.
        cost: How much a request counts: an int, or a function of the request; 0 is free.
        failures_only: Whether [failures alone](rate-limits.md#sign-in-and-other-guesses) count: answers from
            400 to 499.
        is_failure: With `failures_only`, a function of the status code that returns whether it is a failure.
        store: "sqlite", "memory" or the URL of a Redis; None for the setting `rate_limit_store`.
        fail: Whether to admit ("open") or refuse ("closed") requests while the store fails; None for the
            setting `rate_limit_fail`.
    """
    limit = limit_of(
        (rate, *more),
        by=by,
        name=name,
        cost=cost,
        failures_only=failures_only,
        is_failure=is_failure,
        store=store,
        fail=fail,
    )
    return RateLimit(limit, made_at(sys._getframe(1), limit))


def route_limits(limit: Limit | None, file: str) -> tuple[Middleware, ...]:
    """Return the middleware of the limit in the `config` of a route's file, if there is one."""
    return () if limit is None else (RateLimit(limit, made_for_route(file)),)


class RateLimit:
    """A limit that is to be bound to its project. The place that makes it distinguishes it from others."""

    def __init__(self, limit: Limit, place: MadeAt) -> None:
        self.__qualname__ = "rate_limit"
        self._limit = limit
        self._place = place

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        raise RuntimeError(
            "a rate limit runs only as middleware of a project: use the object itself as middleware"
        )

    def bind_to_project(self, root: Path, settings: Settings) -> Middleware:
        """Return the middleware that counts in the project's store."""
        limit = self._limit
        opened = counters_of(root, settings, limit.store)
        fail = settings.rate_limit_fail if limit.fail is None else limit.fail
        limiter = Limiter(limit, self._counted_as(root, opened), opened, fail == "open")
        is_local = opened.counters.is_local
        may_wait = not is_local or callable(limit.cost) or limit.by not in KNOWN_AT_ONCE
        middleware = (
            _for_failures(limiter, limit.is_failure, is_local)
            if limit.failures_only
            else never_waits(_for_all(limiter, may_wait))
        )
        middleware.__qualname__ = "rate_limit"
        middleware.limits_requests = True  # type: ignore[attr-defined]
        middleware.limit = limit  # type: ignore[attr-defined]
        middleware.may_be_unavailable = fail == "closed"  # type: ignore[attr-defined]
        middleware.counts_in_memory = opened.is_memory  # type: ignore[attr-defined]
        middleware.counts_users = limit.by in ("user", "key")  # type: ignore[attr-defined]
        return middleware

    def _counted_as(self, root: Path, opened: OpenedCounters) -> str:
        """Return what keeps this limit's counts apart from others, in all workers and on all machines."""
        if self._limit.name is not None:
            return f"name:{self._limit.name}"
        name = self._place.name(root)
        known = opened.places.setdefault(name, self._place)
        if known is not self._place:
            refuse_twins(self._place, known, root)
        return name


def _for_all(limiter: Limiter, may_wait: bool) -> Middleware:
    admit = limiter.admit

    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        if may_wait and waiting.is_on_loop():
            return _admit_in_thread(limiter, req, res, next)
        admit(req, res)
        return next()

    return middleware


async def _admit_in_thread(limiter: Limiter, req: Request, res: Response, next: Callable[[], Any]) -> Any:
    """Call what may wait, such as a function of the project or a store, off the event loop."""
    await coroutines.in_request_thread(limiter.admit, req, res)
    return await next()


def _for_failures(limiter: Limiter, is_failure: IsFailure, is_local: bool) -> Middleware:
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        taken = limiter.admit(req, res)
        if taken is None:
            return next()
        attempt = Attempt(limiter, is_failure, taken)
        res._call_at_departure(attempt, attempt.settle_at_once if is_local else attempt.settle)
        try:
            result = next()
        except Exception as error:
            attempt.end(_status_of(error), res)
            raise
        attempt.end(res.status_code, res)
        return result

    return middleware


class Attempt:
    """One request of a limit that counts failures; it counts until it is known not to be a failure.

    It is a failure if its handler has failed, whatever middleware further out makes of the response, such as
    a redirect to the sign-in page. It is not a failure if the response is a server error, which says nothing
    about what the client has tried: a 504 of `maxDuration`, or an error in a step further out. A request
    without a response counts.
    """

    def __init__(self, limiter: Limiter, is_failure: IsFailure, taken: Taken) -> None:
        self._limiter = limiter
        self._is_failure = is_failure
        self._open = [taken]  # until it is decided
        self._has_failed = False

    def end(self, status: int, res: Response) -> None:
        """Note the status with which the steps inside have ended."""
        self._has_failed = self._is_failure(status)
        if not self._has_failed:
            self._give_back(res)

    def settle(self, res: Response) -> None:
        """Decide by the response whose head leaves now. Steps that end after a deadline change nothing."""
        status = res.status_code
        if (status < 500 and self._has_failed) or self._is_failure(status):
            self._open.clear()
        else:
            self._give_back(res)

    @at_once
    def settle_at_once(self, res: Response) -> None:
        """Decide without waiting, where counts are on this machine."""
        self.settle(res)

    def _give_back(self, res: Response) -> None:
        try:
            taken = self._open.pop()  # only once: a late handler may end in another thread meanwhile
        except IndexError:
            return
        self._limiter.give_back(taken, res)


def _status_of(error: Exception) -> int:
    """Return the status of the response to an exception."""
    if isinstance(error, ApiError):
        return error.status
    if isinstance(error, HTTPException):
        return error.code or (500 if error.response is None else error.response.status_code)
    return 504 if isinstance(error, HandlerTimeout) else 500
