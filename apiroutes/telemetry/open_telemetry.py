"""A server span for each request, and its metrics, by OpenTelemetry's API. It needs the extra `otel`.

In: requests. Out: spans and measurements for whatever SDK the project has configured; without one they go
nowhere. Raises nothing: a request never fails for its telemetry. Names and attributes are those of the stable
conventions, in `conventions`.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, StatusCode

from apiroutes.concurrency import coroutines
from apiroutes.logs import text_of_exception
from apiroutes.response_state import OPEN
from apiroutes.streams import close
from apiroutes.telemetry.conventions import (
    DURATION_BUCKETS,
    Attributes,
    known_methods,
    method_of,
    name_of_error,
    protocol_version,
    request_attributes,
    route_below,
    span_name,
)
from apiroutes.telemetry.observed import Begin
from apiroutes.types import Environ
from apiroutes.version import __version__

__all__ = ["observer", "record_fault"]

_log = logging.getLogger("apiroutes")

_NAME = "apiroutes"
# Of the conventions that spans and metrics follow.
_SCHEMA = "https://opentelemetry.io/schemas/1.26.0"

# The environ's key of what is observed of its request.
_OBSERVED = "apiroutes.telemetry"

# Attributes of measurements that are kept for a route and method; statuses and classes of errors are few.
_MOST_KEPT = 256


def observer() -> Callable[[str | None], Begin]:
    """Return what makes the beginning of each request of a route, by its pattern.

    The project has configured its SDK by then; that it has not is logged.
    """
    if not _is_configured():
        _warn_once()
    instruments, known = _instruments(), known_methods()
    return lambda pattern: _Route(pattern, instruments, known).begin


def _is_configured() -> bool:
    """Return whether there is a provider of spans or metrics, which those of the API stand in for."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return True
    meters = type(metrics.get_meter_provider())  # the stand-in's class is not public
    return (meters.__module__, meters.__name__) != ("opentelemetry.metrics._internal", "_ProxyMeterProvider")


@functools.cache
def _warn_once() -> None:
    # Record: The setting `telemetry` is set, but no provider is configured when the App starts.
    _log.warning(
        "`telemetry` is set, but no OpenTelemetry SDK is configured: spans and metrics go nowhere. Call "
        "`trace.set_tracer_provider(...)` in `register` of instrumentation.py, or remove the setting; see "
        "docs/telemetry.md"
    )


class _Instruments:
    """The tracer, and what measures; each is made once in a process, and serves all its Apps."""

    def __init__(self) -> None:
        self.start_span = trace.get_tracer(_NAME, __version__, schema_url=_SCHEMA).start_span
        meter = metrics.get_meter(_NAME, __version__, schema_url=_SCHEMA)
        self.record_duration = meter.create_histogram(
            "http.server.request.duration",
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        ).record
        self._active: dict[tuple[str, str], int] = {}  # requests, by method and scheme
        self._changing = threading.Lock()
        # It is asked for when metrics are collected: two additions would cost a request 10 µs.
        meter.create_observable_up_down_counter(
            "http.server.active_requests",
            callbacks=[self._observe_active],
            unit="{request}",
            description="Number of active HTTP server requests.",
        )

    def count_active(self, key: tuple[str, str], change: int) -> None:
        """Note that a request of this method and scheme has begun (1) or ended (-1)."""
        with self._changing:
            self._active[key] = self._active.get(key, 0) + change

    def _observe_active(self, options: object) -> Iterator[metrics.Observation]:
        with self._changing:
            active = list(self._active.items())
        for (method, scheme), number in active:
            yield metrics.Observation(number, {"http.request.method": method, "url.scheme": scheme})


_made: list[_Instruments] = []
_making = threading.Lock()


def _instruments() -> _Instruments:
    with _making:
        if not _made:
            _made.append(_Instruments())
        return _made[0]


class _Headers(Getter[Environ]):
    """Reads the headers of an environ for propagators."""

    def get(self, carrier: Environ, key: str) -> list[str] | None:
        value = carrier.get("HTTP_" + key.upper().replace("-", "_"))
        return None if value is None else [value]

    def keys(self, carrier: Environ) -> list[str]:
        return [key[5:].lower().replace("_", "-") for key in carrier if key.startswith("HTTP_")]


_headers = _Headers()


class _Operation:
    """What is the same for all requests of a method and route, below one mount."""

    def __init__(self, method: str, original: str, route: str | None) -> None:
        self.method = method
        self.name = span_name(method, route)
        self.of_span: Attributes = {"http.request.method": method}
        self.of_metric: Attributes = {"http.request.method": method}
        if method != original:
            self.of_span["http.request.method_original"] = original
        if route is not None:
            self.of_span["http.route"] = self.of_metric["http.route"] = route
        self._measured: dict[tuple[Any, ...], Attributes] = {}

    def measured(self, status: int | None, scheme: str, version: str, error: str | None) -> Attributes:
        """Return the attributes of a request's duration."""
        key = status, scheme, version, error
        attributes = self._measured.get(key)
        if attributes is None:
            attributes = {**self.of_metric, "url.scheme": scheme}
            if status is not None:
                attributes["http.response.status_code"] = status
            if version:
                attributes["network.protocol.version"] = version
            if error is not None:
                attributes["error.type"] = error
            if len(self._measured) < _MOST_KEPT:
                self._measured[key] = attributes
        return attributes


class _Route:
    """Begins the requests of one route, or those without a route."""

    def __init__(self, pattern: str | None, instruments: _Instruments, known: frozenset[str]) -> None:
        self._pattern = pattern
        self._instruments = instruments
        self._known = known
        self._operations: dict[tuple[str, str], _Operation] = {}

    def begin(self, response: Any) -> None:
        environ: Environ = response.req.environ
        key = environ["REQUEST_METHOD"], environ.get("SCRIPT_NAME") or ""
        operation = self._operations.get(key) or self._make(*key)
        try:
            observed = _Observed(operation, self._instruments, environ)
        except Exception:  # of a sampler, a processor or a propagator
            # Record: OpenTelemetry has raised an exception at the start of a request, which is answered
            # anyway.
            _log.warning("the span of a request could not be started", exc_info=True)
            return
        environ[_OBSERVED] = observed
        response._call_at_end(observed.end, observed.surround, observed.resume)

    def _make(self, sent: str, mount: str) -> _Operation:
        operation = _Operation(method_of(sent, self._known), sent, route_below(mount, self._pattern))
        if sent in self._known and len(self._operations) < _MOST_KEPT:
            self._operations[sent, mount] = operation
        return operation


class _Observed:
    """One request: its span, which is current until the server has the response."""

    __slots__ = (
        "_active",
        "_began",
        "_context",
        "_error",
        "_instruments",
        "_is_entered",
        "_operation",
        "_outer",
        "_scheme",
        "_span",
        "_version",
    )

    def __init__(self, operation: _Operation, instruments: _Instruments, environ: Environ) -> None:
        self._operation = operation
        self._instruments = instruments
        self._error: str | None = None
        attributes = request_attributes(environ)
        self._scheme: str = attributes["url.scheme"]
        attributes.update(operation.of_span)
        self._version = protocol_version(environ)
        if self._version:
            attributes["network.protocol.version"] = self._version
        self._outer = contexts.get_current()
        parent, kind = _parent_of(environ, self._outer)
        self._span: Span = instruments.start_span(operation.name, parent, kind, attributes)
        self._context = trace.set_span_in_context(self._span, parent)
        self._active = operation.method, self._scheme
        instruments.count_active(self._active, 1)
        contexts.attach(self._context)
        self._is_entered = True
        self._began = time.perf_counter()

    # The context before is attached again, rather than ours detached by its token: a token is only good in
    # the thread and task that it was made in, and a handler may have left contexts of its own attached.

    def _leave(self) -> None:
        if self._is_entered:
            self._is_entered = False
            contexts.attach(self._outer)

    def resume(self) -> None:
        """Make the span current for what is logged of the request at its end, in whichever thread."""
        if not self._is_entered:
            self._outer = contexts.get_current()
            contexts.attach(self._context)
            self._is_entered = True

    def surround(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Return chunks that are made in the request's context, whichever thread takes them."""
        # What a task takes on its own loop stays in that task's context.
        if getattr(chunks, "async_chunks", None) is None or not coroutines.is_on_server_loop():
            self._leave()
        return _Surrounded(chunks, self._context)

    def record_fault(self, error: BaseException) -> None:
        """Note the first fault of the request, with its traceback."""
        if self._error is None:
            self._error = name_of_error(error)
            if self._span.is_recording():
                try:
                    self._span.record_exception(error, _in_words_of_the_project(error, self._error))
                except Exception:  # of an exception that cannot be shown as text
                    self._span.add_event("exception", {"exception.type": self._error})

    def end(self, response: Any) -> None:
        """End the span, and measure the request; the response is as it was sent."""
        try:
            self._end(response)
        except Exception:
            # Record: OpenTelemetry has raised an exception at the end of a request.
            _log.warning("the span of a request could not be ended", exc_info=True)
        finally:
            self._instruments.count_active(self._active, -1)
            self._leave()

    def _end(self, response: Any) -> None:
        operation, span, environ = self._operation, self._span, response.req.environ
        status = response.status_code if response._state > OPEN else None
        if self._error is None:
            self._error = _error_of(status)
        if span.is_recording():
            if _PROXIED in environ:
                span.set_attributes(_given_by_proxies(environ))
            if status is not None:
                span.set_attribute("http.response.status_code", status)
            if self._error is not None:
                span.set_attribute("error.type", self._error)
                span.set_status(StatusCode.ERROR)
        scheme = environ.get("wsgi.url_scheme", self._scheme)  # as proxies have it
        attributes = operation.measured(status, scheme, self._version, self._error)
        seconds = time.perf_counter() - self._began
        self._instruments.record_duration(seconds, attributes, self._context)
        span.end()


def _in_words_of_the_project(error: BaseException, name: str) -> Attributes:
    """Return attributes of an exception's event in which modules of the project have their files' names."""
    shown = text_of_exception((type(error), error, error.__traceback__))
    return {"exception.type": name, "exception.stacktrace": shown}


# Where the middleware `proxy_fix` keeps what the environ said before.
_PROXIED = "werkzeug.proxy_fix.orig"


def _given_by_proxies(environ: Environ) -> Attributes:
    """Return the attributes that proxies know better: the client, and what it has called."""
    names = ("client.address", "server.address", "server.port", "url.scheme")
    attributes = request_attributes(environ)
    return {name: attributes[name] for name in names if name in attributes}


def _parent_of(environ: Environ, outer: Context) -> tuple[Context, SpanKind]:
    """Return what a request's span is a child of, and the kind that makes it.

    Where another instrumentation around the App has begun a span, that is the server's.
    """
    span = trace.get_current_span(outer)
    if span is trace.INVALID_SPAN:
        return propagate.extract(environ, outer, _headers), SpanKind.SERVER
    found = span.get_span_context()
    if found.is_valid and found.trace_flags.sampled and not (span.is_recording() or found.is_remote):
        # It has ended: it was left behind in the context of an earlier request.
        return propagate.extract(environ, Context(), _headers), SpanKind.SERVER
    return outer, SpanKind.INTERNAL


def _error_of(status: int | None) -> str | None:
    """Return `error.type` of a request without a fault: a 5xx by its number, or what has ended it."""
    if status is None:
        error = sys.exc_info()[1]
        return "_OTHER" if error is None else name_of_error(error)
    return str(status) if status >= 500 else None


class _Surrounded:
    """Chunks for the server, each made with a context attached, as is the end."""

    def __init__(self, chunks: Iterable[bytes], context: Context) -> None:
        self._chunks = chunks
        self._iterator = iter(chunks)
        self._context = context
        self.async_chunks = getattr(chunks, "async_chunks", None)

    def __iter__(self) -> _Surrounded:
        return self

    def __next__(self) -> bytes:
        outer = contexts.get_current()
        contexts.attach(self._context)
        try:
            return next(self._iterator)
        finally:
            contexts.attach(outer)

    def close(self) -> None:
        outer = contexts.get_current()
        contexts.attach(self._context)
        try:
            close(self._chunks)
        finally:
            contexts.attach(outer)


def record_fault(error: BaseException, request: Any, event: str) -> None:
    """Note a fault that has been logged in its request's span."""
    observed = request.environ.get(_OBSERVED)
    if observed is not None:
        observed.record_fault(error)
