"""Spans, metrics, and the names of routes for tracers; the only room that knows OpenTelemetry and Prometheus.

In: an App's look-up. Out: a look-up that reports each request as the settings require. If they require
nothing, and no tracer is active, it is the same look-up, and no library is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext

from apiroutes.handlers import RouteModule
from apiroutes.request import Request
from apiroutes.resources import Resource
from apiroutes.settings import Settings
from apiroutes.telemetry.directory import with_directory
from apiroutes.telemetry.names import route_teller, with_names
from apiroutes.telemetry.observed import Find, Observer, observed
from apiroutes.types import Environ, Middleware

__all__ = [
    "WriteMetrics",
    "metrics_writer",
    "prepare_metrics",
    "with_child_spans",
    "with_metrics_directory",
    "with_telemetry",
]

# Given a request's environ, returns content and its media type.
WriteMetrics = Callable[[Environ], tuple[bytes, str]]


def with_telemetry(
    find: Find, settings: Settings, request: type[Request], unobserved: Iterable[Resource] = ()
) -> Find:
    """Return an App's look-up with the telemetry that the settings require, and route names for tracers.

    It is called when the App starts: what a project does to configure its SDK must have been done. The class
    of requests is given the observers of faults, and who is told the route. The resources `unobserved` are
    left alone.
    """
    observers: list[Observer] = []
    if settings.telemetry:
        from apiroutes.telemetry import open_telemetry

        observers.append(open_telemetry.observer())
        if open_telemetry.record_fault not in request._fault_observers:
            request._fault_observers += (open_telemetry.record_fault,)
    if settings.metrics_path is not None:
        from apiroutes.telemetry import prometheus

        observers.append(prometheus.observer())
    if observers:
        find = observed(find, observers, unobserved)
    tell = route_teller()
    request._route_listeners = () if tell is None else (tell,)
    return with_names(find, tell)


def with_child_spans(
    module: RouteModule, around: tuple[Middleware, ...], settings: Settings
) -> tuple[RouteModule, tuple[Middleware, ...]]:
    """Return a route's module and middleware in spans of their own, if the settings ask for that detail."""
    if settings.telemetry != "detailed":
        return module, around
    try:
        from apiroutes.telemetry import child_spans
    except ImportError:  # which is a problem of the project's start
        return module, around
    return child_spans.handlers_in_spans(module), tuple(map(child_spans.in_span, around))


def prepare_metrics(settings: Settings) -> None:
    """Prepare for the metrics of a project whose files are imported next, if the settings ask for metrics."""
    if settings.metrics_path is None:
        return
    try:
        from apiroutes.telemetry import prometheus
    except ImportError:  # which is a problem of the project's start
        return
    prometheus.prepare()


def metrics_writer() -> WriteMetrics:
    """Return a function that writes all workers' metrics in Prometheus's format. Raises ProjectError."""
    from apiroutes.telemetry import prometheus

    prometheus.require_names()
    return prometheus.write


@contextmanager
def with_metrics_directory(settings: Settings) -> Iterator[None]:
    """Let the processes that start in this block share their metrics, if the settings ask for metrics."""
    with with_directory() if settings.metrics_path is not None else nullcontext():
        yield
