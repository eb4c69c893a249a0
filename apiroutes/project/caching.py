"""Puts the cache into routes that declare one: inside all middleware, around body, dependencies and handler.

In: the steps of a route by method, and what it declares. Out: the steps of a route that is cached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiroutes.cache import Cache, CachedRoute, CachedStep, forwarded, set_status
from apiroutes.chain import Step, as_sync
from apiroutes.concurrency import HandlerThreads
from apiroutes.deadlines import with_deadline
from apiroutes.handlers import RouteModule
from apiroutes.settings import Settings

__all__ = ["cached_steps"]

_READING = ("GET", "HEAD")


def cached_steps(
    steps: Mapping[str, Step], module: RouteModule, cache: Cache, settings: Settings, threads: HandlerThreads
) -> dict[str, Step]:
    """Return the steps of a route by method, those of GET and HEAD answered by the cache."""
    config = module.config.cache
    if config is None:
        return dict(steps)
    reader = RouteModule.ANY if RouteModule.ANY in module.handlers else "GET"
    own = steps[reader]
    run = as_sync(own)
    seconds = module.config.max_duration
    route = CachedRoute(
        cache,
        config,
        run,
        run if seconds is None else with_deadline(run, seconds, threads),
        pattern=str(module.route.pattern),
        place=module.handlers[reader].place,
        max_body=settings.cache_max_body.bytes,
        is_development=settings.mode == "development",
    )
    answer = CachedStep(route, sends_status=settings.cache_status)
    if reader == RouteModule.ANY:
        answer = _by_method(answer, _forwarding(run, settings))
    cached = {reader: own._replace(call=answer, is_async=False, prepare=None, keeps_response=True)}
    for method, step in steps.items():
        if step is own:
            cached[method] = cached[reader]
        elif method in module.handlers:
            cached[method] = step._replace(
                call=_forwarding(as_sync(step), settings), is_async=False, prepare=None
            )
        else:
            cached[method] = step
    return cached


def _by_method(answer: Callable[[Any], None], others: Callable[[Any], None]) -> Any:
    """Return the call of a handler of all methods."""

    def call(response: Any) -> None:
        (answer if response.req.method in _READING else others)(response)

    return call


def _forwarding(run: Callable[[Any], Any], settings: Settings) -> Callable[[Any], None]:
    """Return a handler's step that the cache only forwards requests to."""

    def call(response: Any) -> None:
        if settings.cache_status:
            set_status(response, forwarded("method"))
        run(response)

    return call
