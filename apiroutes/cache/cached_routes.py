"""What all requests of a cached route have in common, and what the log tells its developers.

In: what the route declares, its handler's step. Out: verdicts on answers, and lines in the log, each once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from apiroutes.cache.headers import BYPASSED
from apiroutes.cache.response_cache import Cache
from apiroutes.cache.rules import Verdict, cache_control, judge
from apiroutes.cache.targets import Target, header_key, header_name
from apiroutes.handlers import CacheConfig, SecurityScheme
from apiroutes.response import Response
from apiroutes.types import Params

__all__ = ["CachedRoute", "Run"]

_log = logging.getLogger("apiroutes")

# A handler's step: it answers a request by its response.
Run = Callable[[Any], object]

_TOUCHED = (
    "%s: answers of %s are not stored, because the handler uses `%s`, which belongs to one request. Do not "
    "cache the route, or have middleware put what no answer depends on into `req.context`, and name it in "
    '`config["cache"]["context"]`'
)


class CachedRoute:
    """What all requests of a cached route have in common.

    `run` is the handler's step, and `recompute` the same step without a client, under the route's deadline.
    `asks` are the credentials that steps around it ask for, and `is_guarded` whether any do. `max_body` is
    the size in bytes of the largest answer that is stored.
    """

    def __init__(
        self,
        cache: Cache,
        config: CacheConfig,
        run: Run,
        recompute: Run,
        *,
        pattern: str,
        place: str,
        max_body: int,
        is_development: bool,
        is_guarded: bool,
        asks: Iterable[SecurityScheme] = (),
    ) -> None:
        self.cache = cache
        self.config = config
        self.run = run
        self._recompute = recompute
        self.pattern = pattern
        self.vary = tuple(sorted(map(header_key, config.vary)))
        self.is_guarded = is_guarded
        # By their keys in the environ, and of the query. Authorization is a credential for every route.
        self.secret_headers = tuple(header_key(name) for name in _names_in("header", asks))
        self.secret_query = tuple(
            name for name in _names_in("query", asks) if config.query is None or name in config.query
        )
        self._place = place
        self._max_body = max_body
        self._is_development = is_development
        self._told: set[str] = set()

    @property
    def in_background(self) -> CachedRoute:
        """The same route for computations without a client."""
        route = object.__new__(CachedRoute)
        vars(route).update(vars(self), run=self._recompute)
        return route

    def control(self, fresh: float, stale: float) -> str:
        """Return the Cache-Control of a stored answer without its own.

        A shared cache does not know the credentials that a guard asks for, and would answer without the
        guard.
        """
        return BYPASSED if self.is_guarded else cache_control(fresh, stale)

    @property
    def control_of_own(self) -> str:
        """The Cache-Control of an answer that is not stored, unless it has its own; "" for none."""
        return BYPASSED if self.is_guarded else ""

    def params_of(self, target: Target) -> Params | None:
        """Return the parameters in a path of the route; None for the path of another one.

        Middleware may change the parameters of a request.
        """
        match = self.cache.routes.match([*target.segments])
        return match[1] if match is not None and str(match[0].pattern) == self.pattern else None

    def judge(self, response: Response, size: int) -> Verdict:
        """Return the verdict on an answer that is complete in memory."""
        headers = {key: [value for _, value in response._lines_of(key)] for key in response._headers}
        config = self.config
        return judge(
            response._status,
            headers,
            size,
            revalidate=config.revalidate,
            stale=config.stale,
            statuses=config.statuses,
            max_size=self._max_body,
        )

    def tell_of_context(self, touched: str) -> None:
        """Warn once that answers are not stored because the handler uses what middleware has set."""
        if touched not in self._told:
            self._told.add(touched)
            # Record: A cached handler uses something that differs from request to request, such as
            # `req.session`; once for each route and name.
            _log.warning(_TOUCHED, self._place, self.pattern, touched)

    def tell_of_header(self, key: str) -> None:
        """Log once, in development, that answers are stored for each value of a header."""
        if self._is_development and key not in self._told:
            self._told.add(key)
            # Record: Development only: a cached handler reads a header, so there is an answer for each of its
            # values; once for each header.
            _log.info(
                "%s reads the header %s: its answers are stored for each value of it",
                self.pattern,
                header_name(key),
            )


def _names_in(place: str, asks: Iterable[SecurityScheme]) -> list[str]:
    """Return the names of the headers, or of the keys of the query, that hold credentials."""
    return [asked.scheme["name"] for asked in asks if asked.scheme.get("in") == place]
