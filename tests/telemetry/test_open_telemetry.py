"""Spans and metrics by OpenTelemetry's API, as its SDK exports them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode

from apiroutes import App
from apiroutes.errors import ResponseAborted
from apiroutes.logging import RequestFilter
from apiroutes.middleware import access_log, proxy_fix, request_id
from tests.asgi_server import Connection, scope_of
from tests.support import WSGIApplication, app_of, call, environ
from tests.telemetry.conftest import Exported

Through = Callable[[App], WSGIApplication]

# The advice of the convention, in seconds.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

USER = "def GET(id):\n    return {'id': id}\n"

# A handler that tells which span is current, and which baggage.
SPAN_IDS = """
from opentelemetry import baggage, trace
def now():
    return f"{trace.get_current_span().get_span_context().span_id:x}"
"""

REMOTE = [
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ("baggage", "tenant=blue"),
]


def attributes_of(exported: Exported) -> dict[str, Any]:
    return dict(exported.span().attributes or {})


def begun(app: WSGIApplication) -> Iterable[bytes]:
    """Return the content of a response that has not been sent yet."""
    return app(environ("GET"), lambda status, headers: lambda chunk: None)


def ids(exported: Exported) -> Any:
    """The ids of the one span: `trace_id` and `span_id`."""
    return exported.span().get_span_context()


def span_id(exported: Exported) -> str:
    return f"{ids(exported).span_id:x}"


# -- the span of a request


def test_a_span_tells_of_the_request_by_the_conventions(
    tmp_path: Path, exported: Exported, through: Through
) -> None:
    app = through(app_of(tmp_path, USER, "users/[id].py", telemetry=True))
    call(
        app,
        "GET",
        "/api/users/5?token=s3cret",
        headers=[("Host", "shop.example:8443"), ("User-Agent", "test/1")],
    )
    span = exported.span()
    assert (span.name, span.kind, span.parent) == ("GET /api/users/[id]", SpanKind.SERVER, None)
    assert span.status.status_code is StatusCode.UNSET
    assert attributes_of(exported) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/api/users/[id]",
        "url.path": "/api/users/5",
        "url.scheme": "http",
        "server.address": "shop.example",
        "server.port": 8443,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "test/1",
    }


@pytest.mark.parametrize(
    ("method", "target", "name", "status"),
    [
        ("HEAD", "/api/users/5", "HEAD /api/users/[id]", 200),
        ("POST", "/api/users/5", "POST /api/users/[id]", 405),
        ("OPTIONS", "/api/users/5", "OPTIONS /api/users/[id]", 204),
        ("GET", "/api/users/5/", "GET /api/users/[id]", 308),
        ("GET", "/api/users/%00", "GET /api/users/[id]", 400),
        ("GET", "/api/none", "GET", 404),
        ("GET", "/api/none%00", "GET", 400),
        ("GET", "/api/" + "x" * 9000, "GET", 414),
        ("PURGE", "/api/users/5", "HTTP /api/users/[id]", 405),
        ("PURGE", "/api/none", "HTTP", 404),
    ],
)
def test_every_answer_has_a_span(
    tmp_path: Path, exported: Exported, through: Through, method: str, target: str, name: str, status: int
) -> None:
    app = through(app_of(tmp_path, USER, "users/[id].py", telemetry=True))
    assert call(app, method, target).status == status
    assert exported.span().name == name
    assert exported.span().status.status_code is StatusCode.UNSET
    assert attributes_of(exported)["http.response.status_code"] == status
    assert "error.type" not in attributes_of(exported)


def test_a_method_that_is_not_known_is_an_attribute(tmp_path: Path, exported: Exported) -> None:
    call(app_of(tmp_path, USER, "users/[id].py", telemetry=True), "PURGE", "/api/users/5")
    attributes = attributes_of(exported)
    assert (attributes["http.request.method"], attributes["http.request.method_original"]) == (
        "_OTHER",
        "PURGE",
    )


def test_the_environment_lists_the_methods_that_are_known(
    tmp_path: Path, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PURGE,GET")
    app = app_of(tmp_path, USER, "users/[id].py", telemetry=True)
    call(app, "PURGE", "/api/users/5")
    call(app, "POST", "/api/users/5")
    assert [span.name for span in exported.spans] == ["PURGE /api/users/[id]", "HTTP /api/users/[id]"]


def test_a_mount_is_a_part_of_the_route(tmp_path: Path, exported: Exported, through: Through) -> None:
    app = through(app_of(tmp_path, USER, "users/[id].py", telemetry=True))
    call(app, "GET", "/api/users/5", SCRIPT_NAME="/shop", RAW_URI="/shop/api/users/5")
    assert exported.span().name == "GET /shop/api/users/[id]"
    assert attributes_of(exported)["url.path"] == "/shop/api/users/5"


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/api/users/a%20b", "/api/users/a%20b"),
        ("/api/users/é", "/api/users/%C3%A9"),
        ("/api/users/a:b", "/api/users/a:b"),
    ],
)
def test_the_path_is_that_of_a_uri(tmp_path: Path, exported: Exported, target: str, path: str) -> None:
    call(app_of(tmp_path, USER, "users/[id].py", telemetry=True), "GET", target)
    assert attributes_of(exported)["url.path"] == path


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("shop.example", "shop.example", 80),
        ("[::1]:8000", "::1", 8000),
        ("what is this", "localhost", None),
        ("evil.example:65535", "evil.example", 65535),
        ("evil.example:65536", "evil.example", None),
        ("[::1]:99999", "::1", None),
        (None, "localhost", None),
    ],
)
def test_the_server_is_the_host_that_was_asked(
    tmp_path: Path, exported: Exported, host: str | None, address: str, port: int | None
) -> None:
    call(app_of(tmp_path, USER, "users/[id].py", telemetry=True), "GET", "/api/users/5", HTTP_HOST=host)
    attributes = attributes_of(exported)
    assert (attributes["server.address"], attributes.get("server.port")) == (address, port)


def test_proxies_know_the_client_and_the_scheme_better(tmp_path: Path, exported: Exported) -> None:
    app = app_of(tmp_path, USER, "users/[id].py", telemetry=True, middleware=[proxy_fix(x_host=1)])
    forwarded = [
        ("X-Forwarded-For", "192.0.2.4"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
    ]
    call(app, "GET", "/api/users/5", headers=forwarded)
    attributes = attributes_of(exported)
    names = ("client.address", "url.scheme", "server.address", "server.port")
    assert [attributes[name] for name in names] == ["192.0.2.4", "https", "shop.example", 443]


@pytest.mark.parametrize("setting", ["readiness_path"])
def test_what_machines_ask_for_has_no_span(
    tmp_path: Path, exported: Exported, through: Through, setting: str
) -> None:
    app = through(app_of(tmp_path, USER, "users/[id].py", telemetry=True, **{setting: "/machine"}))
    assert call(app, "GET", "/machine").status == 200
    assert exported.spans == []


def test_telemetry_changes_no_answer(tmp_path: Path, exported: Exported, through: Through) -> None:
    """A handler without middleware may fail once it has responded; inside middleware that is a 500."""
    source = "def GET(res):\n    res.json({'is': 'sent'})\n    raise ValueError('late')\n"
    answers = [
        call(through(app_of(tmp_path / str(is_on), source, telemetry=is_on)), "GET")
        for is_on in (False, True)
    ]
    assert answers[0] == answers[1]
    assert answers[0].status == 200


# -- errors


@pytest.mark.parametrize("start", ["def", "async def"])
def test_a_fault_is_recorded_once(
    tmp_path: Path, exported: Exported, through: Through, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = f"class Broken(Exception): pass\n{start} GET():\n    raise Broken('why')\n"
    passes = [lambda req, res, next: next()]
    assert call(through(app_of(tmp_path, source, telemetry=True, middleware=passes)), "GET").status == 500
    span = exported.span()
    (event,) = span.events
    assert event.name == "exception"
    described = dict(event.attributes or {})
    assert (described["exception.type"], described["exception.message"]) == ("pages.api.x.Broken", "why")
    assert "pages.api.x.Broken: why" in str(described["exception.stacktrace"])
    assert "_apiroutes_project" not in str(described)
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(exported)["error.type"] == "pages.api.x.Broken"
    measured = {
        point.attributes.get("error.type") for point in exported.points("http.server.request.duration")
    }
    assert "pages.api.x.Broken" in measured
    assert attributes_of(exported)["http.response.status_code"] == 500


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(404, StatusCode.UNSET, None), (422, StatusCode.UNSET, None), (503, StatusCode.ERROR, "503")],
)
def test_an_api_error_is_an_error_of_the_server_from_500_on(
    tmp_path: Path, exported: Exported, status: int, code: StatusCode, error: str | None
) -> None:
    source = f"from apiroutes import ApiError\ndef GET():\n    raise ApiError({status})\n"
    assert call(app_of(tmp_path, source, telemetry=True), "GET").status == status
    assert exported.span().status.status_code is code
    assert attributes_of(exported).get("error.type") == error
    assert exported.span().events == ()


def test_an_exception_without_text_is_recorded_by_its_class(tmp_path: Path, exported: Exported) -> None:
    source = "class Odd(Exception):\n    def __str__(self): raise ValueError\ndef GET():\n    raise Odd\n"
    assert call(app_of(tmp_path, source, telemetry=True), "GET").status == 500
    (event,) = exported.span().events
    assert (event.attributes or {})["exception.type"] == "pages.api.x.Odd"


@pytest.mark.parametrize("start", ["def", "async def"])
def test_a_handler_past_its_max_duration_is_recorded_with_its_504(
    tmp_path: Path, exported: Exported, through: Through, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    wait = "await asyncio.sleep(60)" if start == "async def" else "gate.acquire(timeout=2)"
    source = (
        "import asyncio, threading\ngate = threading.Lock()\ngate.acquire()\n"
        f"config = {{'maxDuration': 0.05}}\n{start} GET():\n    {wait}\n"
    )
    assert call(through(app_of(tmp_path, source, telemetry=True)), "GET").status == 504
    span = exported.span()
    assert [event.name for event in span.events] == ["exception"]
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(exported)["http.response.status_code"] == 504
    assert attributes_of(exported)["error.type"] == "apiroutes.errors.HandlerTimeout"


LATE = "import asyncio, threading\ngate = threading.Lock()\ngate.acquire()\nconfig = {'maxDuration': 0.05}\n"
LOGGED = {
    "a value": "def GET():\n    return 1\n",
    "a fault": "def GET():\n    raise ValueError\n",
    "a stream": "def GET():\n    return iter(['a', 'b'])\n",
    "an async stream": "async def GET():\n    async def chunks():\n        yield 'a'\n    return chunks()\n",
    "a broken stream": "def GET():\n    yield 'a'\n    raise ValueError\n",
    "a late handler": f"{LATE}def GET():\n    gate.acquire(timeout=2)\n",
    "a late coroutine": f"{LATE}async def GET():\n    await asyncio.sleep(60)\n",
}


@pytest.mark.parametrize("source", LOGGED.values(), ids=list(LOGGED))
def test_every_record_of_a_request_has_its_trace(
    tmp_path: Path, exported: Exported, through: Through, source: str
) -> None:
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    kept, ours = Kept(), logging.getLogger("apiroutes")
    kept.addFilter(RequestFilter())
    level = ours.level
    ours.addHandler(kept)
    ours.setLevel(logging.INFO)
    try:
        app = app_of(tmp_path, source, telemetry=True, middleware=[request_id(), access_log()])
        with contextlib.suppress(ResponseAborted, ConnectionError):
            call(through(app), "GET")
    finally:
        ours.removeHandler(kept)
        ours.setLevel(level)
    found = [(record.name, vars(record)["trace_id"]) for record in records]
    assert "apiroutes.access" in [name for name, _ in found]
    assert {trace_id for _, trace_id in found} == {f"{ids(exported).trace_id:032x}"}


def test_refused_for_want_of_threads_is_counted_too(tmp_path: Path, exported: Exported) -> None:
    source = (
        "import threading\ngate = threading.Lock()\ngate.acquire()\n"
        "config = {'maxDuration': 0.05}\ndef GET():\n    gate.acquire(timeout=2)\n"
    )
    app = app_of(tmp_path, source, telemetry=True, max_abandoned_handlers=1)
    assert [call(app, "GET").status for _ in range(2)] == [504, 503]
    assert [(span.attributes or {})["http.response.status_code"] for span in exported.spans] == [504, 503]


def test_the_log_of_a_fault_is_written_inside_the_span(
    tmp_path: Path, exported: Exported, through: Through
) -> None:
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(  # type: ignore[method-assign]
        (record.name, f"{trace.get_current_span().get_span_context().span_id:x}")
    )
    loggers = [logging.getLogger(name) for name in ("apiroutes", "apiroutes.access")]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        source = "config = {'maxDuration': 60}\ndef GET():\n    raise ValueError\n"
        call(through(app_of(tmp_path, source, telemetry=True, middleware=[access_log()])), "GET")
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    assert {name for name, _ in seen} == {"apiroutes", "apiroutes.access"}
    assert {found for _, found in seen} == {span_id(exported)}


# -- the context of a request


@pytest.mark.parametrize("start", ["def", "async def"])
@pytest.mark.parametrize("config", ["", "config = {'maxDuration': 60}\n"])
def test_the_context_is_the_clients(
    tmp_path: Path, exported: Exported, through: Through, start: str, config: str
) -> None:
    source = SPAN_IDS + f"{config}{start} GET():\n    return [now(), baggage.get_baggage('tenant')]\n"
    answer = call(through(app_of(tmp_path, source, telemetry=True)), "GET", headers=REMOTE)
    span = exported.span()
    assert answer.json() == [span_id(exported), "blue"]
    assert span.parent is not None
    assert f"{span.parent.span_id:x}" == "b7ad6b7169203331"
    assert f"{ids(exported).trace_id:x}" == "af7651916cd43dd8448eb211c80319c"


STREAMS = {
    "a generator": "def GET():\n    yield now()\n    yield '\\n'\n    yield now()\n",
    "an async generator": "async def GET(res):\n    res.send(chunks())\n"
    "async def chunks():\n    yield now()\n    yield '\\n'\n    yield now()\n",
    "a plain generator of a coroutine": "async def GET(res):\n    res.send(chunks())\n"
    "def chunks():\n    yield now()\n    yield '\\n'\n    yield now()\n",
    "a WSGI application": "def GET():\n    return application\ndef application(environ, start_response):\n"
    "    start_response('200 OK', [])\n    return (part().encode() for part in (now, lambda: '\\n', now))\n",
    "`write`": "def GET(res):\n    res.write(now())\n    res.write('\\n')\n    res.write(now())\n"
    "    res.end()\n",
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("config", ["", "config = {'maxDuration': 60}\n"])
def test_a_stream_has_the_context_to_its_end(
    tmp_path: Path, exported: Exported, through: Through, kind: str, config: str
) -> None:
    app = through(app_of(tmp_path, SPAN_IDS + config + STREAMS[kind], telemetry=True))
    assert call(app, "GET").text.split("\n") == [span_id(exported)] * 2


def test_a_stream_leaves_no_context_between_its_chunks(tmp_path: Path, exported: Exported) -> None:
    """Another request of the same thread may come meanwhile."""
    app = app_of(tmp_path, SPAN_IDS + STREAMS["a generator"], telemetry=True)
    content: Any = begun(app)
    assert context.get_current() == {}
    next(iter(content))
    assert context.get_current() == {}
    assert exported.spans == []
    call(app, "GET")
    content.close()
    parents = [span.parent for span in exported.spans]
    assert parents == [None, None]


def test_a_client_that_leaves_ends_the_span(
    tmp_path: Path, exported: Exported, through: Through, caplog: pytest.LogCaptureFixture
) -> None:
    source = "def GET():\n    while True:\n        yield 'more'\n"
    content: Any = begun(through(app_of(tmp_path, source, telemetry=True)))
    next(iter(content))
    content.close()
    assert exported.span().status.status_code is StatusCode.UNSET
    assert attributes_of(exported)["http.response.status_code"] == 200


def test_a_stream_that_fails_is_a_fault(
    tmp_path: Path, exported: Exported, through: Through, caplog: pytest.LogCaptureFixture
) -> None:
    source = "def GET():\n    yield 'first'\n    raise ValueError('broken')\n"
    with pytest.raises(ResponseAborted):
        call(through(app_of(tmp_path, source, telemetry=True)), "GET")
    assert [event.name for event in exported.span().events] == ["exception"]
    assert attributes_of(exported)["error.type"] == "ValueError"
    assert attributes_of(exported)["http.response.status_code"] == 200


def test_a_context_that_a_handler_leaves_attached_goes_with_its_request(
    tmp_path: Path, exported: Exported
) -> None:
    source = (
        "from opentelemetry import baggage, context\n"
        "def GET():\n    context.attach(baggage.set_baggage('a', 'b'))\n    return {}\n"
    )
    call(app_of(tmp_path, source, telemetry=True), "GET")
    assert context.get_current() == {}


def test_inside_the_span_of_another_instrumentation_ours_is_its_child(
    tmp_path: Path, exported: Exported
) -> None:
    app = app_of(tmp_path, USER, "users/[id].py", telemetry=True)
    with trace.get_tracer("outer").start_as_current_span("outer", kind=SpanKind.SERVER) as outer:
        call(app, "GET", "/api/users/5", headers=REMOTE)
    inner = exported.spans[0]
    assert inner.kind is SpanKind.INTERNAL
    assert inner.parent == outer.get_span_context()


# -- metrics


def durations(exported: Exported, route: str) -> list[Any]:
    return [
        point
        for point in exported.points("http.server.request.duration")
        if point.attributes.get("http.route") == route
    ]


def test_the_duration_is_measured_by_route_method_and_status(
    tmp_path: Path, exported: Exported, through: Through
) -> None:
    source = "def GET():\n    return {}\ndef PUT():\n    raise ValueError\n"
    name = f"measured-{through.__name__}"
    app = through(app_of(tmp_path, source, f"{name}.py", telemetry=True))
    for method in ("GET", "GET", "PUT"):
        call(app, method, f"/api/{name}")
    common = {"http.route": f"/api/{name}", "network.protocol.version": "1.1", "url.scheme": "http"}
    got, failed = sorted(durations(exported, f"/api/{name}"), key=lambda point: -point.count)
    assert (got.count, failed.count) == (2, 1)
    assert dict(got.attributes) == {
        **common,
        "http.request.method": "GET",
        "http.response.status_code": 200,
    }
    assert dict(failed.attributes) == {
        **common,
        "http.request.method": "PUT",
        "http.response.status_code": 500,
        "error.type": "ValueError",
    }
    assert got.explicit_bounds == DURATION_BUCKETS


def test_a_measurement_has_the_trace_as_an_exemplar(tmp_path: Path, exported: Exported) -> None:
    call(app_of(tmp_path, USER, "exemplars/[id].py", telemetry=True), "GET", "/api/exemplars/5")
    (point,) = durations(exported, "/api/exemplars/[id]")
    (exemplar,) = point.exemplars
    assert exemplar.trace_id == ids(exported).trace_id


def test_active_requests_are_those_that_have_not_ended(tmp_path: Path, exported: Exported) -> None:
    def active() -> int:
        return sum(
            point.value
            for point in exported.points("http.server.active_requests")
            if dict(point.attributes) == {"http.request.method": "GET", "url.scheme": "http"}
        )

    app = app_of(tmp_path, "def GET():\n    yield 'a'\n    yield 'b'\n", telemetry=True)
    assert active() == 0
    content: Any = begun(app)
    assert active() == 1
    content.close()
    assert active() == 0


KINDS_ON_LOOP = {
    "a result": "async def GET():\n    return {}\n",
    "an async stream": STREAMS["an async generator"],
    "a plain stream": STREAMS["a plain generator of a coroutine"],
    "a fault": "async def GET():\n    raise ValueError\n",
    "a plain handler": "def GET():\n    return {}\n",
}


@pytest.mark.parametrize("kind", KINDS_ON_LOOP)
def test_requests_of_one_task_have_traces_of_their_own(tmp_path: Path, exported: Exported, kind: str) -> None:
    """As those that a test sends by an ASGI client, without a server that makes a task for each."""
    app = app_of(tmp_path, SPAN_IDS + KINDS_ON_LOOP[kind], telemetry=True)

    async def request_twice() -> None:
        for _ in range(2):
            connection = Connection()
            await app.asgi(scope_of(environ("GET")), connection.receive, connection.send)
            assert connection.is_complete

    asyncio.run(request_twice())
    assert [span.parent for span in exported.spans] == [None, None]
    assert len({span.context.trace_id for span in exported.spans if span.context}) == 2


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1", "1.0"), ("HTTP/1.0", "1.0"), ("HTTP/1.1", "1.1"), ("HTTP/2.0", "2"), ("HTTP/2", "2")],
)
def test_the_version_of_the_protocol_is_that_of_the_conventions(
    tmp_path: Path, exported: Exported, protocol: str, version: str
) -> None:
    app = app_of(tmp_path, USER, "users/[id].py", telemetry=True)
    call(app, "GET", "/api/users/5", SERVER_PROTOCOL=protocol)
    assert attributes_of(exported)["network.protocol.version"] == version
