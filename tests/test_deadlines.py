"""`maxDuration`: what the client gets at the deadline, and what the late handler notices."""

from __future__ import annotations

import decimal
import io
import logging
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.concurrency.support import LONG, SECONDS, SHORT, timed
from tests.support import Answer, Extra, app_of, call, environ, project


@pytest.fixture
def shared() -> Iterator[dict[str, Any]]:
    """Objects that a handler shares with its test, as `req.environ["shared"]`."""
    objects: dict[str, Any] = {"gate": threading.Event(), "ended": threading.Event(), "seen": []}
    yield objects
    objects["gate"].set()


def _start_response(*arguments: Any) -> Any:
    return None


HANGS = {
    "a loop of short sleeps": """
        import time
        def handler(req, res):
            gate = req.environ["shared"]["gate"]
            while not gate.is_set():
                time.sleep(0.01)
    """,
    "an endless wait": """
        def handler(req, res):
            req.environ["shared"]["gate"].wait()
    """,
    "a busy loop": """
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
    "a coroutine that blocks the loop": """
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
    "a response, and more to do": """
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
def test_a_late_handler_is_504(tmp_path: Path, shared: dict[str, Any], name: str) -> None:
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
def test_a_handler_in_time_answers_as_without_a_deadline(tmp_path: Path, name: str) -> None:
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


def test_headers_of_middleware_stay_when_it_hangs_itself(tmp_path: Path, shared: dict[str, Any]) -> None:
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
def test_a_late_function_gets_an_exception_from_every_use(
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


def test_a_late_function_that_uses_nothing_ends_undisturbed(tmp_path: Path, shared: dict[str, Any]) -> None:
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


def test_no_lock_stays_locked(tmp_path: Path, shared: dict[str, Any]) -> None:
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
    """A log handler that blocks everybody who logs."""

    def __init__(self, gate: threading.Event) -> None:
        super().__init__()
        self.gate = gate

    def emit(self, record: logging.LogRecord) -> None:
        self.gate.wait(SECONDS)


def test_the_504_is_sent_before_anything_is_logged(tmp_path: Path, shared: dict[str, Any]) -> None:
    app = timed(tmp_path, HANGS["an endless wait"])
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
def test_head_hooks_of_middleware_are_called(tmp_path: Path, line: str) -> None:
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
def test_head_hooks_of_middleware_are_called_after_a_deadline(
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


def test_a_response_that_has_started_is_aborted(tmp_path: Path, shared: dict[str, Any]) -> None:
    handler = """
        def handler(req, res):
            res.write("begun")
            req.environ["shared"]["gate"].wait()
    """
    with pytest.raises(ResponseAborted):
        call(timed(tmp_path, handler), shared=shared)


def test_a_stream_that_has_started_is_aborted(tmp_path: Path, shared: dict[str, Any]) -> None:
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


def test_a_stream_is_closed_in_its_thread_when_the_client_leaves(
    tmp_path: Path, shared: dict[str, Any]
) -> None:
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


def test_each_route_has_its_own_deadline(tmp_path: Path, shared: dict[str, Any]) -> None:
    root = project(
        tmp_path,
        {
            "pages/api/short.py": SHORT + textwrap.dedent(HANGS["an endless wait"]),
            "pages/api/long.py": LONG + "def handler(req, res): res.json(2)\n",
        },
    )
    app = App(root)
    assert call(app, target="/api/short", **Extra({"shared": shared})).status == 504
    assert call(app, target="/api/long").json() == 2
