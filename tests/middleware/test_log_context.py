"""The records of a request have its id, its trace and its route, wherever they are written."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.logging import RequestFilter, request_fields
from apiroutes.middleware import log_context, request_id
from tests.support import Answer, call, environ, project

TRACE = "0af7651916cd43dd8448eb211c80319c"
LOG = "import asyncio, logging, threading\nlog = logging.getLogger('shop')\n"


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """The records of the logger `shop`, with the fields of their requests."""
    kept: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record)

    logger, handler = logging.getLogger("shop"), Keeper()
    handler.addFilter(RequestFilter())
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield kept
    logger.removeHandler(handler)
    logger.setLevel(level)


def fields(records: list[logging.LogRecord], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(vars(record)[name] for name in names) for record in records]


def app_of(root: Path, handler: str, middleware: Any = None, **files: str) -> App:
    sources = {f"pages/api/{name}.py": LOG + source for name, source in {"x": handler, **files}.items()}
    return App(project(root, sources), middleware=[request_id()] if middleware is None else middleware)


STREAMS = """
from apiroutes import stream
def chunks():
    log.info("begin")
    yield "a"
    log.info("go on")
    try: yield "b"
    finally: log.info("end")
async def async_chunks():
    log.info("begin")
    yield "a"
    await asyncio.sleep(0)
    log.info("go on")
    try: yield "b"
    finally: log.info("end")
"""
DEPENDENCY = """
from typing import Annotated
from apiroutes import Depends
def find():
    log.info('x')
    yield 1
async def find_async():
    yield 1
    log.info('x')
"""
HANDLERS = {
    "plain": "def GET():\n    log.info('x')\n    return 1",
    "async": "async def GET():\n    log.info('x')\n    await asyncio.sleep(0)\n    log.info('x')\n",
    "a deadline": "maxDuration = 5\ndef GET():\n    log.info('x')\n    return 1",
    "an async deadline": "maxDuration = 5\nasync def GET():\n    await asyncio.sleep(0)\n    log.info('x')",
    "a thread": "async def GET():\n    await asyncio.to_thread(log.info, 'x')\n    return 1",
    "a task": "async def later(): log.info('x')\nasync def GET(): await asyncio.create_task(later())",
    "a fault": "def GET():\n    log.info('x')\n    1 / 0",
    "a call of write": "def GET(res):\n    res.write('a')\n    log.info('x')\n    res.end()",
    "a dependency": DEPENDENCY + "def GET(value: Annotated[int, Depends(find)]): return value",
    "an async dependency": DEPENDENCY + "def GET(value: Annotated[int, Depends(find_async)]): return value",
    "a stream": STREAMS + "def GET(): return stream(chunks())",
    "an async stream": STREAMS + "async def GET(): return stream(async_chunks())",
    "an async stream of a function": STREAMS + "def GET(): return stream(async_chunks())",
    "a stream of a coroutine": STREAMS + "async def GET(): return stream(chunks())",
    "a stream with a deadline": STREAMS + "maxDuration = 5\ndef GET(): return stream(chunks())",
    "an async stream with a deadline": STREAMS
    + "maxDuration = 5\nasync def GET(): return stream(async_chunks())",
}


def passes(req: Any, res: Any, next: Any) -> None:
    next()


async def awaits(req: Any, res: Any, next: Any) -> None:
    await next()


AROUND = {
    "alone": [request_id()],
    "inside plain middleware": [passes, request_id()],
    "around plain middleware": [request_id(), passes],
    "inside async middleware": [awaits, request_id()],
    "around async middleware": [request_id(), awaits],
    "around log_context": [log_context(), request_id()],
}


@pytest.mark.parametrize("middleware", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)
def test_every_record_of_a_request_has_its_id(
    tmp_path: Path, records: list[logging.LogRecord], handler: str, middleware: Any
) -> None:
    answer = call(app_of(tmp_path, handler, middleware))
    assert len(records) == (1 if "Depends" in handler else handler.count("'x'")) + 3 * handler.count(
        "return stream"
    )
    wanted = (answer.header("X-Request-ID"), "/api/x", "-")
    assert set(fields(records, "request_id", "route", "trace_id")) == {wanted}
    assert request_fields() == {}


SENT = [
    ([], "-", r"[0-9a-f]{32}"),
    ([("X-Request-ID", "abc-1")], "-", "abc-1"),
    ([("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")], TRACE, TRACE),
    ([("X-Request-ID", "abc\nforged")], "-", r"[0-9a-f]{32}"),
]


@pytest.mark.parametrize(("headers", "trace", "identifier"), SENT)
def test_the_trace_is_the_clients(
    tmp_path: Path, records: list[logging.LogRecord], headers: Any, trace: str, identifier: str
) -> None:
    call(app_of(tmp_path, "def GET():\n    log.info('x')\n    return 1"), headers=headers)
    ((found, found_trace),) = fields(records, "request_id", "trace_id")
    assert re.fullmatch(identifier, found)
    assert found_trace == trace


def test_log_context_makes_no_id(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    app = app_of(tmp_path, "def GET():\n    log.info('x')\n    return 1", [log_context()])
    assert call(app).header("X-Request-ID") is None
    call(app, headers=[("X-Request-ID", "abc")])
    assert fields(records, "request_id", "route") == [("-", "/api/x"), ("abc", "/api/x")]


def test_an_extra_of_the_same_name_stays(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    handler = "def GET():\n    log.info('x', extra={'request_id': 'mine'})\n    return 1"
    assert call(app_of(tmp_path, handler)).status == 200
    assert fields(records, "request_id") == [("mine",)]


@pytest.mark.parametrize("before", ["", "maxDuration = 5\n"])
@pytest.mark.parametrize(
    "handler", ["def GET():\n    log.info('x')\n    return 1", STREAMS + "def GET(): return stream(chunks())"]
)
def test_the_next_request_of_a_thread_has_no_id_of_this_one(
    tmp_path: Path, records: list[logging.LogRecord], before: str, handler: str
) -> None:
    with_id = "from apiroutes.middleware import request_id\nmiddleware = [request_id()]\n" + before + handler
    app = app_of(tmp_path, before + handler, [], with_id=with_id)
    call(app, target="/api/with_id")
    count = len(records)
    call(app)
    assert "-" not in {value for (value,) in fields(records[:count], "request_id")}
    assert {value for (value,) in fields(records[count:], "request_id")} == {"-"}


@pytest.mark.parametrize(
    "handler",
    [
        "def GET(): raise ValueError('x')",
        STREAMS + "def GET():\n    return stream(broken())\ndef broken():\n"
        "    yield 'a'\n    raise ValueError",
    ],
)
def test_a_fault_leaves_no_id_behind(tmp_path: Path, records: list[logging.LogRecord], handler: str) -> None:
    with contextlib.suppress(ConnectionError):
        call(app_of(tmp_path, handler))
    assert request_fields() == {}


def test_a_stream_that_is_left_leaves_no_id_behind(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    app = app_of(tmp_path, STREAMS + "def GET(): return stream(chunks())")
    content = app(environ(), lambda *said: lambda chunk: None)
    next(iter(content))
    assert request_fields() == {}
    content.close()  # type: ignore[attr-defined]
    assert [record.getMessage() for record in records] == ["begin"]
    assert len(set(fields(records, "request_id"))) == 1
    assert request_fields() == {}


def test_requests_at_once_keep_their_ids_apart(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    handler = (
        "barrier = threading.Barrier(4)\n"
        "def GET():\n    log.info('x')\n    barrier.wait(30)\n    log.info('y')\n    return 1"
    )
    app, answers = app_of(tmp_path, handler), list[Answer]()
    threads = [threading.Thread(target=lambda: answers.append(call(app))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logged = sorted(value for (value,) in fields(records, "request_id"))
    assert logged == sorted([str(answer.header("X-Request-ID")) for answer in answers] * 2)


def test_what_goes_on_after_the_response_keeps_the_id(
    tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    handler = (
        "ends, ended = threading.Event(), threading.Event()\n"
        "async def later():\n    await asyncio.to_thread(ends.wait)\n    log.info('x')\n    ended.set()\n"
        "async def GET():\n    GET.task = asyncio.create_task(later())\n    return 1\n"
        "def POST():\n    ends.set()\n    ended.wait(30)\n    return 1\n"
    )
    app = app_of(tmp_path, handler)
    answer = call(app)
    call(app, "POST")
    assert fields(records, "request_id") == [(answer.header("X-Request-ID"),)]


def test_work_after_the_response_has_the_id(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    handler = (
        "from apiroutes import after\nended = threading.Event()\n"
        "def work():\n    log.info('x')\n    ended.set()\n"
        "def GET():\n    after(work)\n    return 1\n"
        "def POST(): return ended.wait(30)\n"
    )
    app = app_of(tmp_path, handler)
    answer = call(app)
    assert call(app, "POST").json() is True
    assert fields(records, "request_id", "route") == [(answer.header("X-Request-ID"), "/api/x")]


def test_the_trace_of_a_span_wins(tmp_path: Path, records: list[logging.LogRecord]) -> None:
    from opentelemetry import trace

    context = trace.SpanContext(int(TRACE, 16), 1, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        logging.getLogger("shop").info("x")
        assert request_fields() == {"trace_id": TRACE}
    logging.getLogger("shop").info("x")
    assert fields(records, "trace_id", "request_id") == [(TRACE, "-"), ("-", "-")]


def test_a_logger_with_the_name_of_its_module_has_that_of_its_file(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def GET(): return __name__", name="def GET(): return __name__")
    filtered = logging.makeLogRecord({"name": call(app, target="/api/name").text})
    assert RequestFilter().filter(filtered)
    assert filtered.name == "pages.api.name"
