"""The names of routes, for tracers around the App: Sentry, ddtrace, Elastic, OpenTelemetry's contrib.

In: an App's look-up. Out: a look-up that tells the route's pattern to those that the process has imported and
started. Nothing is imported for it, and an exception of theirs is logged and changes nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

from apiroutes.resources import Resource
from apiroutes.telemetry.conventions import known_methods, method_of, route_below, span_name
from apiroutes.telemetry.observed import Find
from apiroutes.types import Environ, Params

__all__ = ["route_teller", "with_names"]

_log = logging.getLogger("apiroutes")

# Called with a request's environ and the route's pattern; raises nothing.
Tell = Callable[[Environ, str], object]


def route_teller() -> Tell | None:
    """Return a function that tells a route's pattern to the tracers that are active; None without tracers."""
    tellers = tuple(_tellers())
    if not tellers:
        return None
    failed: set[Tell] = set()  # each is logged once

    def tell_all(environ: Environ, pattern: str) -> None:
        for tell in tellers:
            try:
                tell(environ, pattern)
            except Exception:
                if tell not in failed:
                    failed.add(tell)
                    # Record: Sentry, Datadog or Elastic has raised an exception when it was told the route;
                    # logged once for each.
                    _log.warning("a tracer could not be told the route", exc_info=True)

    return tell_all


def with_names(find: Find, tell: Tell | None) -> Find:
    """Return an App's look-up so that it tells each route's pattern, or itself if nobody is told."""
    if tell is None:
        return find

    def find_and_tell(environ: Environ) -> tuple[Resource | None, Params]:
        found = find(environ)
        resource = found[0]
        if resource is not None and resource.pattern is not None:
            tell(environ, resource.pattern)
        return found

    return find_and_tell


def _tellers() -> Iterator[Tell]:
    for name, make in _MAKERS.items():
        module = sys.modules.get(name)
        if module is not None:
            try:
                tell = make(module)
            except Exception:
                # Record: Sentry, Datadog or Elastic has raised an exception when it was asked at the start.
                _log.warning("the tracer %s could not be asked whether it is active", name, exc_info=True)
            else:
                if tell is not None:
                    yield tell


def _sentry(sentry: Any) -> Tell | None:
    """As its integrations of frameworks do, name the transaction by its pattern: the method is a tag."""
    if not sentry.get_client().is_active():
        return None
    return lambda environ, pattern: sentry.get_current_scope().set_transaction_name(pattern, source="route")


def _ddtrace(module: Any) -> Tell | None:
    tracer = module.tracer
    if not tracer.enabled:
        return None

    def tell(environ: Environ, pattern: str) -> None:
        span = tracer.current_root_span()
        if span is not None:
            span.resource = f"{environ['REQUEST_METHOD']} {pattern}"
            span.set_tag("http.route", pattern)

    return tell


def _elastic(elasticapm: Any) -> Tell | None:
    if elasticapm.get_client() is None:
        return None
    return lambda environ, pattern: elasticapm.set_transaction_name(f"{environ['REQUEST_METHOD']} {pattern}")


def _open_telemetry(trace: Any) -> Tell | None:
    """The span that is current at the look-up is that of a middleware around the App."""
    if isinstance(trace.get_tracer_provider(), (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        return None
    known = known_methods()

    def tell(environ: Environ, pattern: str) -> None:
        span = trace.get_current_span()
        if span.is_recording():
            route = route_below(environ.get("SCRIPT_NAME") or "", pattern)
            span.update_name(span_name(method_of(environ["REQUEST_METHOD"], known), route))
            span.set_attribute("http.route", route)

    return tell


# By the module that is imported where the tracer is in use.
_MAKERS: dict[str, Callable[[Any], Tell | None]] = {
    "sentry_sdk": _sentry,
    "ddtrace.trace": _ddtrace,
    "elasticapm": _elastic,
    "opentelemetry.trace": _open_telemetry,
}
