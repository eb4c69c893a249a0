"""`maxDuration`: what the client gets at the deadline, and what the handler sees of it."""

from __future__ import annotations

import contextlib
import decimal
import io
import logging
import os
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, readiness
from apiroutes.errors import ResponseAborted
from tests.support import Answer, Extra, app_of, call, environ, project

SHORT = 'config = {"maxDuration": 0.1}\n'
LONG = 'config = {"maxDuration": 60}\n'
SECONDS = 20  # for what must happen, and does at once


@pytest.fixture
def shared() -> Iterator[dict[str, Any]]:
    """What a handler and its test have together: `req.environ["shared"]`."""
    made: dict[str, Any] = {"gate": threading.Event(), "ended": threading.Event(), "seen": []}
    yield made
    made["gate"].set()


def timed(root: Path, handler: str, duration: str = SHORT, **settings: Any) -> App:
    return app_of(root, duration + textwrap.dedent(handler), **settings)


def _start_response(*said: Any) -> Any:
    return None


HANGS = {
    "a loop of short sleeps": """
        import time
        def handler(req, res):
            gate = req.environ["shared"]["gate"]
            while not gate.is_set():
                time.sleep(0.01)
    """,
    "a wait that nothing ends": """
        def handler(req, res):
            req.environ["shared"]["gate"].wait()
    """,
    "a loop that waits for nothing": """
        def handler(req, res):
            gate = req.environ["shared"]["gate"]
            while not gate.is_set():
                pass
    """,
    "a coroutine that waits": """
        import asyncio
        async def handler(req, res):
            await asyncio.sleep(3600)
    """,
    "a coroutine that never lets go": """
        async def handler(req, res):
            gate = req.environ["shared"]["gate"]
            while not gate.is_set():
                pass
    """,
    "middleware": """
        def hang(req, res, next):
            req.environ["shared"]["gate"].wait()
        middleware = [hang]
        def handler(req, res):
            res.json(1)
    """,
    "an answer that was given, and more to do": """
        def handler(req, res):
            res.json({"a": 1})
            req.environ["shared"]["gate"].wait()
    """,
    "the first chunk of a stream": """
        def handler(req, res):
            def chunks():
                req.environ["shared"]["gate"].wait()
                yield b"late"
            return chunks()
    """,
    "the first chunk of an asynchronous stream": """
        import asyncio
        def handler(req, res):
            async def chunks():
                await asyncio.sleep(3600)
                yield b"late"
            res.send(chunks())
    """,
    "a returned application": """
        def handler(req, res):
            def application(environ, start_response):
                start_response("200 OK", [("X-Late", "1")])
                environ["shared"]["gate"].wait()
                return [b"late"]
            return application
    """,
    "a handler that carries on after errors": """
        def handler(req, res):
            gate = req.environ["shared"]["gate"]
            while not gate.is_set():
                try:
                    1 / 0
                except Exception:
                    pass
    """,
}


@pytest.mark.parametrize("name", HANGS)
def test_what_is_not_done_in_time_is_504(tmp_path: Path, shared: dict[str, Any], name: str) -> None:
    answer = call(timed(tmp_path, HANGS[name]), shared=shared)
    assert (answer.status, answer.body) == (504, b"Gateway Timeout")
    assert answer.header("X-Late") is None


ANSWERS = {
    "json": 'def handler(req, res): res.status(201).json({"a": 1})',
    "returned": 'def handler(req, res): return {"a": 1}',
    "coroutine": 'async def handler(req, res): res.set_header("X-A", "1"); return {"a": 1}',
    "cookies": 'def handler(req, res): res.set_cookie("a", "1").set_cookie("b", "2").json(1)',
    "written": 'def handler(req, res): res.write("a"); res.end("b")',
    "stream": 'def handler(req, res): return (chunk for chunk in ["a", "b"])',
    "file": 'import io\ndef handler(req, res): res.send(io.BytesIO(b"ab"))',
    "application": (
        "def application(environ, start_response):\n"
        '    start_response("202 Accepted", [("X-A", "1")])\n'
        '    return [b"a", b"b"]\n'
        "def handler(req, res): return application"
    ),
    "fault": "def handler(req, res): 1 / 0",
    "exit": "def handler(req, res): raise SystemExit(1)",
    "error": 'from apiroutes import ApiError\ndef handler(req, res): raise ApiError(418, "no coffee")',
    "nothing": "def handler(req, res): pass",
    "methods": "def POST(req, res): pass",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_done_in_time_answers_as_without_a_deadline(tmp_path: Path, name: str) -> None:
    answers: list[Answer] = []
    for root, duration in ((tmp_path / "with", LONG), (tmp_path / "without", "")):
        answers.append(call(app_of(root, duration + ANSWERS[name])))
    assert answers[0] == answers[1]


def test_headers_of_middleware_stay_and_those_of_the_handler_go(
    tmp_path: Path, shared: dict[str, Any]
) -> None:
    handler = """
        def name(req, res, next):
            res.set_header("X-Outer", "1")
            next()
        middleware = [name]
        def handler(req, res):
            res.status(201).set_header("X-Inner", "1")
            req.environ["shared"]["gate"].wait()
    """
    answer = call(timed(tmp_path, handler), shared=shared)
    assert (answer.status, answer.header("X-Outer"), answer.header("X-Inner")) == (504, "1", None)


def test_headers_stay_when_middleware_is_what_hangs(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        def name(req, res, next):
            res.set_header("X-Outer", "1")
            req.environ["shared"]["gate"].wait()
        middleware = [name]
        def handler(req, res): ...
    """
    assert call(timed(tmp_path, handler), shared=shared).header("X-Outer") == "1"


TOUCHES = [
    "req.method",
    "req.body",
    "req.context['late'] = 1",
    "req.attribute = 1",
    "res.json({'late': 1})",
    "res.write('late')",
    "res.set_header('X-Late', '1')",
    "res.status(201)",
    "res.status_code",
    "res.get_header('X-Late')",
    "next()",
]


@pytest.mark.parametrize("touch", TOUCHES)
def test_a_late_function_learns_it_from_whatever_it_touches(
    tmp_path: Path, shared: dict[str, Any], touch: str
) -> None:
    handler = f"""
        def late(req, res, next):
            shared = req.environ["shared"]
            shared["gate"].wait()
            try:
                {touch}
            except Exception:
                pass
            except BaseException as error:
                shared["seen"].append(type(error).__name__)
            finally:
                shared["ended"].set()
        middleware = [late]
        def handler(req, res):
            req.environ["shared"]["seen"].append("called")
    """
    answer = call(timed(tmp_path, handler), shared=shared)
    shared["gate"].set()
    assert shared["ended"].wait(SECONDS)
    assert (answer.status, answer.header("X-Late")) == (504, None)
    assert shared["seen"] == ["MaxDurationExceeded"]


def test_a_function_that_touches_nothing_ends_as_it_would_have(
    tmp_path: Path, shared: dict[str, Any]
) -> None:
    handler = """
        def handler(req, res):
            shared = req.environ["shared"]
            try:
                shared["gate"].wait()
            except BaseException:
                shared["seen"].append("interrupted")
            else:
                shared["seen"].append("ended")
            shared["ended"].set()
    """
    call(timed(tmp_path, handler), shared=shared)
    shared["gate"].set()
    assert shared["ended"].wait(SECONDS)
    assert shared["seen"] == ["ended"]


def test_a_coroutine_is_cancelled(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        import asyncio
        async def handler(req, res):
            shared = req.environ["shared"]
            try:
                await asyncio.sleep(3600)
            except BaseException as error:
                shared["seen"].append(type(error).__name__)
                raise
            finally:
                shared["ended"].set()
    """
    call(timed(tmp_path, handler), shared=shared)
    assert shared["ended"].wait(SECONDS)
    assert shared["seen"] == ["CancelledError"]


LOGS = """
import logging
log = logging.getLogger("shop")
def handler(req, res):
    gate = req.environ["shared"]["gate"]
    while not gate.is_set():
        log.info("imported")
"""


def test_no_lock_is_held_for_good(tmp_path: Path, shared: dict[str, Any]) -> None:
    log = logging.getLogger("shop")
    handler = logging.StreamHandler(io.StringIO())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        app = timed(tmp_path, LOGS, SHORT.replace("0.1", "0.02"), max_abandoned_handlers=100)
        for _ in range(20):
            gate = threading.Event()
            threads = [
                threading.Thread(target=call, args=(app,), kwargs={"shared": {"gate": gate}}) for _ in "ab"
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SECONDS)
                assert not thread.is_alive()
            gate.set()
            assert handler.lock is not None
            assert handler.lock.acquire(timeout=SECONDS)
            handler.lock.release()
    finally:
        log.removeHandler(handler)


class Waiting(logging.Handler):
    """What holds everybody up who logs."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        self.gate.wait(SECONDS)


def test_the_client_has_its_504_before_anything_is_logged(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, HANGS["a wait that nothing ends"])
    waiting = Waiting(shared["gate"])
    logging.getLogger("apiroutes").addHandler(waiting)
    try:
        status: list[str] = []
        start_response: Any = lambda line, *more: status.append(line)  # noqa: E731
        answer: Any = app(environ(shared=shared), start_response)
        assert (status, list(answer)) == (["504 Gateway Timeout"], [b"Gateway Timeout"])
        shared["gate"].set()
        answer.close()
    finally:
        logging.getLogger("apiroutes").removeHandler(waiting)


HOOKS = {
    "a function of the response": "res.before_head(lambda response: response.set_header('X-Hook', '1'))",
    "a function that knows the response": "res.before_head(lambda: res.set_header('X-Hook', '1'))",
}


@pytest.mark.parametrize("line", HOOKS.values(), ids=HOOKS)
def test_what_is_to_be_called_before_the_head_is_called(tmp_path: Path, line: str) -> None:
    handler = f"""
        def step(req, res, next):
            {line}
            next()
        middleware = [step]
        def handler(req, res): res.json(1)
    """
    answer = call(timed(tmp_path, handler, LONG))
    assert (answer.status, answer.header("X-Hook")) == (200, "1")


@pytest.mark.parametrize(("line", "header"), list(zip(HOOKS.values(), ["1", None])), ids=HOOKS)
def test_a_deadline_keeps_what_is_to_be_called_before_the_head(
    tmp_path: Path, shared: dict[str, Any], line: str, header: str | None
) -> None:
    handler = f"""
        def step(req, res, next):
            {line}
            next()
        middleware = [step]
        def handler(req, res):
            req.environ["shared"]["gate"].wait()
    """
    answer = call(timed(tmp_path, handler), shared=shared)
    assert (answer.status, answer.header("X-Hook")) == (504, header)


def test_the_iterable_of_a_returned_application_has_the_deadline_too(
    tmp_path: Path, shared: dict[str, Any]
) -> None:
    handler = """
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            def chunks():
                environ["shared"]["gate"].wait()
                yield b"late"
            return chunks()
        def handler(req, res): return application
    """
    assert call(timed(tmp_path, handler), shared=shared).status == 504


def test_a_handler_that_goes_on_for_too_long_has_the_worker_replaced(
    tmp_path: Path, shared: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = threading.Event()
    monkeypatch.setattr(readiness, "_state", readiness._State())
    readiness.replace_by(asked.set)
    call(timed(tmp_path, HANGS["a wait that nothing ends"], abandon_timeout=0.05), shared=shared)
    assert asked.wait(SECONDS)


def test_an_answer_that_has_begun_is_cut_off(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        def handler(req, res):
            res.write("begun")
            req.environ["shared"]["gate"].wait()
    """
    with pytest.raises(ResponseAborted):
        call(timed(tmp_path, handler), shared=shared)


def test_a_stream_that_has_begun_is_cut_off(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        def handler(req, res):
            def chunks():
                yield b"begun"
                req.environ["shared"]["gate"].wait()
                yield b"late"
            return chunks()
    """
    app = timed(tmp_path, handler)
    chunks = iter(app(environ(shared=shared), _start_response))
    assert next(chunks) == b"begun"
    with pytest.raises(ResponseAborted):
        next(chunks)


def test_a_client_that_leaves_ends_the_stream_where_it_ran(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        import threading
        def handler(req, res):
            shared = req.environ["shared"]
            def chunks():
                shared["seen"].append(threading.get_ident())
                try:
                    while True:
                        yield b"more"
                finally:
                    shared["seen"].append(threading.get_ident())
            return chunks()
    """
    answer: Any = timed(tmp_path, handler, LONG)(environ(shared=shared), _start_response)
    assert next(iter(answer)) == b"more"
    answer.close()
    began, ended = shared["seen"]
    assert began == ended != threading.get_ident()


def test_a_handler_and_its_asynchronous_stream_have_one_event_loop(
    tmp_path: Path, shared: dict[str, Any]
) -> None:
    handler = """
        import asyncio
        async def handler(req, res):
            loop = asyncio.get_running_loop()
            async def chunks():
                yield str(asyncio.get_running_loop() is loop)
            res.send(chunks())
    """
    assert call(timed(tmp_path, handler, LONG)).body == b"True"


def test_middleware_and_handler_run_in_one_thread(tmp_path: Path) -> None:
    handler = """
        import threading
        def note(req, res, next):
            req.context["thread"] = threading.get_ident()
            next()
        middleware = [note]
        def handler(req, res):
            res.json(threading.get_ident() == req.context["thread"])
    """
    assert call(timed(tmp_path, handler, LONG)).json() is True


def test_context_variables_of_the_request_reach_the_handler(tmp_path: Path) -> None:
    handler = """
        import decimal
        def handler(req, res):
            res.json(decimal.getcontext().prec)
    """
    app = timed(tmp_path, handler, LONG)
    with decimal.localcontext() as context:
        context.prec = 7
        assert call(app).json() == 7


def test_a_route_without_a_deadline_runs_in_the_servers_thread(tmp_path: Path) -> None:
    app = app_of(tmp_path, "import threading\ndef handler(req, res): res.json(threading.get_ident())")
    assert call(app).json() == threading.get_ident()


def test_threads_are_used_again(tmp_path: Path) -> None:
    handler = """
        import threading
        def handler(req, res): res.json(threading.get_ident())
    """
    app = timed(tmp_path, handler, LONG)
    assert len({call(app).json() for _ in range(5)}) == 1


LEFT = {
    "an application that fails": """
        def application(environ, start_response):
            1 / 0
        def handler(req, res):
            return application
    """,
    "an application that was not called": """
        def after(req, res, next):
            next()
            1 / 0
        middleware = [after]
        def handler(req, res):
            return lambda environ, start_response: [b""]
    """,
    "a stream that was not sent": """
        def after(req, res, next):
            next()
            1 / 0
        middleware = [after]
        def handler(req, res):
            res.send(iter([b"a"]))
    """,
    "a stream that fails": """
        def handler(req, res):
            def chunks():
                yield b"a"
                1 / 0
            res.send(chunks())
    """,
    "a stream whose closing fails": """
        def handler(req, res):
            def chunks():
                try:
                    yield b""
                finally:
                    1 / 0
            res.send(chunks())
    """,
}


@pytest.mark.parametrize("name", LEFT)
def test_no_answer_keeps_a_thread(tmp_path: Path, name: str) -> None:
    app = timed(tmp_path, LEFT[name], LONG)
    counts = []
    for _ in range(5):
        with contextlib.suppress(ResponseAborted, ZeroDivisionError):
            call(app)
        counts.append(threading.active_count())
    assert len(set(counts)) == 1


WAITS = """
    def handler(req, res):
        if req.query:
            req.environ["shared"]["gate"].wait()
        res.json(1)
"""


def test_no_more_handlers_are_given_up_than_are_allowed(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, WAITS, max_abandoned_handlers=2)
    assert [call(app, target="/api/x?wait", shared=shared).status for _ in range(3)] == [504, 504, 503]


def test_one_that_ends_makes_room(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, WAITS, max_abandoned_handlers=1)
    before = threading.enumerate()
    assert call(app, target="/api/x?wait", shared=shared).status == 504
    [abandoned] = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name == "apiroutes-handler"
    ]
    shared["gate"].set()
    abandoned.join(SECONDS)
    assert call(app, shared=shared).status == 200


def test_a_fault_says_once_where_the_handler_was(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        def handler(req, res):
            wait(req.environ["shared"]["gate"])
        def wait(gate):
            gate.wait()  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "GET /api/x (pages/api/x.py)" in record.getMessage()
    assert "gate.wait()  # here" in logging.Formatter().format(record)


def test_a_suspended_coroutine_is_found_in_the_log(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        import asyncio
        async def handler(req, res):
            await inner()
        async def inner():
            await asyncio.sleep(3600)  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    assert "await asyncio.sleep(3600)  # here" in logging.Formatter().format(caplog.records[-1])


def test_a_coroutine_that_does_not_wait_is_found_in_the_log(
    tmp_path: Path, shared: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    handler = """
        async def handler(req, res):
            hold(req.environ["shared"]["gate"])
        def hold(gate):
            gate.wait()  # here
    """
    call(timed(tmp_path, handler), shared=shared)
    assert "gate.wait()  # here" in logging.Formatter().format(caplog.records[-1])


def test_uploads_are_closed_with_the_request(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        def POST(req, res):
            req.environ["shared"]["seen"].append(req.files["f"].stream)
            req.environ["shared"]["gate"].wait()
    """
    form = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nx\r\n--B--\r\n'
    headers = [("Content-Type", "multipart/form-data; boundary=B")]
    assert call(timed(tmp_path, handler), "POST", headers=headers, body=form, shared=shared).status == 504
    assert shared["seen"][0].closed


def test_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    app = timed(tmp_path, "def handler(req, res): res.json(1)", LONG)
    assert call(app).status == 200
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, str(call(app).status).encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"200"
    os.waitpid(child, 0)


def test_deadlines_of_several_routes_are_their_own(tmp_path: Path, shared: dict[str, Any]) -> None:
    root = project(
        tmp_path,
        {
            "pages/api/short.py": SHORT + textwrap.dedent(WAITS),
            "pages/api/long.py": LONG + "def handler(req, res): res.json(2)\n",
        },
    )
    app = App(root)
    assert call(app, target="/api/short?wait", **Extra({"shared": shared})).status == 504
    assert call(app, target="/api/long").json() == 2
