"""Adds the cache to routes that declare one: inside all middleware, around body, dependencies and handler.

In: the handlers of a route, and its declared cache rules. Out: their steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.cache import Cache, CachedRoute, CachedStep, forwarded, revalidating, set_status
from apiroutes.chain import Step, as_sync
from apiroutes.concurrency import HandlerThreads
from apiroutes.deadlines import with_deadline
from apiroutes.endpoint import Endpoint, MakeStep
from apiroutes.guards import split_guards
from apiroutes.handler_steps import step_of
from apiroutes.handlers import CacheConfig, Handler, RouteModule
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = ["step_maker"]

_READING = ("GET", "HEAD")


def step_maker(
    module: RouteModule,
    around: Sequence[Middleware],
    cache: Cache,
    settings: Settings,
    threads: HandlerThreads,
) -> MakeStep:
    """Return what makes the steps of a route's handlers; the steps of GET or `handler` may be cached."""
    config = module.config.cache
    if config is None:
        return lambda endpoint, method, handler: step_of(endpoint, handler)
    return _CachedSteps(config, around, cache, settings, threads).make


class _CachedSteps:
    """The steps of a cached route. Its GET runs as a plain function, whatever its handler is."""

    def __init__(
        self,
        config: CacheConfig,
        around: Sequence[Middleware],
        cache: Cache,
        settings: Settings,
        threads: HandlerThreads,
    ) -> None:
        self._config = config
        self._around = around
        self._cache = cache
        self._settings = settings
        self._threads = threads

    def make(self, endpoint: Endpoint, method: str, handler: Handler) -> Step:
        """Return the step of the handler for a method."""
        if method not in ("GET", RouteModule.ANY):
            call = self._forwarding(as_sync(step_of(endpoint, handler)))
            return Step(call, False, handler.middleware, True)
        inner, around = split_guards(endpoint, handler)
        run = as_sync(step_of(endpoint, inner))
        answer = CachedStep(self._route(endpoint, handler, run), sends_status=self._settings.cache_status)
        if around is not None or method == RouteModule.ANY:
            call = answer if method == "GET" else _by_method(answer, self._forwarding(run))
            return Step(call if around is None else around(call), False, handler.middleware, True)
        return Step(answer, False, handler.middleware, True, answer_at_once=answer.answer_at_once)

    def _route(self, endpoint: Endpoint, handler: Handler, run: Callable[[Any], Any]) -> CachedRoute:
        seconds = endpoint.module.config.max_duration
        asks = handler.asks(self._around)
        return CachedRoute(
            self._cache,
            self._config,
            run,
            run if seconds is None else with_deadline(run, seconds, self._threads),
            pattern=endpoint.pattern,
            place=handler.place,
            max_body=self._settings.cache_max_body.bytes,
            is_development=self._settings.mode == "development",
            is_guarded=bool(asks) or handler.requires(self._around),
            asks=[scheme for asked in asks for scheme in asked.schemes],
        )

    def _forwarding(self, run: Callable[[Any], Any]) -> Callable[[Any], None]:
        """Return a step that lets every request pass, and tells the cache what may change its path."""
        sends_status = self._settings.cache_status
        run = revalidating(run, self._cache)

        def call(response: Any) -> None:
            if sends_status:
                set_status(response, forwarded("method"))
            run(response)

        return call


def _by_method(answer: Callable[[Any], None], others: Callable[[Any], None]) -> Any:
    """Return the call of a handler for all methods, two of which the cache answers."""

    def call(response: Any) -> None:
        (answer if response.req.method in _READING else others)(response)

    return call
