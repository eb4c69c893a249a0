"""Handlers and middleware that are coroutines: asyncio, contexts, threads."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import logging
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.concurrency import coroutines
from tests.concurrency.support import BEFORE, async_app, in_threads
from tests.support import Answer, Extra, app_of, call

# -- asyncio and exceptions

FACTS = {
    "it is a task": "asyncio.current_task() is not None",
    "its loop runs": "asyncio.get_running_loop().is_running()",
    "tasks run beside it": "await asyncio.gather(one(), one()) == [1, 1]",
    "a task can be created": "await asyncio.create_task(one()) == 1",
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
    assert call(async_app(tmp_path, f"res.json({fact})", before=HELPERS)).json() is True


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with 3.11")
def test_a_block_can_have_a_time_limit(tmp_path: Path) -> None:
    lines = [
        "try:",
        "    async with asyncio.timeout(0.001):",
        "        await asyncio.Event().wait()",
        "except TimeoutError:",
        "    res.json('limited')",
    ]
    assert call(async_app(tmp_path, *lines)).json() == "limited"


ENDS = ["raise ValueError", "raise SystemExit(3)", "raise asyncio.CancelledError", "raise GeneratorExit"]


@pytest.mark.parametrize("line", ENDS)
def test_an_exception_in_a_coroutine_is_one_logged_500(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = async_app(tmp_path, "await asyncio.sleep(0)", "res.set_header('X-A', '1')", line)
    answer = call(app)
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert [record.getMessage() for record in caplog.records] == ["GET /api/x (pages/api/x.py) failed"]


@pytest.mark.parametrize("line", ENDS)
def test_the_next_request_is_served_after_an_exception(tmp_path: Path, line: str) -> None:
    app = async_app(
        tmp_path, "if 'end' in req.query:", f"    {line}", "await asyncio.sleep(0)", "res.json(1)"
    )
    assert [call(app, target=target).status for target in ("/api/x?end", "/api/x")] == [500, 200]


def test_a_keyboard_interrupt_is_raised_to_the_server(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        call(async_app(tmp_path, "raise KeyboardInterrupt"))


def test_an_api_error_becomes_the_response(tmp_path: Path) -> None:
    answer = call(async_app(tmp_path, "raise apiroutes.ApiError(404, 'none')"))
    assert (answer.status, answer.body) == (404, b"none")


# -- contexts and tasks


def test_context_variables_that_a_request_sets_stay_in_it(tmp_path: Path) -> None:
    lines = ["before = variable.get()", "variable.set('set')", "await asyncio.sleep(0)"]
    app = async_app(tmp_path, *lines, "res.json([before, variable.get()])")
    assert [call(app).json() for _ in range(2)] == [["unset", "set"]] * 2


def test_a_coroutine_sees_the_context_of_its_caller(tmp_path: Path) -> None:
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


def test_requests_share_one_loop(tmp_path: Path, seen: list[Any]) -> None:
    app = async_app(tmp_path, "logging.seen.append(asyncio.get_running_loop())", "res.json(1)")
    call(app), call(app)
    assert seen[0] is seen[1]


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


def test_a_lock_and_a_queue_work_across_requests(tmp_path: Path) -> None:
    app = app_of(tmp_path, MEETING)
    answers = in_threads(lambda: call(app, target="/api/x?wait"), lambda: call(app))
    assert [answer.body for answer in answers] == [b"met", b"gave"]


def test_a_background_task_ends_without_another_request(tmp_path: Path) -> None:
    ended = threading.Event()
    source = (
        "import asyncio\n"
        "async def later(req):\n    await asyncio.sleep(0)\n    req.environ['ended'].set()\n"
        "async def handler(req, res):\n    global task\n"
        "    task = asyncio.create_task(later(req))\n    res.json(1)\n"
    )
    assert call(app_of(tmp_path, source), ended=ended).status == 200
    assert ended.wait(30)


def test_a_system_exit_in_a_task_ends_only_that_task(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = (
        "import asyncio\nasync def leave():\n    raise SystemExit(3)\n"
        "async def handler(req, res):\n    global task\n    task = asyncio.create_task(leave())\n"
        "    await asyncio.wait([task])\n    res.json(type(task.exception()).__name__)\n"
    )
    app = app_of(tmp_path, source)
    assert [call(app).json() for _ in range(2)] == ["SystemExit", "SystemExit"]


# -- in the request's thread

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


def test_a_cancelled_sync_step_cannot_change_the_response(tmp_path: Path) -> None:
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


class Marked:
    """An object that a weak reference can point to."""


@pytest.mark.parametrize("fails", [False, True])
def test_a_coroutine_leaves_nothing_for_the_collector(fails: bool) -> None:
    async def inner() -> None:
        marked = Marked()
        references.append(weakref.ref(marked))
        await coroutines.in_request_thread(lambda: None)
        if fails:
            raise ValueError

    references: list[weakref.ref[Marked]] = []
    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            coroutines.run(inner())
        coroutines.run(asyncio.sleep(0))  # the loop has let go of the task by then
        assert references[0]() is None
    finally:
        gc.enable()


# -- inside another loop


async def called(app: App) -> Answer:
    return call(app)


def test_an_app_may_be_called_inside_a_loop_of_the_caller(tmp_path: Path) -> None:
    """An async test does this, or a bridge from ASGI."""
    app = async_app(tmp_path, "await asyncio.sleep(0)", "res.json(1)")
    assert asyncio.run(called(app)).status == 200


def test_a_plain_handler_works_inside_a_loop_of_the_caller(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(1)\n")
    assert asyncio.run(called(app)).status == 200


def test_a_plain_handler_may_call_another_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner_app = async_app(tmp_path / "inner", "await asyncio.sleep(0)", "res.json('inner')")
    monkeypatch.setattr(logging, "call_inner", lambda: call(inner_app).json(), raising=False)
    source = "import logging\ndef handler(req, res): res.json(logging.call_inner())\n"
    assert call(app_of(tmp_path / "outer", source)).json() == "inner"
