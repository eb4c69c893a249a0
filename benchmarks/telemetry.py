"""The telemetry that a project switches on, each in an App of its own: what does it add to a request?

Without OpenTelemetry's SDK or prometheus_client their variants are left out. The SDK is that of the process,
and exports to nowhere: a batch of spans costs a thread of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from apiroutes import App
from benchmarks.workloads import Workload, WSGIApplication

# The settings of each variant, and what it needs.
_VARIANTS: dict[str, tuple[dict[str, Any], str]] = {
    "metrics_path": ({"metrics_path": "/metrics"}, "prometheus_client"),
    "telemetry, sampled": ({"telemetry": True}, "opentelemetry.sdk"),
    "telemetry, not sampled": ({"telemetry": True}, "opentelemetry.sdk"),
}
# A client that samples nothing: https://www.w3.org/TR/trace-context/#sampled-flag
_NOT_SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def telemetry_variants(
    root: str | Path, workload: Workload
) -> Iterator[tuple[str, Workload, WSGIApplication]]:
    """Yield the name, workload and application of each variant.

    Applications that have started before are not told to tracers, as they would be afterwards.
    """
    for name, (settings, module) in _VARIANTS.items():
        if _is_installed(module):
            if "telemetry" in settings:
                _configure_sdk()
            of_variant = _with_header(workload) if name.endswith("not sampled") else workload
            yield name, of_variant, App(root, **settings)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _configure_sdk() -> None:
    """Set the process's tracer provider, once; measurements go nowhere."""
    api: Any = import_module("opentelemetry.trace")
    sdk: Any = import_module("opentelemetry.sdk.trace")
    export: Any = import_module("opentelemetry.sdk.trace.export")
    if isinstance(api.get_tracer_provider(), sdk.TracerProvider):
        return

    class Nowhere(export.SpanExporter):  # type: ignore[misc]
        def export(self, spans: object) -> object:
            return export.SpanExportResult.SUCCESS

    provider = sdk.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(Nowhere()))
    api.set_tracer_provider(provider)


def _with_header(workload: Workload) -> Workload:
    requests = tuple(
        replace(request, environ={**request.environ, "HTTP_TRACEPARENT": _NOT_SAMPLED})
        for request in workload.requests
    )
    return replace(workload, requests=requests)
