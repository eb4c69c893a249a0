"""The start and the stop of an App: when, how often, and what happens to those who wait."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from apiroutes import App, LifespanError, readiness
from tests.lifespan.projects import FORMS, app_with, seen
from tests.support import HELLO, app_of, call, project, until

forms = pytest.mark.parametrize("form", FORMS)


# -- what runs, and when


@forms
def test_register_runs_from_start_to_stop(tmp_path: Path, form: str) -> None:
    source, words = FORMS[form]
    app = app_with(tmp_path, source)
    app.start()
    assert seen(tmp_path) == ["start"]
    app.stop()
    assert seen(tmp_path) == words


@forms
@pytest.mark.parametrize("path", ["/api/x", "/api/async"])
def test_handlers_find_what_register_has_made(tmp_path: Path, form: str, path: str) -> None:
    app = app_with(tmp_path, FORMS[form][0])
    assert call(app, target=path).json() == {"a": 1}
    app.stop()


@forms
def test_the_first_request_starts_the_app_and_no_other_one(tmp_path: Path, form: str) -> None:
    app = app_with(tmp_path, FORMS[form][0])
    assert seen(tmp_path) == []
    for _ in range(3):
        assert call(app).status == 200
    assert seen(tmp_path) == ["start"]
    app.stop()


@forms
def test_start_and_stop_may_be_called_twice(tmp_path: Path, form: str) -> None:
    source, words = FORMS[form]
    app = app_with(tmp_path, source)
    app.start()
    app.start()
    app.stop()
    app.stop()
    assert seen(tmp_path) == words


def test_stop_without_a_start_does_nothing(tmp_path: Path) -> None:
    app = app_with(tmp_path, FORMS["generator"][0])
    app.stop()
    assert seen(tmp_path) == []


def test_an_app_may_start_again_after_its_stop(tmp_path: Path) -> None:
    app = app_with(tmp_path, FORMS["generator"][0])
    for _ in range(2):
        assert call(app).json() == {"a": 1}
        app.stop()
    assert seen(tmp_path) == ["start", "end"] * 2


def test_a_project_without_the_file_has_nothing_in_req_app(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, "def GET(req): return dict(req.app)")).json() == {}


def test_req_app_is_read_only(tmp_path: Path) -> None:
    source = "def GET(req):\n    try:\n        req.app['a'] = 2\n    except TypeError:\n        return 'no'\n"
    app = app_with(tmp_path, FORMS["function"][0], {"pages/api/x.py": source})
    assert call(app).text == "no"


def test_two_apps_have_what_their_own_register_made(tmp_path: Path) -> None:
    first = app_with(tmp_path / "1", "def register(): return {'a': 1}\n")
    second = app_with(tmp_path / "2", "def register(): return {'a': 2}\n")
    assert [call(app).json() for app in (first, second, first)] == [{"a": 1}, {"a": 2}, {"a": 1}]


@pytest.mark.parametrize("made", ["None", "{}"])
def test_register_may_make_nothing(tmp_path: Path, made: str) -> None:
    app = app_with(tmp_path, f"def register():\n    yield {made}\n")
    assert call(app).json() == {}
    app.stop()


def test_an_object_may_be_register(tmp_path: Path) -> None:
    source = "class Register:\n    async def __call__(self):\n        yield {'a': 1}\n        see('end')\n"
    app = app_with(tmp_path, source + "register = Register()\n")
    assert call(app).json() == {"a": 1}
    app.stop()
    assert seen(tmp_path) == ["end"]


# -- where it runs


def test_a_generator_ends_in_the_thread_in_which_it_began(tmp_path: Path) -> None:
    """SQLite, for one, refuses to close a connection in another."""
    source = (
        "import sqlite3\ndef register():\n"
        "    connection = sqlite3.connect(':memory:')\n    yield\n    connection.close()\n    see('closed')\n"
    )
    app = app_with(tmp_path, source)
    app.start()
    app.stop()
    assert seen(tmp_path) == ["closed"]


def test_an_async_generator_is_one_task_on_the_loop_of_handlers(tmp_path: Path) -> None:
    """Task groups and time limits may span its `yield`, and a client that it makes works in handlers."""
    source = (
        "import asyncio\nasync def register():\n    task = asyncio.current_task()\n"
        "    async with asyncio.timeout(60) if hasattr(asyncio, 'timeout') else asyncio.Lock():\n"
        "        yield {'loop': asyncio.get_running_loop()}\n"
        "    see(task is asyncio.current_task())\n"
    )
    handler = "import asyncio\nasync def GET(req): return req.app['loop'] is asyncio.get_running_loop()\n"
    app = app_with(tmp_path, source, {"pages/api/x.py": handler})
    assert call(app).json() is True
    app.stop()
    assert seen(tmp_path) == ["True"]


def test_the_end_of_register_may_use_threads_and_other_tasks(tmp_path: Path) -> None:
    source = (
        "import asyncio\nasync def register():\n    yield\n"
        "    await asyncio.gather(asyncio.to_thread(see, 'end'), asyncio.sleep(0))\n"
    )
    app = app_with(tmp_path, source)
    app.start()
    app.stop()
    assert seen(tmp_path) == ["end"]


# -- several at once


@forms
def test_requests_at_once_wait_for_one_start(tmp_path: Path, form: str) -> None:
    source = FORMS[form][0].replace("see('start')", "see('start'); wait()")
    source = "import time\ndef wait(): time.sleep(0.2)\n" + source
    app = app_with(tmp_path, source)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(call(app).json())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"a": 1}] * 8
    app.stop()
    assert seen(tmp_path).count("start") == 1


def test_a_stop_during_the_start_waits_for_it(tmp_path: Path) -> None:
    source = (
        "import threading\nbegun, released = threading.Event(), threading.Event()\n"
        "def register():\n    begun.set()\n    released.wait()\n    see('start')\n    yield\n    see('end')\n"
    )
    app = app_with(tmp_path, source)
    starting = threading.Thread(target=app.start)
    starting.start()
    begun, released = _events_of(tmp_path)
    begun.wait()
    stopping = threading.Thread(target=app.stop)
    stopping.start()
    released.set()
    starting.join()
    stopping.join()
    assert seen(tmp_path) == ["start", "end"]


def _events_of(root: Path) -> tuple[threading.Event, threading.Event]:
    file = str(root / "instrumentation.py")
    (module,) = {id(m): m for m in sys.modules.values() if getattr(m, "__file__", None) == file}.values()
    return module.begun, module.released


# -- processes

PROGRAM = """
import os, sys, threading
from apiroutes import App
from tests.support import call
app = App(sys.argv[1])
{body}
"""


def run_program(root: Path, body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore:.*multi-threaded",
            "-c",
            PROGRAM.format(body=body),
            str(root),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


ENDS = {
    "the program ends": "call(app)",
    "an exception ends it": "call(app)\nraise LookupError('of the program')",
    "a request's thread has started it": (
        "t = threading.Thread(target=lambda: call(app), daemon=True)\nt.start()\nt.join()"
    ),
    "it was started by hand": "app.start()",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("form", ["generator", "async generator"])
def test_the_end_of_the_process_stops_what_nobody_has_stopped(tmp_path: Path, form: str, end: str) -> None:
    app_with(tmp_path, FORMS[form][0])
    ended = run_program(tmp_path, ENDS[end])
    assert seen(tmp_path) == ["start", "end"], ended.stderr


def test_the_end_of_register_may_use_threads_at_the_end_of_the_process(tmp_path: Path) -> None:
    source = "import asyncio\nasync def register():\n    yield\n    await asyncio.to_thread(see, 'end')\n"
    app_with(tmp_path, source)
    ended = run_program(tmp_path, "call(app)")
    assert seen(tmp_path) == ["end"], ended.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("form", ["generator", "async generator"])
def test_a_fork_has_not_started(tmp_path: Path, form: str) -> None:
    """What the parent has made stays the parent's: the child makes its own, and ends that alone."""
    app_with(tmp_path, FORMS[form][0])
    body = (
        "call(app)\n"
        "if os.fork() == 0:\n    assert not app.is_started\n    call(app)\n    sys.exit()\n"
        "assert os.wait()[1] == 0\nassert app.is_started\n"
    )
    ended = run_program(tmp_path, body)
    assert (ended.returncode, seen(tmp_path)) == (0, ["start", "start", "end", "end"]), ended.stderr


# -- failures


FAILURES = {
    "def register(): 1 / 0": "ZeroDivisionError",
    "async def register(): 1 / 0": "ZeroDivisionError",
    "def register():\n    1 / 0\n    yield": "ZeroDivisionError",
    "async def register():\n    1 / 0\n    yield": "ZeroDivisionError",
    "def register(): raise SystemExit": "SystemExit",
    "def register(): return 3": "not a mapping",
    "def register(): return [('a', 1)]": "not a mapping",
    "async def register():\n    yield 3": "not a mapping",
    "def register():\n    if False: yield": "without reaching its `yield`",
    "async def register():\n    if False: yield": "without reaching its `yield`",
}


@pytest.mark.parametrize("source", FAILURES)
def test_a_start_that_fails_is_an_error_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    app = app_with(tmp_path, source)
    with pytest.raises(LifespanError, match=FAILURES[source]) as raised:
        app.start()
    (problem,) = raised.value.problems
    assert problem.file == "instrumentation.py"
    assert problem.line is not None
    assert "register" in problem.message
    (record,) = caplog.records
    assert f"instrumentation.py:{problem.line}" in record.getMessage()


def test_the_traceback_of_a_failing_start_begins_with_the_project(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(tmp_path, "async def connect(): 1 / 0\nasync def register(): await connect()\n")
    with pytest.raises(LifespanError):
        app.start()
    lines = [line for line in (caplog.records[0].exc_text or "").split("\n") if "File" in line]
    assert [line.rpartition(" in ")[2] for line in lines] == ["register", "connect"]


def test_a_start_that_fails_is_tried_once_and_answered_with_503(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(tmp_path, "def register():\n    see('try')\n    1 / 0\n")
    assert [call(app).status for _ in range(3)] == [503] * 3
    assert call(app, "POST", "/api/none", body=b"{}").status == 503
    assert seen(tmp_path) == ["try"]
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


def test_a_start_that_fails_asks_for_another_worker_once(tmp_path: Path) -> None:
    asked: list[str] = []
    readiness.replace_by(lambda: asked.append("asked"))
    app = app_with(tmp_path, "def register(): 1 / 0", readiness_path="/ready")
    assert [call(app, target="/ready").status for _ in range(3)] == [503] * 3
    assert asked == ["asked"]


def test_a_fallback_answers_its_own_paths_when_the_start_has_failed(tmp_path: Path) -> None:
    def fallback(environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", [])  # type: ignore[operator]
        return [b"theirs"]

    app = App(
        project(tmp_path, {"pages/api/x.py": HELLO, "instrumentation.py": "def register(): 1 / 0"}),
        fallback=fallback,
    )
    assert call(app, target="/api/x").status == 503
    assert call(app, target="/elsewhere").text == "theirs"


@pytest.mark.parametrize("kind", ["", "async "])
def test_what_makes_no_mapping_is_resumed_nevertheless(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, f"{kind}def register():\n    yield 3\n    see('end')\n")
    with pytest.raises(LifespanError):
        app.start()
    until(lambda: seen(tmp_path) == ["end"])


@pytest.mark.parametrize(
    "source",
    [
        "import time\ndef register():\n    time.sleep(1)\n    yield\n    see('end')\n",
        "import asyncio\nasync def register():\n"
        "    try:\n        await asyncio.sleep(60)\n    finally:\n        see('end')\n",
    ],
)
def test_a_start_that_takes_too_long_is_told_with_its_line_and_ends(tmp_path: Path, source: str) -> None:
    app = app_with(tmp_path, source, start_timeout=0.2)
    with pytest.raises(LifespanError, match=r"within 0\.2 s") as raised:
        app.start()
    assert "sleep" in (raised.value.problems[0].source or "")
    assert "start_timeout" in raised.value.problems[0].remedy
    until(lambda: seen(tmp_path) == ["end"])


@pytest.mark.parametrize("kind", ["", "async "])
def test_an_end_that_fails_is_logged_and_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    app = app_with(tmp_path, f"{kind}def register():\n    yield\n    1 / 0\n")
    app.start()
    with pytest.raises(LifespanError, match="ZeroDivisionError"):
        app.stop()
    assert ["did not end" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize("kind", ["", "async "])
def test_a_second_yield_is_an_error_of_the_end(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, f"{kind}def register():\n    yield\n    yield\n")
    app.start()
    with pytest.raises(LifespanError, match="second time"):
        app.stop()


def test_an_end_that_takes_too_long_is_told_with_its_line(tmp_path: Path) -> None:
    source = "import asyncio\nasync def register():\n    yield\n    await asyncio.sleep(60)\n"
    app = app_with(tmp_path, source)
    app.start()
    with pytest.raises(LifespanError, match=r"within 0\.1 s") as raised:
        app.stop(within=0.1)
    assert raised.value.problems[0].source == "await asyncio.sleep(60)"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs asyncio.TaskGroup")
def test_a_background_task_that_fails_ends_register_and_the_worker(tmp_path: Path) -> None:
    source = (
        "import asyncio\nasync def work():\n    raise LookupError('of the task')\n"
        "async def register():\n    try:\n        async with asyncio.TaskGroup() as tasks:\n"
        "            tasks.create_task(work())\n            yield\n    finally:\n        see('end')\n"
    )
    app_with(tmp_path, source)
    body = "from apiroutes.readiness import is_ready\nfrom tests.support import until\napp.start()\n"
    ended = run_program(tmp_path, body + "until(lambda: not is_ready())\n")
    assert (ended.returncode, seen(tmp_path)) == (0, ["end"]), ended.stderr
    assert "of the task" in ended.stderr


# -- work after responses


def test_work_after_responses_is_drained_before_register_goes_on(tmp_path: Path) -> None:
    app = app_with(tmp_path, FORMS["generator"][0])
    seconds: list[float] = []

    def drain(within: float) -> None:
        assert seen(tmp_path) == ["start"]
        seconds.append(within)

    app._lifespan.add_drain(drain)
    app.start()
    app.stop(within=5)
    assert seen(tmp_path) == ["start", "end"]
    assert 0 < seconds[0] <= 4  # a second is left for `register`


@pytest.mark.parametrize("form", ["generator", "async generator"])
def test_work_that_hangs_leaves_register_time_to_end(tmp_path: Path, form: str) -> None:
    app = app_with(tmp_path, FORMS[form][0])
    app._lifespan.add_drain(time.sleep)
    app.start()
    app.stop(within=2)
    assert seen(tmp_path) == ["start", "end"]
