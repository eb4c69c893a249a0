"""Composes what answers each route: its handlers inside their middleware, with their deadlines.

In: loaded modules and middleware. Out: a `Resource` for each route, by its file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from apiroutes.body import limits_of
from apiroutes.cache import Cache
from apiroutes.chain import Step, as_coroutine, as_sync, compose
from apiroutes.concurrency import HandlerThreads, coroutines
from apiroutes.deadlines import with_deadline, with_deadline_on_loop
from apiroutes.endpoint import CheckedEndpoint, Endpoint
from apiroutes.explainer import Explainer
from apiroutes.handlers import ModuleLoader, RouteModule
from apiroutes.project.binding import StepBinder
from apiroutes.project.caching import step_maker
from apiroutes.project.cross_site import protected, protected_route
from apiroutes.project.middleware import LoadedDirectory, dependencies_around
from apiroutes.project.mistakes import Mistakes
from apiroutes.rate_limits import route_limits
from apiroutes.readiness import request_replacement
from apiroutes.resources import LoopRun, Resource, Run
from apiroutes.routing import RouteTree
from apiroutes.settings import Settings
from apiroutes.telemetry import with_child_spans
from apiroutes.types import Middleware

__all__ = ["compose_resources", "explaining_resources"]

_NO_METHODS: Mapping[str, Run] = {}
_NONE_ON_LOOP: Mapping[str, LoopRun | None] = {}


def compose_resources(
    routes: RouteTree,
    settings: Settings,
    loader: ModuleLoader,
    around: Mapping[str, tuple[Middleware, ...]],
    directories: Sequence[LoadedDirectory],
    mistakes: Mistakes,
    cache: Cache,
    binder: StepBinder,
) -> dict[str, Resource]:
    """Load every route, and compose what answers it inside its middleware, by the route's file."""
    threads = HandlerThreads(settings.max_abandoned_handlers, settings.abandon_timeout)
    coroutines.configure(
        abandon_timeout=settings.abandon_timeout,
        reports_blocking=settings.mode == "development",
        on_blocked=request_replacement,
    )
    resources = {}
    for route in routes.walk():
        with mistakes.in_route(route.file).collecting():
            module = binder.bind_module(loader.load(route, dependencies_around(route, directories)))
            limits = binder.bind(route_limits(module.config.rate_limit, route.file))
            outside = (*around[route.file], *limits, *module.middleware)
            middleware, module = protected_route(outside, module)
            resources[route.file] = _resource(module, settings, middleware, threads, cache)
    return resources


def explaining_resources(
    routes: RouteTree,
    settings: Settings,
    around: Mapping[str, tuple[Middleware, ...]],
    mistakes: Mistakes,
    explainer: Explainer | None,
) -> dict[str, Resource]:
    """Return resources that explain why routes cannot be served; none without an explainer.

    The middleware of their directories is around them, or a page of another origin could not read the
    explanation.
    """
    resources: dict[str, Resource] = {}
    if explainer is None:
        return resources
    for route in routes.walk():
        problems = mistakes.breaking(route.file)
        if problems:
            middleware = protected(around[route.file])
            step = Step(partial(explainer.write_problems, problems), never_waits=True)
            resources[route.file] = Resource(
                f"{route.pattern} ({route.file})",
                as_sync(compose(middleware, step)),
                limits_of(settings),
                pattern=str(route.pattern),
                middleware=middleware,
                mistakes=problems,
                others_on_loop=as_coroutine(middleware, step),
            )
    return resources


def _resource(
    module: RouteModule,
    settings: Settings,
    around: tuple[Middleware, ...],
    threads: HandlerThreads,
    cache: Cache,
) -> Resource:
    limits = limits_of(settings, size=module.config.size_limit, parse=module.config.parse_body)
    observed, chain = with_child_spans(module, around, settings)
    kind = CheckedEndpoint if settings.mode == "development" else Endpoint
    endpoint = kind(observed, limits, step_maker(observed, around, cache, settings, threads))
    runs, on_loop = _runs(endpoint, chain, threads)
    return Resource(
        name=f"{endpoint.pattern} ({module.route.file})",
        other_methods=runs.pop(RouteModule.ANY),
        others_on_loop=on_loop.pop(RouteModule.ANY),
        limits=limits,
        # Values that many routes share are one object, such as the limits.
        by_method=runs or _NO_METHODS,
        on_loop=on_loop if any(on_loop.values()) else _NONE_ON_LOOP,
        pattern=endpoint.pattern,
        module=module,
        middleware=around,
        planned=tuple(endpoint.planned),
    )


def _runs(
    endpoint: Endpoint, chain: Sequence[Middleware], threads: HandlerThreads
) -> tuple[dict[str, Run], dict[str, LoopRun | None]]:
    """Return the functions that answer each method, in a thread and on an event loop, within the deadline."""
    runs: dict[str, Run] = {method: as_sync(compose(chain, step)) for method, step in endpoint.steps.items()}
    on_loop: dict[str, LoopRun | None] = {
        method: as_coroutine(chain, step) for method, step in endpoint.steps.items()
    }
    seconds = endpoint.module.config.max_duration
    if seconds is None:
        return runs, on_loop
    return (
        {method: with_deadline(run, seconds, threads) for method, run in runs.items()},
        {method: run and with_deadline_on_loop(run, seconds, threads) for method, run in on_loop.items()},
    )
