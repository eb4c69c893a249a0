"""Coroutines on WSGI's threads: loops, contexts, and async streams."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.concurrency import coroutines
from apiroutes.errors import ResponseAborted
from tests.support import Answer, Extra, app_of, call, environ

BEFORE = """
import asyncio, contextvars, logging, threading
import apiroutes
variable = contextvars.ContextVar("variable", default="unset")
"""


def awaited(root: Path, *lines: str, before: str = "", name: str = "x.py") -> App:
    body = "\n    ".join(lines)
    return app_of(root, f"{BEFORE}{before}\nasync def handler(req, res):\n    {body}\n", name)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What handlers put here can be looked at after the request."""
    found: list[Any] = []
    monkeypatch.setattr(logging, "seen", found, raising=False)
    return found


# -- a handler cannot tell how it is run

FACTS = {
    "it is a task": "asyncio.current_task() is not None",
    "its loop runs": "asyncio.get_running_loop().is_running()",
    "tasks run beside it": "await asyncio.gather(one(), one()) == [1, 1]",
    "a task can be made": "await asyncio.create_task(one()) == 1",
    "a time limit passes": "await asyncio.wait_for(one(), 60) == 1",
    "a time limit ends": "await limited()",
    "a thread can be awaited": "await asyncio.to_thread(lambda: 1) == 1",
    "a future can be awaited": "await asyncio.get_running_loop().run_in_executor(None, lambda: 1) == 1",
    "the lock is the loop's": "await locked()",
}
HELPERS = """
async def one():
    await asyncio.sleep(0)
    return 1
async def limited():
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.001)
    except asyncio.TimeoutError:
        return True
async def locked():
    async with asyncio.Lock():
        return True
"""


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_a_coroutine_has_all_of_asyncio(tmp_path: Path, fact: str) -> None:
    assert call(awaited(tmp_path, f"res.json({fact})", before=HELPERS)).json() is True


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with 3.11")
def test_a_block_can_have_a_time_limit(tmp_path: Path) -> None:
    lines = [
        "try:",
        "    async with asyncio.timeout(0.001):",
        "        await asyncio.Event().wait()",
        "except TimeoutError:",
        "    res.json('limited')",
    ]
    assert call(awaited(tmp_path, *lines)).json() == "limited"


ENDS = ["raise ValueError", "raise SystemExit(3)", "raise asyncio.CancelledError", "raise GeneratorExit"]


@pytest.mark.parametrize("line", ENDS)
def test_whatever_ends_a_coroutine_is_one_logged_500(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "await asyncio.sleep(0)", "res.set_header('X-A', '1')", line)
    answer = call(app)
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert [record.getMessage() for record in caplog.records] == ["GET /api/x (pages/api/x.py) failed"]


@pytest.mark.parametrize("line", ENDS)
def test_the_next_request_is_served_after_an_end(tmp_path: Path, line: str) -> None:
    app = awaited(tmp_path, "if 'end' in req.query:", f"    {line}", "await asyncio.sleep(0)", "res.json(1)")
    assert [call(app, target=target).status for target in ("/api/x?end", "/api/x")] == [500, 200]


def test_a_keyboard_interrupt_travels_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        call(awaited(tmp_path, "raise KeyboardInterrupt"))


def test_an_api_error_is_its_answer(tmp_path: Path) -> None:
    answer = call(awaited(tmp_path, "raise apiroutes.ApiError(404, 'none')"))
    assert (answer.status, answer.body) == (404, b"none")


# -- contexts and loops


def test_what_a_request_sets_stays_in_it(tmp_path: Path) -> None:
    lines = ["before = variable.get()", "variable.set('set')", "await asyncio.sleep(0)"]
    app = awaited(tmp_path, *lines, "res.json([before, variable.get()])")
    assert [call(app).json() for _ in range(2)] == [["unset", "set"]] * 2


def test_a_coroutine_sees_the_context_it_is_run_in(tmp_path: Path) -> None:
    source = (
        f"{BEFORE}\nasync def read(res):\n    res.json(variable.get())\n"
        "def handler(req, res):\n"
        "    variable.set('outer')\n"
        "    try:\n        return read(res)\n"
        "    finally:\n        pass\n"
    )
    context = threading.Thread(target=lambda: answers.append(call(app_of(tmp_path, source)).json()))
    answers: list[Any] = []
    context.start()
    context.join()
    assert answers == ["outer"]


def test_a_loop_is_kept_between_requests(tmp_path: Path, seen: list[Any]) -> None:
    app = awaited(tmp_path, "logging.seen.append(asyncio.get_running_loop())", "res.json(1)")
    call(app), call(app)
    assert seen[0] is seen[1]


def in_threads(*calls: Any) -> list[Answer]:
    """What each call answers, all of them at once."""
    answers: list[Any] = [None] * len(calls)

    def keep(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=keep, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


MEETING = """
import asyncio
lock, queue = asyncio.Lock(), asyncio.Queue()
async def GET(query):
    if "wait" in query:
        return await queue.get()
    async with lock:
        await asyncio.sleep(0)
        queue.put_nowait("met")
    return "gave"
"""


def test_what_one_request_makes_works_in_every_other(tmp_path: Path) -> None:
    app = app_of(tmp_path, MEETING)
    answers = in_threads(lambda: call(app, target="/api/x?wait"), lambda: call(app))
    assert [answer.body for answer in answers] == [b"met", b"gave"]


def test_a_task_in_the_background_ends_without_another_request(tmp_path: Path) -> None:
    ended = threading.Event()
    source = (
        "import asyncio\n"
        "async def later(req):\n    await asyncio.sleep(0)\n    req.environ['ended'].set()\n"
        "async def handler(req, res):\n    global task\n"
        "    task = asyncio.create_task(later(req))\n    res.json(1)\n"
    )
    assert call(app_of(tmp_path, source), ended=ended).status == 200
    assert ended.wait(30)


def test_a_task_that_ends_the_process_ends_itself_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = (
        "import asyncio\nasync def leave():\n    raise SystemExit(3)\n"
        "async def handler(req, res):\n    global task\n    task = asyncio.create_task(leave())\n"
        "    await asyncio.wait([task])\n    res.json(type(task.exception()).__name__)\n"
    )
    app = app_of(tmp_path, source)
    assert [call(app).json() for _ in range(2)] == ["SystemExit", "SystemExit"]


STEPS = {
    "sync around async around sync": ("", "async ", ""),
    "async around sync around async": ("async ", "", "async "),
    "sync, sync, async": ("", "", "async "),
    "async, async, sync": ("async ", "async ", ""),
}
STEP = """
{0}def {1}(req, res, next):
    req.context["{1}"] = threading.get_ident()
    {2}next()
"""


@pytest.mark.parametrize("prefixes", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("handler", ["", "async "])
def test_sync_steps_run_in_the_requests_thread_and_async_ones_on_the_loop(
    tmp_path: Path, prefixes: tuple[str, ...], handler: str
) -> None:
    steps = [
        STEP.format(prefix, f"step_{index}", "await " if prefix else "")
        for index, prefix in enumerate(prefixes)
    ]
    source = (
        f"import threading\n{''.join(steps)}\nmiddleware = [step_0, step_1, step_2]\n"
        f"{handler}def GET(context):\n"
        "    return [*context.values(), threading.get_ident()]\n"
    )
    idents = call(app_of(tmp_path, source)).json()
    here = threading.get_ident()
    assert [ident == here for ident in idents] == [not prefix for prefix in (*prefixes, handler)]


READS = {
    "an untyped body": ("", "body"),
    "a typed body": ("", "body: dict[str, int]"),
    "behind async middleware": (
        "async def step(req, res, next): await next()\nmiddleware = [step]\n",
        "body: dict[str, int]",
    ),
}


@pytest.mark.parametrize(("before", "parameter"), READS.values(), ids=READS)
@pytest.mark.parametrize("mode", ["development", "production"])
def test_a_body_is_read_in_the_requests_thread(
    tmp_path: Path, before: str, parameter: str, mode: str
) -> None:
    readers: list[int] = []

    class Input(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            readers.append(threading.get_ident())
            return super().read(size)

    source = f"{before}async def POST({parameter}) -> dict[str, int]:\n    return body\n"
    extra = Extra({"wsgi.input": Input(b'{"a": 1}'), "CONTENT_LENGTH": "8"})
    headers = [("Content-Type", "application/json")]
    answer = call(app_of(tmp_path, source, mode=mode), "POST", headers=headers, **extra)
    assert (answer.json(), set(readers)) == ({"a": 1}, {threading.get_ident()})


def test_a_thread_does_not_wait_for_its_own_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = (
        "from apiroutes.concurrency.coroutines import run\n"
        "async def inner(): ...\n"
        "async def GET():\n"
        "    run(inner())\n"
    )
    assert call(app_of(tmp_path, source)).status == 500
    assert "`await`" in caplog.text


def test_a_cancelled_sync_step_says_nothing_more(tmp_path: Path) -> None:
    source = (
        "import asyncio, threading\n"
        "go, refused = threading.Event(), []\n"
        "async def limited(req, res, next):\n"
        "    try:\n        await asyncio.wait_for(next(), 0.01)\n"
        "    except asyncio.TimeoutError:\n        return ['late', refused]\n"
        "def late(req, res):\n"
        "    while True:\n"
        "        try:\n            res.set_header('X-Late', '1')\n"
        "        except BaseException as error:\n"
        "            refused.append(type(error).__name__)\n            raise\n"
        "middleware = [limited]\nGET = late\n"
    )
    answer = call(app_of(tmp_path, source))
    assert (answer.json(), answer.header("X-Late")) == (["late", ["CancelledError"]], None)


def test_a_cancelled_sync_step_is_waited_for(tmp_path: Path) -> None:
    source = (
        "import asyncio\nended = []\n"
        "async def limited(req, res, next):\n"
        "    try:\n        await asyncio.wait_for(next(), 0.01)\n"
        "    except asyncio.TimeoutError:\n        return ended\n"
        "def inner(req, res, next):\n"
        "    try:\n        next()\n    finally:\n        ended.append('ended')\n"
        "middleware = [limited, inner]\n"
        "async def GET():\n    await asyncio.Event().wait()\n"
    )
    assert call(app_of(tmp_path, source)).json() == ["ended"]


# -- async streams

STREAM = """
class Source:
    def __init__(self, *chunks): self.chunks = list(chunks)
    def __aiter__(self): return self
    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.chunks: raise StopAsyncIteration
        chunk = self.chunks.pop(0)
        if isinstance(chunk, Exception): raise chunk
        return chunk
async def chunks(*given):
    try:
        for chunk in given:
            await asyncio.sleep(0)
            if isinstance(chunk, Exception): raise chunk
            yield chunk
    finally:
        logging.seen.append("closed")
"""
STREAMS = {
    "a generator": "chunks('a', b'b')",
    "an iterator without aclose": "Source('a', b'b')",
    "a plain iterable": "['a', b'b']",
}


@pytest.mark.parametrize("source", STREAMS.values(), ids=STREAMS)
def test_chunks_of_any_kind_are_streamed(tmp_path: Path, seen: list[Any], source: str) -> None:
    app = awaited(tmp_path, f"return apiroutes.stream({source})", before=STREAM)
    assert call(app).body == b"ab"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_async_stream_without_chunks_is_empty(tmp_path: Path, seen: list[Any], method: str) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks())", before=STREAM)
    answer = call(app, method)
    assert (answer.status, answer.body) == (200, b"")


def test_an_async_stream_is_closed_at_its_end(tmp_path: Path, seen: list[Any]) -> None:
    call(awaited(tmp_path, "return apiroutes.stream(chunks('a'))", before=STREAM))
    assert seen == ["closed"]


def test_an_async_stream_is_closed_when_the_client_leaves(tmp_path: Path, seen: list[Any]) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks('a', 'b'))", before=STREAM)
    answer: Any = app(environ(), lambda *arguments: print)
    assert (next(answer), seen) == (b"a", [])
    answer.close()
    assert seen == ["closed"]


def test_an_async_stream_whose_first_chunk_fails_is_500(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks(ValueError('x')))", before=STREAM)
    assert (call(app).status, seen, len(caplog.records)) == (500, ["closed"], 1)


def test_an_async_stream_that_fails_later_cuts_the_connection(
    tmp_path: Path, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = awaited(tmp_path, "return apiroutes.stream(chunks('a', ValueError('x')))", before=STREAM)
    with pytest.raises(ResponseAborted):
        call(app)
    assert (seen, len(caplog.records)) == (["closed"], 1)


@pytest.mark.parametrize("line", ["res.send(chunks('a'))", "return chunks('a')"])
def test_an_async_generator_is_streamed_like_an_iterator(tmp_path: Path, seen: list[Any], line: str) -> None:
    assert call(awaited(tmp_path, line, before=STREAM)).body == b"a"


# -- inside a loop that is somebody else's


async def called(app: App) -> Answer:
    return call(app)


def test_an_app_may_be_called_inside_a_loop_of_the_caller(tmp_path: Path) -> None:
    """As an async test does, or a bridge from ASGI."""
    app = awaited(tmp_path, "await asyncio.sleep(0)", "res.json(1)")
    assert asyncio.run(called(app)).status == 200


def test_a_plain_handler_does_not_mind_a_loop_of_the_caller(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(1)\n")
    assert asyncio.run(called(app)).status == 200


def test_a_plain_handler_may_call_another_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner_app = awaited(tmp_path / "inner", "await asyncio.sleep(0)", "res.json('inner')")
    monkeypatch.setattr(logging, "call_inner", lambda: call(inner_app).json(), raising=False)
    source = "import logging\ndef handler(req, res): res.json(logging.call_inner())\n"
    assert call(app_of(tmp_path / "outer", source)).json() == "inner"


def test_a_stream_is_entered_and_left_in_one_task(tmp_path: Path, seen: list[Any]) -> None:
    before = (
        "async def tasks():\n"
        "    try:\n"
        "        for _ in range(3):\n"
        "            logging.seen.append(asyncio.current_task())\n            yield 'x'\n"
        "    finally:\n        logging.seen.append(asyncio.current_task())\n"
    )
    assert call(awaited(tmp_path, "return apiroutes.stream(tasks())", before=before)).body == b"xxx"
    assert len(set(map(id, seen))) == 1


def test_a_stream_that_nobody_closes_is_closed() -> None:
    closed = threading.Event()

    async def chunks() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.set()

    stream: Any = coroutines.iterate(chunks())
    assert next(stream) == "x"
    del stream
    assert closed.wait(30)


class Marked:
    """Something that can be looked for."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_coroutine_leaves_nothing_for_the_collector(fails: bool) -> None:
    async def inner() -> None:
        marked = Marked()
        found.append(weakref.ref(marked))
        await coroutines.in_request_thread(lambda: None)
        if fails:
            raise ValueError

    found: list[weakref.ref[Marked]] = []
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            coroutines.run(inner())
        coroutines.run(asyncio.sleep(0))  # the loop has let go of the task by then
        assert found[0]() is None
    finally:
        gc.enable()


# -- a loop that is held


HELD = """
import asyncio, threading
begun, go = threading.Event(), threading.Event()
async def GET():
    begun.set()
    go.wait(30)
    return "went on"
def POST():
    go.set()
    return "goes on"
async def PUT():
    return "ran"
def PATCH():
    return "held" if begun.is_set() else "not yet"
"""


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """The reasons for which a replacement was asked for; the settings are as they were afterwards."""
    before = vars(coroutines._settings).copy()
    yield []
    vars(coroutines._settings).clear()
    vars(coroutines._settings).update(before)


def test_a_loop_that_is_held_too_long_refuses_and_comes_back(tmp_path: Path, watched: list[str]) -> None:
    app = app_of(tmp_path, HELD)
    coroutines.configure(abandon_timeout=0.2, reports_blocking=False, on_blocked=watched.append)
    answers: list[Any] = []
    held = threading.Thread(target=lambda: answers.append(call(app)))
    held.start()
    until(lambda: call(app, "PATCH").body == b"held")
    # One that waits behind it, one that comes when that is known, and the one that holds it.
    assert [call(app, "PUT").status, call(app, "PUT").status] == [503, 503]
    held.join(30)
    assert answers[0].status == 503
    assert len(watched) == 1
    assert call(app, "POST").body == b"goes on"
    until(lambda: call(app, "PUT").body == b"ran")
    assert len(watched) == 1


def test_a_loop_that_is_held_is_reported_once_with_the_place(
    tmp_path: Path, watched: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, HELD)
    coroutines.configure(abandon_timeout=30, reports_blocking=True, on_blocked=watched.append)
    answers: list[Any] = []
    held = threading.Thread(target=lambda: answers.append(call(app)))
    held.start()
    until(lambda: len(caplog.records) > 0)
    call(app, "POST")
    held.join(30)
    assert answers[0].body == b"went on"
    [record] = caplog.records
    assert "held for 100 ms" in record.getMessage()
    assert "go.wait(30)" in record.getMessage()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something, and not for ever."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- the loop and its process

PROCESS = """
import asyncio, os, signal, sys, threading
from apiroutes.concurrency import coroutines
kept = []
async def one():
    return 1
async def work():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print(await asyncio.to_thread(lambda: "worked"), flush=True)
async def numbers():
    try:
        while True:
            yield 1
    finally:
        await asyncio.sleep(0)
        print("closed", flush=True)
async def begin():
    kept.append(asyncio.create_task(work()))
    kept.append(numbers())
    await anext(kept[1])
"""
PROCESSES = {
    "it ends at once": ("coroutines.run(one())", ""),
    "what is in the background ends first": ("coroutines.run(begin())", "worked closed"),
    "a coroutine stops the loop": (
        "async def stop():\n    asyncio.get_running_loop().stop()\n    await asyncio.sleep(0)\n"
        "coroutines.run(stop())\nprint(coroutines.run(one()))",
        "1",
    ),
    "an interrupt cancels what is waited for": (
        "async def interrupt():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    try:\n        await asyncio.Event().wait()\n"
        "    finally:\n        print('cancelled', flush=True)\n"
        "try:\n    coroutines.run(interrupt())\nexcept KeyboardInterrupt:\n    pass\n"
        "print(coroutines.run(one()))",
        "cancelled 1",
    ),
    "a thread other than the main one begins": (
        "thread = threading.Thread(target=lambda: print(coroutines.run(one())))\n"
        "thread.start()\nthread.join()",
        "1",
    ),
}


def run_python(source: str) -> str:
    """What a process prints, with each warning an error, which has to end well within a minute."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", PROCESS + source]
    ended = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize(("source", "printed"), PROCESSES.values(), ids=PROCESSES)
def test_a_process_ends_in_order(source: str, printed: str) -> None:
    assert sorted(run_python(source).split()) == sorted(printed.split())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_has_a_loop_of_its_own_and_leaves_the_other_alone() -> None:
    source = (
        "coroutines.run(begin())\n"
        "child = os.fork()\n"
        "if not child:\n    print(coroutines.run(one()), flush=True)\n    sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print(coroutines.run(one()), flush=True)\n"
    )
    assert run_python(source).split() == ["1", "1", "worked", "closed"]


@pytest.mark.costly
def test_a_loop_that_is_held_does_not_keep_the_process() -> None:
    source = (
        "import time\n"
        "async def hold():\n    asyncio.get_running_loop().call_soon(time.sleep, 300)\n"
        "coroutines.run(hold())\n"
    )
    command = [sys.executable, "-c", PROCESS + source]
    assert subprocess.run(command, timeout=60, capture_output=True).returncode == 0
