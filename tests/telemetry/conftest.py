"""Fixtures of the tests of telemetry: OpenTelemetry's SDK with exporters that keep what they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from apiroutes import App
from tests.asgi_server import AsWSGI
from tests.support import WSGIApplication


@dataclass(frozen=True)
class Exported:
    """What has been exported since the test began."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def span(self) -> ReadableSpan:
        """The one span that has ended."""
        (span,) = self.spans
        return span

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@cache
def _sdk() -> Exported:
    """Configure the SDK, which a process does once."""
    exported = Exported(InMemorySpanExporter(), InMemoryMetricReader())
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exported.exporter))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([exported.reader]))
    return exported


@pytest.fixture
def exported() -> Iterator[Exported]:
    """OpenTelemetry's SDK. No test may leave a span in its thread's context."""
    found = _sdk()
    found.exporter.clear()
    yield found
    assert context.get_current() == {}


def over_wsgi(app: App) -> WSGIApplication:
    return app


def over_asgi(app: App) -> WSGIApplication:
    return AsWSGI(app.asgi)


@pytest.fixture(params=[over_wsgi, over_asgi])
def through(request: pytest.FixtureRequest) -> Callable[[App], WSGIApplication]:
    """Return an App as the WSGI application that a test calls, through either interface."""
    chosen: Callable[[App], WSGIApplication] = request.param
    return chosen
