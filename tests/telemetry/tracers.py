"""Programs that serve requests under a real tracer, whose records they print as JSON, one a process.

Tracers change their whole process: `python -m tests.telemetry.tracers NAME DIRECTORY`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apiroutes import App
from apiroutes.errors import ResponseAborted
from apiroutes.middleware import from_wsgi
from tests.asgi_server import AsWSGI
from tests.support import call, project

SOURCE = """
from apiroutes import ApiError
def GET(id):
    if id == "broken":
        raise ValueError("broken")
    return {"id": id}
"""
REQUESTS = (
    ("GET", "/api/users/5"),
    ("HEAD", "/api/users/6"),
    ("GET", "/api/users/broken"),
    ("GET", "/nothing"),
)


def app_in(directory: str, **settings: Any) -> App:
    return App(project(Path(directory), {"pages/api/users/[id].py": SOURCE}), **settings)


def serve(application: Any) -> None:
    for method, target in REQUESTS:
        call(application, method, target)


def sentry(directory: str, interface: str) -> list[Any]:
    """Each event and transaction: its kind, name, source, and the class of its exception."""
    import sentry_sdk
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
    from sentry_sdk.transport import Transport

    sent: list[Any] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            for item in envelope.items:
                event = item.payload.json
                if event is not None and item.type in ("event", "transaction"):
                    kinds = [value["type"] for value in event.get("exception", {}).get("values", ())]
                    source = event.get("transaction_info", {}).get("source")
                    sent.append([item.type, event.get("transaction"), source, kinds])

    sentry_sdk.init("https://public@sentry.example/1", transport=Kept(), traces_sample_rate=1.0)
    if interface == "inside":
        serve(app_in(directory, middleware=[from_wsgi(SentryWsgiMiddleware)]))
    else:
        app = app_in(directory)
        serve(SentryWsgiMiddleware(app) if interface == "wsgi" else AsWSGI(SentryAsgiMiddleware(app.asgi)))
    sentry_sdk.flush()
    return sent


FAULTS = """
import asyncio, logging, threading
import sentry_sdk
gate = threading.Lock()
gate.acquire()
config = {"maxDuration": 0.2}
def note(kind):
    sentry_sdk.set_tag("tenant", "acme")
    sentry_sdk.set_user({"id": "42"})
    logging.getLogger("shop").warning("before the fault")
def GET():
    note("sync")
    raise ValueError("broken")
async def POST():
    note("async")
    raise ValueError("broken")
def PUT():
    note("late")
    gate.acquire(timeout=5)
async def PATCH():
    note("late")
    await asyncio.sleep(5)
def DELETE():
    note("stream")
    yield "a"
    raise ValueError("broken")
"""


def sentry_scope(directory: str, interface: str) -> list[Any]:
    """What each event tells of its request, with Sentry around the App, as the documents have it."""
    import sentry_sdk
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
    from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
    from sentry_sdk.transport import Transport

    sent: list[Any] = []
    traces: dict[str, str] = {}

    class Kept(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            for item in envelope.items:
                event = item.payload.json
                if item.type == "transaction":
                    traces[event["request"]["method"]] = event["contexts"]["trace"]["trace_id"]
                elif item.type == "event":
                    request = event.get("request", {})
                    crumbs = [
                        crumb.get("message") for crumb in event.get("breadcrumbs", {}).get("values", ())
                    ]
                    sent.append(
                        {
                            "method": request.get("method"),
                            "kinds": [
                                value["type"] for value in event.get("exception", {}).get("values", ())
                            ],
                            "tenant": event.get("tags", {}).get("tenant"),
                            "user": event.get("user", {}).get("id"),
                            "crumb": "before the fault" in crumbs,
                            "trace": event["contexts"]["trace"]["trace_id"],
                        }
                    )

    sentry_sdk.init(
        "https://public@sentry.example/1",
        transport=Kept(),
        traces_sample_rate=1.0,
        ignore_errors=[ResponseAborted],
    )
    root = project(Path(directory), {"pages/api/x.py": FAULTS})
    app = App(root)
    application: Any = (
        SentryWsgiMiddleware(app) if interface == "wsgi" else AsWSGI(SentryAsgiMiddleware(app.asgi))
    )
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        with contextlib.suppress(ResponseAborted, ConnectionError):
            call(application, method)
    sentry_sdk.flush()
    for event in sent:
        event["trace"] = event["trace"] in traces.values()
    return sent


def ddtrace(directory: str, interface: str) -> list[Any]:
    """The root span of each request: its resource, route and status."""
    from ddtrace.contrib import asgi, wsgi
    from ddtrace.trace import TraceFilter, tracer

    around_asgi: Any = asgi.TraceMiddleware
    around_wsgi: Any = wsgi.DDWSGIMiddleware
    roots: list[Any] = []

    class Kept(TraceFilter):
        def process_trace(self, trace: Any) -> None:
            for span in trace:
                if span.parent_id in (None, 0):
                    status = span.get_tag("http.status_code")
                    roots.append([span.resource, span.get_tag("http.route"), status])

    tracer.configure(trace_processors=[Kept()])
    app = app_in(directory)
    serve(AsWSGI(around_asgi(app.asgi)) if interface == "asgi" else around_wsgi(app))
    return roots


def elastic(directory: str, interface: str) -> list[Any]:
    """The name of each transaction."""
    import elasticapm
    from elasticapm.contrib.asgi import ASGITracingMiddleware
    from elasticapm.transport.base import Transport

    names: list[Any] = []

    class Kept(Transport):
        def queue(self, event_type: str, data: Any, flush: bool = False) -> None:
            if event_type == "transaction":
                names.append(data["name"])

        def start_thread(self, pid: int | None = None) -> None: ...

        def close(self) -> None: ...

    client: Any = elasticapm.Client(
        service_name="shop",
        transport_class="elasticapm.transport.base.Transport",
        metrics_interval="0ms",
        cloud_provider="none",
        central_config=False,
    )
    client._transport = Kept(client)
    app = app_in(directory)
    if interface == "asgi":
        serve(AsWSGI(ASGITracingMiddleware(app.asgi)))
    else:  # there is no middleware of theirs for WSGI: a project begins its transactions itself
        for method, target in REQUESTS:
            client.begin_transaction("request")
            call(app, method, target)
            client.end_transaction("what the program says")
    return names


def contrib(directory: str, interface: str) -> list[Any]:
    """The name and route of each span of OpenTelemetry's own middleware."""
    from opentelemetry import trace
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    if interface == "inside":
        serve(app_in(directory, middleware=[from_wsgi(OpenTelemetryMiddleware)]))
    else:
        serve(OpenTelemetryMiddleware(app_in(directory)))
    return [[span.name, (span.attributes or {}).get("http.route")] for span in exporter.get_finished_spans()]


def none(directory: str, interface: str) -> list[Any]:
    """Tracers that are imported, and not started, are not told: the look-up is the App's own."""
    import ddtrace.trace
    import elasticapm
    import sentry_sdk
    from opentelemetry import trace

    ddtrace.trace.tracer.enabled = False
    assert {elasticapm.__name__, sentry_sdk.__name__, trace.__name__} <= set(sys.modules)
    app = app_in(directory)
    app.start()
    return [app._look_up == app.lookup.find]


def broken(directory: str, interface: str) -> list[Any]:
    """A tracer whose API fails changes no answer."""
    import sentry_sdk

    sentry_sdk.init("https://public@sentry.example/1", transport=lambda event: None)
    app = app_in(directory)
    sentry_sdk.Scope.set_transaction_name = None  # type: ignore[method-assign,assignment]
    return [call(app, method, target).status for method, target in REQUESTS]


TRACERS: dict[str, Callable[[str, str], list[Any]]] = {
    "sentry": sentry,
    "sentry_scope": sentry_scope,
    "ddtrace": ddtrace,
    "elastic": elastic,
    "contrib": contrib,
    "none": none,
    "broken": broken,
}

if __name__ == "__main__":
    name, interface, directory = sys.argv[1:]
    sys.stdout.write(json.dumps(TRACERS[name](directory, interface)) + "\n")
