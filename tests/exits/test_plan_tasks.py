"""What async dependencies rely on: one task, one context, and the request's thread for plain functions."""

from __future__ import annotations

import contextlib
import gc
import itertools
import traceback
from pathlib import Path

import pytest

from apiroutes.errors import HandlerTimeout
from tests.exits.support import HEAD, seen_in, through
from tests.support import app_of, call

INTERFACES = pytest.mark.parametrize("interface", ["wsgi", "asgi"])
RESULTS = {
    "a result": "return ['done']",
    "a stream": "return iter(['do', 'ne'])",
    "an async stream": "return chunks()",
}
CHUNKS = "async def chunks():\n    yield 'do'\n    await asyncio.sleep(0)\n    yield 'ne'\n"
KINDS = pytest.mark.parametrize(
    ("prefix", "interface", "result"),
    list(itertools.product(["", "async "], ["wsgi", "asgi"], RESULTS.values())),
)


@KINDS
@pytest.mark.parametrize("settings", ["", "config = {'maxDuration': 50}\n"])
@pytest.mark.parametrize("middleware", ["", "async def middleware(req, res, next):\n    await next()\n"])
def test_an_async_generator_is_left_by_the_task_that_entered_it(
    tmp_path: Path, prefix: str, interface: str, result: str, settings: str, middleware: str
) -> None:
    source = f"""{HEAD}{CHUNKS}{settings}{middleware}
import anyio
async def group():
    async with anyio.create_task_group() as tasks, asyncio.timeout(50):
        task = asyncio.current_task()
        yield tasks
        seen.append(asyncio.current_task() is task)
{prefix}def GET(group: Annotated[object, Depends(group)]):
    {result}
"""
    app = app_of(tmp_path, source)
    answer = call(through(app, interface))
    assert (answer.status, answer.text.strip('["]')) == (200, "done")
    assert seen_in(app) == [True]


@INTERFACES
def test_a_time_limit_around_a_yield_is_a_time_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str
) -> None:
    source = f"""{HEAD}
async def limit():
    async with asyncio.timeout(0.01):
        yield
async def GET(limit: Annotated[None, Depends(limit)]):
    await asyncio.sleep(3600)
"""
    assert call(through(app_of(tmp_path, source), interface)).status == 500
    (record,) = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], TimeoutError)


@INTERFACES
def test_a_task_that_fails_in_a_group_around_a_yield_is_the_exception(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str
) -> None:
    source = f"""{HEAD}
import anyio
async def fails():
    raise KeyError("of the task")
async def group():
    async with anyio.create_task_group() as tasks:
        yield tasks
async def GET(group: Annotated[object, Depends(group)]):
    group.start_soon(fails)
    await asyncio.sleep(3600)
"""
    assert call(through(app_of(tmp_path, source), interface)).status == 500
    (record,) = caplog.records
    assert record.exc_info
    assert "KeyError('of the task')" in repr(record.exc_info[1])


@INTERFACES
@pytest.mark.parametrize("setter", ["", "async "])
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("between", ["", "async "])
@pytest.mark.parametrize("result", RESULTS.values())
def test_context_variables_of_a_dependency_are_seen_and_can_be_reset(
    tmp_path: Path, setter: str, between: str, handler: str, interface: str, result: str
) -> None:
    source = f"""{HEAD}{CHUNKS}
variable = contextvars.ContextVar("variable", default="unset")
{setter}def sets():
    token = variable.set("set")
    yield
    variable.reset(token)
    seen.append(variable.get())
{between}def sees(sets: Annotated[None, Depends(sets)]):
    seen.append(variable.get())
{handler}def GET(sees: Annotated[None, Depends(sees)]):
    seen.append(variable.get())
    {result}
"""
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == 200
    assert seen_in(app) == ["set", "set", "unset"]


# What a handler returns whose stream reads a variable for each chunk.
VARIABLE_STREAMS = {
    "plain": "def chunks():\n    for _ in range(3):\n        yield variable.get() + ' '\n",
    "async": "async def chunks():\n    for _ in range(3):\n        await asyncio.sleep(0)\n"
    "        yield variable.get() + ' '\n",
    "application": "def lines():\n    for _ in range(3):\n        yield (variable.get() + ' ').encode()\n"
    "def chunks():\n    def app(environ, start_response):\n        start_response('200 OK', [])\n"
    "        return lines()\n    return app\n",
}


@INTERFACES
@pytest.mark.parametrize("setter", ["yield", "return"])
@pytest.mark.parametrize("kind", ["", "async "])
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("middleware", ["", "async "])
@pytest.mark.parametrize("config", ["", "config = {'maxDuration': 60}\n"])
@pytest.mark.parametrize("stream", VARIABLE_STREAMS)
def test_a_stream_sees_what_dependencies_have_set_as_a_whole(
    tmp_path: Path,
    setter: str,
    kind: str,
    handler: str,
    middleware: str,
    config: str,
    stream: str,
    interface: str,
) -> None:
    around = "async def middleware(req, res, next):\n    await next()\n" if middleware else ""
    source = f"""{HEAD}
variable = contextvars.ContextVar("variable", default="unset")
{config}{around}{VARIABLE_STREAMS[stream]}
{kind}def sets():
    variable.set("set")
    {setter}
{handler}def GET(sets: Annotated[None, Depends(sets)]):
    return chunks()
"""
    answer = call(through(app_of(tmp_path, source), interface))
    assert (answer.status, answer.text) == (200, "set set set ")


@KINDS
def test_plain_dependencies_run_in_one_thread_and_never_on_the_loop(
    tmp_path: Path, prefix: str, interface: str, result: str
) -> None:
    source = f"""{HEAD}{CHUNKS}
def note():
    assert asyncio._get_running_loop() is None
    seen.append(threading.get_ident())
def one():
    note()
    yield
    note()
async def two(one: Annotated[None, Depends(one)]): ...
def three(two: Annotated[None, Depends(two)]):
    note()
{prefix}def GET(three: Annotated[None, Depends(three)]):
    {result}
"""
    app = app_of(tmp_path, source)
    assert call(through(app, interface)).status == 200
    seen = seen_in(app)
    assert len(seen) == 3
    assert len(set(seen)) == 1


@INTERFACES
@pytest.mark.parametrize("slow", ["dependency", "generator", "async generator", "handler"])
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("held", ["yield", "return"])
def test_the_log_of_a_deadline_names_the_line_that_holds_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str, slow: str, handler: str, held: str
) -> None:
    source = f"""{HEAD}
config = {{"maxDuration": 0.3}}
ended = threading.Event()
def wait():
    ended.wait(5)
async def on_loop():
    {"await asyncio.sleep(5)" if slow == "async generator" else "pass"}
    {held}
def dependency():
    wait() if {slow == "dependency"} else None
def generator():
    wait() if {slow == "generator"} else None
    yield
{handler or ""}def GET(a: Annotated[None, Depends(on_loop)], b: Annotated[None, Depends(dependency)],
        c: Annotated[None, Depends(generator)]):
    {"wait()" if slow == "handler" and not handler else "pass"}
    {"await asyncio.sleep(5)" if slow == "handler" and handler else "pass"}
    return "late"
"""
    app = app_of(tmp_path, source)
    with contextlib.suppress(Exception):
        call(through(app, interface))
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    module.handlers["GET"].function.__globals__["ended"].set()
    (error,) = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert isinstance(error, HandlerTimeout)
    own = [frame.name for frame in traceback.extract_tb(error.__traceback__) if "x.py" in frame.filename]
    expected = "on_loop" if slow == "async generator" else "GET" if slow == "handler" and handler else "wait"
    assert own[-1:] == [expected]


@INTERFACES
def test_a_cancelled_handler_ends_its_dependencies(tmp_path: Path, interface: str) -> None:
    source = f"""{HEAD}
async def middleware(req, res, next):
    try:
        await asyncio.wait_for(next(), 0.01)
    except TimeoutError:
        return {{"seen": seen}}
async def one():
    try:
        yield
    except BaseException as error:
        await asyncio.sleep(0)
        seen.append(f"one {{type(error).__name__}}")
        raise
def two():
    try:
        yield
    except BaseException as error:
        seen.append(f"two {{type(error).__name__}}")
        raise
async def GET(one: Annotated[None, Depends(one)], two: Annotated[None, Depends(two)]):
    await asyncio.sleep(3600)
"""
    source = source.replace("except TimeoutError", "except (TimeoutError, asyncio.TimeoutError)")
    answer = call(through(app_of(tmp_path, source), interface))
    assert answer.json() == {"seen": ["two CancelledError", "one CancelledError"]}


@INTERFACES
def test_a_cancelled_plain_handler_is_refused_its_response_at_once(tmp_path: Path, interface: str) -> None:
    source = f"""{HEAD}
closed = threading.Event()
async def middleware(req, res, next):
    task = asyncio.ensure_future(next())
    while not seen:
        await asyncio.sleep(0)
    task.cancel()
    for _ in range(10):  # from task to task
        await asyncio.sleep(0)
    closed.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return {{"seen": seen}}
async def one():
    try:
        yield
    finally:
        seen.append("end")
def GET(res, one: Annotated[None, Depends(one)]):
    seen.append("begin")
    closed.wait()
    try:
        res.json(1)
    except asyncio.CancelledError:
        seen.append("refused")
        raise
"""
    answer = call(through(app_of(tmp_path, source), interface))
    assert answer.json() == {"seen": ["begin", "refused", "end"]}


@KINDS
@pytest.mark.parametrize("session", ["", "async "])
@pytest.mark.parametrize("fails", ["raise ApiError(404)", ""])
def test_a_request_leaves_no_cycle(
    tmp_path: Path, session: str, prefix: str, interface: str, result: str, fails: str
) -> None:
    source = f"""{HEAD}{CHUNKS}
{session}def one():
    yield
{session}def two(one: Annotated[None, Depends(one)]): ...
{prefix}def GET(two: Annotated[None, Depends(two)]):
    {fails or result}
"""
    app = through(app_of(tmp_path, source), interface)
    call(app)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            call(app)
        # The loop may still be busy with the end of the last request.
        assert gc.collect() < 200
    finally:
        gc.enable()
