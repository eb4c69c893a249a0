"""Rate limits as middleware: `rate_limit` makes a step, which is bound to its project at start.

In: rates, and what they count. Out: middleware. Raises ValueError, TypeError and ImportError at start for
what cannot be counted, and ApiError 429 and 503 at a request.
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
from apiroutes.places import project_file
from apiroutes.rate_limits.limiter import Limiter
from apiroutes.rate_limits.opening import counters_of
from apiroutes.rates import By, Cost, IsFailure, Limit, limit_of
from apiroutes.request import Request
from apiroutes.response import Response
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
    """Answer 429 where there are more requests than `rate`, such as "100/minute", and each of `more`, allow.

    `by` is whose requests are counted together: "address" is the client's, "user" who is signed in, "key" the
    credential that was signed in with, "body.NAME" a field of a JSON object or a form, whatever its letter
    case, and a function of the request returns anything that has a text, or None for a request that is not
    limited. All routes with the same object, or with limits of the same
    `name`, share a count. `cost` is what a request counts, an int or a function of the request; 0 is free.

    With `failures_only` a request counts until its answer is no failure: below 400, or above 499, unless
    `is_failure` says of its status that it is one. So no more than `rate` can be tried at once.

    `store` ("sqlite", "memory", or the URL of a Redis) and `fail` ("open" or "closed") take the place of the
    settings `rate_limit_store` and `rate_limit_fail`. Raises ValueError and TypeError for what cannot be
    read, and ImportError without the extra `limits`.
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
    frame = sys._getframe(1)
    return RateLimit(limit, (frame.f_code.co_filename, frame.f_lineno))


def route_limits(limit: Limit | None, file: str) -> tuple[Middleware, ...]:
    """Return the middleware of the limit that the `config` of a route's file declares, if it does."""
    return () if limit is None else (RateLimit(limit, (file, None)),)


class RateLimit:
    """A limit that is to be bound to its project.

    `made_at` tells one without a name from others: a file and a line, or a route's file alone.
    """

    def __init__(self, limit: Limit, made_at: tuple[str, int | None]) -> None:
        self.__qualname__ = "rate_limit"
        self._limit = limit
        self._made_at = made_at

    def __call__(self, req: Request, res: Response, next: Callable[[], Any]) -> Any:
        raise RuntimeError("a rate limit runs as middleware of a project alone: give the object itself")

    def bind_to_project(self, root: Path, settings: Settings) -> Middleware:
        """Return the middleware that counts in the project's store."""
        limit = self._limit
        opened = counters_of(root, settings, limit.store)
        fail = settings.rate_limit_fail if limit.fail is None else limit.fail
        limiter = Limiter(limit, self._counted_as(root), opened, fail == "open")
        may_wait = not opened.counters.is_local or callable(limit.by) or callable(limit.cost)
        middleware = (
            _for_failures(limiter, limit.is_failure)
            if limit.failures_only
            else never_waits(_for_all(limiter, may_wait))
        )
        middleware.__qualname__ = "rate_limit"
        middleware.limits_requests = True  # type: ignore[attr-defined]
        middleware.may_be_unavailable = fail == "closed"  # type: ignore[attr-defined]
        middleware.counts_in_memory = opened.is_memory  # type: ignore[attr-defined]
        middleware.counts_users = limit.by in ("user", "key")  # type: ignore[attr-defined]
        return middleware

    def _counted_as(self, root: Path) -> str:
        """Return what tells this limit's counts from those of others, in all workers and on all machines."""
        limit = self._limit
        if limit.name is not None:
            return f"name:{limit.name}"
        file, line = self._made_at
        if line is not None:  # the others are relative already
            file = project_file(file, root) or file
        by = limit.by if isinstance(limit.by, str) else "function"
        counted = "failures" if limit.failures_only else "requests"
        return f"place:{file}:{line}:{by}:{counted}:{','.join(rate.text for rate in limit.rates)}"


def _for_all(limiter: Limiter, may_wait: bool) -> Middleware:
    admit = limiter.admit

    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        if may_wait and waiting.is_on_loop():
            return _admit_in_thread(limiter, req, res, next)
        admit(req, res)
        return next()

    return middleware


async def _admit_in_thread(limiter: Limiter, req: Request, res: Response, next: Callable[[], Any]) -> Any:
    """Call what may wait, functions of the project or a server, where it does not hold the event loop."""
    await coroutines.in_request_thread(limiter.admit, req, res)
    return await next()


def _for_failures(limiter: Limiter, is_failure: IsFailure) -> Middleware:
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        taken = limiter.admit(req, res)
        if taken is None:
            return next()
        try:
            result = next()
        except Exception as error:
            # A status that has left stands, whatever cuts the rest off.
            if not is_failure(res.status_code if res.headers_sent else _status_of(error)):
                limiter.give_back(taken, res)
            raise
        if not is_failure(res.status_code):
            limiter.give_back(taken, res)
        return result

    return middleware


def _status_of(error: Exception) -> int:
    """Return the status of the response that an exception becomes."""
    if isinstance(error, ApiError):
        return error.status
    if isinstance(error, HTTPException):
        return error.code or (500 if error.response is None else error.response.status_code)
    return 504 if isinstance(error, HandlerTimeout) else 500
