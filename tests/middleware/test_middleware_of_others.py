"""WSGI middleware that others wrote, inside from_wsgi; each is skipped where its package is not installed."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware

from apiroutes import App, from_wsgi
from tests.support import call, project

ROUTE = """
from apiroutes import ApiError
def GET(req, res):
    do = req.query.get("do", "json")
    if do == "json": return {"text": "x" * 2000}
    if do == "404": raise ApiError(404, "gone")
    if do == "500": raise ValueError("fault")
    if do == "stream": return (part for part in ("a" * 1000, "b" * 1000))
    if do == "session":
        session = req.environ["beaker.session"]
        session["n"] = session.get("n", 0) + 1
        return {"n": session["n"]}
    if do == "remote": return {"remote": req.remote_addr}
def POST(body): return body
"""
FLASK = """
import flask
made = flask.Flask("made")
@made.get("/api/flask")
def view(): return flask.jsonify(said="flask"), 201
def GET(): return made
"""
ZIPPED = [("Accept-Encoding", "gzip")]


def whitenoise(static: Path) -> Any:
    package = pytest.importorskip("whitenoise")
    return from_wsgi(lambda application: package.WhiteNoise(application, root=str(static), prefix="/static"))


def gzipper(static: Path) -> Any:
    return from_wsgi(pytest.importorskip("paste.gzipper").middleware)


def beaker(static: Path) -> Any:
    middleware = pytest.importorskip("beaker.middleware").SessionMiddleware
    return from_wsgi(middleware, {"session.type": "memory", "session.auto": True, "session.key": "sid"})


def webob(static: Path) -> Any:
    dec = pytest.importorskip("webob.dec")

    @dec.wsgify.middleware  # type: ignore[untyped-decorator, unused-ignore]
    def stamped(request: Any, application: Any) -> Any:
        request.body  # noqa: B018  (which it reads and puts back)
        response = request.get_response(application)
        response.headers["X-Stamp"] = str(response.status_int)
        return response

    return from_wsgi(stamped)


def telemetry(static: Path) -> Any:
    module = pytest.importorskip("opentelemetry.instrumentation.wsgi")
    return from_wsgi(module.OpenTelemetryMiddleware)


def sentry(static: Path) -> Any:
    module = pytest.importorskip("sentry_sdk.integrations.wsgi")
    return from_wsgi(module.SentryWsgiMiddleware)


def lint(static: Path) -> Any:
    return from_wsgi(LintMiddleware)


def shared_data(static: Path) -> Any:
    return from_wsgi(SharedDataMiddleware, {"/static": str(static)})


def proxy(static: Path) -> Any:
    return from_wsgi(ProxyFix)


def mounted(environ: Any, start_response: Any) -> Any:
    start_response("202 Accepted", [("Content-Type", "text/plain")])
    return [b"mounted"]


def dispatcher(static: Path) -> Any:
    return from_wsgi(DispatcherMiddleware, {"/metrics": mounted})


def brotli(static: Path) -> Any:
    package = pytest.importorskip("brotli")

    def factory(application: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            heads: list[Any] = []
            content = application(environ, lambda *head: heads.append(head))
            packed = package.compress(b"".join(content))
            headers = [line for line in heads[0][1] if line[0].lower() != "content-length"]
            headers += [("Content-Encoding", "br"), ("Content-Length", str(len(packed)))]
            start_response(heads[0][0], headers)
            return [packed]

        return middleware

    return from_wsgi(factory)


THEIRS = [
    whitenoise,
    gzipper,
    beaker,
    webob,
    telemetry,
    sentry,
    lint,
    shared_data,
    proxy,
    dispatcher,
    brotli,
]
PLACES = ["project", "directory", "module", "twice"]


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "a.css").write_text("a { color: red }\n" * 100)
    return folder


def app_with(root: Path, static: Path, make: Callable[[Path], Any], place: str = "project") -> App:
    files = {"pages/api/x.py": ROUTE, "pages/api/flask.py": FLASK}
    steps = [make(static)] * (2 if place == "twice" and make is not lint else 1)
    if place in ("project", "twice"):
        return App(project(root, files), middleware=[note, *steps, note_async])
    line = "from tests.middleware.test_middleware_of_others import shelf\nmiddleware = shelf\n"
    shelf[:] = [note, *steps, note_async]
    if place == "directory":
        files["pages/api/_middleware.py"] = line
    else:
        files = {name: source + line for name, source in files.items()}
    return App(project(root, files))


# What a module of a project under test takes its middleware from.
shelf: list[Any] = []


def note(req: Any, res: Any, next: Any) -> None:
    res.set_header("X-Outer", "1").set_header("Vary", "Origin")
    next()
    res.set_header("X-Status", res.status_code)


async def note_async(req: Any, res: Any, next: Any) -> None:
    res.set_header("X-Inner", "1")
    await next()


REQUESTS: list[tuple[dict[str, Any], int]] = [
    ({}, 200),
    ({"method": "HEAD"}, 200),
    ({"target": "/api/x?do=404"}, 404),
    ({"target": "/api/x?do=500"}, 500),
    ({"target": "/api/x?do=stream"}, 200),
    ({"method": "POST", "headers": [("Content-Type", "application/json")], "body": b"[1, 2]"}, 200),
    ({"method": "POST", "headers": [("Content-Type", "application/json")], "body": b"["}, 400),
    ({"method": "PUT"}, 405),
    ({"target": "/api/x/"}, 308),
    ({"target": "/api/flask"}, 201),
    ({"headers": ZIPPED}, 200),
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Some of them set up logging of their own."""
    level = logging.getLogger("sentry_sdk.errors").level
    yield
    logging.getLogger("sentry_sdk.errors").setLevel(level)


@pytest.mark.filterwarnings("ignore:Absolute URLs required")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("make", THEIRS, ids=lambda make: make.__name__)
def test_well_known_wsgi_middleware_works_in_every_place(
    tmp_path: Path, static: Path, make: Callable[[Path], Any], place: str
) -> None:
    app = app_with(tmp_path / "project", static, make, place)
    bare = App(project(tmp_path / "bare", {"pages/api/x.py": ROUTE, "pages/api/flask.py": FLASK}))
    for request_, status in REQUESTS:
        answer, plain = call(app, **request_), call(bare, **request_)
        assert (request_, answer.status, answer.header("X-Outer")) == (request_, status, "1")
        if status not in (400, 404, 500):  # where the exception goes on
            assert answer.header("X-Status") == str(status)
        assert "Origin" in (answer.header("Vary") or "")
        encoding = answer.header("Content-Encoding")
        if request_.get("method") == "HEAD":
            assert answer.body == b""
        elif encoding is None:
            assert answer.body == plain.body
        elif encoding == "gzip" and make is gzipper and place != "twice":
            assert gzip.decompress(answer.body) == plain.body
        etag = answer.header("ETag")
        if status == 200 and etag is not None and request_.get("method") != "POST":
            again = {**request_, "headers": [*request_.get("headers", []), ("If-None-Match", etag)]}
            current = call(app, **again)
            assert (current.status, current.body, current.header("ETag")) == (304, b"", etag)
            assert current.header("X-Outer") == "1"


@pytest.mark.parametrize("make", [whitenoise, shared_data], ids=lambda make: make.__name__)
def test_static_files_are_served_whole_and_by_conditions(
    tmp_path: Path, static: Path, make: Callable[[Path], Any]
) -> None:
    app = app_with(tmp_path / "project", static, make)
    content = (static / "a.css").read_bytes()
    answer = call(app, target="/static/a.css")
    assert (answer.status, answer.body, answer.header("X-Outer")) == (200, content, "1")
    assert answer.header("X-Status") == "200"
    head = call(app, "HEAD", "/static/a.css")
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(content)))
    etag = answer.header("ETag") or ""
    current = call(app, target="/static/a.css", headers=[("If-None-Match", etag)])
    assert (current.status, current.body, current.header("ETag")) == (304, b"", etag)


def test_a_session_lasts(tmp_path: Path, static: Path) -> None:
    app = app_with(tmp_path / "project", static, beaker)
    first = call(app, target="/api/x?do=session")
    (cookie,) = [line.strip() for line in first.all("Set-Cookie") if "sid=" in line]
    again = call(app, target="/api/x?do=session", headers=[("Cookie", cookie.partition(";")[0])])
    assert (first.json(), again.json()) == ({"n": 1}, {"n": 2})


def test_wsgi_middleware_sees_the_status_of_every_response(tmp_path: Path, static: Path) -> None:
    app = app_with(tmp_path / "project", static, webob)
    for request_, status in REQUESTS:
        assert call(app, **request_).header("X-Stamp") == str(status)


def test_a_mounted_application_answers_in_its_place(tmp_path: Path, static: Path) -> None:
    app = app_with(tmp_path / "project", static, dispatcher)
    answer = call(app, target="/metrics")
    assert (answer.status, answer.body, answer.header("X-Outer"), answer.header("X-Status")) == (
        202,
        b"mounted",
        "1",
        "202",
    )


def test_a_proxy_is_believed(tmp_path: Path, static: Path) -> None:
    app = app_with(tmp_path / "project", static, proxy)
    answer = call(app, target="/api/x?do=remote", headers=[("X-Forwarded-For", "203.0.113.9")])
    assert answer.json() == {"remote": "203.0.113.9"}


def test_a_span_has_the_status_of_every_response(tmp_path: Path, static: Path) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    memory = in_memory.InMemorySpanExporter()
    module = pytest.importorskip("opentelemetry.instrumentation.wsgi")
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))
    middleware = from_wsgi(module.OpenTelemetryMiddleware, tracer_provider=provider)
    app = app_with(tmp_path / "project", static, lambda folder: middleware)
    for request_, _ in REQUESTS:
        call(app, **request_)
    codes = [
        span.attributes.get("http.status_code", span.attributes.get("http.response.status_code"))
        for span in memory.get_finished_spans()
    ]
    assert codes == [status for _, status in REQUESTS]
