"""The threads and tasks of work after responses: their number, their time limit, and their end."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from apiroutes import App, readiness
from tests.after_cases import INTERFACES, KINDS, served
from tests.support import project, until

BOTH = pytest.mark.parametrize("interface", INTERFACES)
EACH = pytest.mark.parametrize("kind", KINDS)
HOLD = "def GET():\n    after(hold, 1)\n    return {}\n"


def texts(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if part in record.getMessage()]


# -- side by side


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_as_many_functions_run_at_once_as_there_are_threads(tmp_path: Path, threads: int) -> None:
    site = served(tmp_path, HOLD, after_threads=threads)
    with site.held():
        for _ in range(5):
            site.call()
        for _ in range(threads):
            assert site.library.begun.acquire(timeout=20)
        assert not site.library.begun.acquire(timeout=0.1)
    assert len(site.ran) == 5


@BOTH
def test_coroutines_need_no_thread(tmp_path: Path, interface: str) -> None:
    source = (
        "def GET():\n    after(hold_on_loop, 1)\n    return {}\n"
        "def POST():\n    after(note, 2)\n    return {}\n"
    )
    site = served(tmp_path, source, interface, after_threads=1)
    with site.held():
        for _ in range(20):
            site.call()
        for _ in range(20):
            assert site.library.begun.acquire(timeout=20)
        site.call("POST")
        until(lambda: site.library.ran == [(2,)])
    assert site.ran == [(2,)] + [(1,)] * 20


def test_a_request_that_waits_for_a_coroutine_holds_no_thread(tmp_path: Path) -> None:
    source = (
        "def GET():\n    after(hold_on_loop, 1)\n    after(note, 2)\n    return {}\n"
        "def POST():\n    after(note, 3)\n    return {}\n"
    )
    site = served(tmp_path, source, after_threads=1)
    with site.held():
        site.call()
        assert site.library.begun.acquire(timeout=20)
        site.call("POST")
        until(lambda: site.library.ran == [(3,)])
    assert site.ran == [(3,), (1,), (2,)]


def test_coroutines_run_on_the_loop_of_async_handlers(tmp_path: Path) -> None:
    source = (
        "async def see(): ran.append(asyncio.get_running_loop())\n"
        "async def GET():\n    ran.append(asyncio.get_running_loop())\n    after(see)\n    return {}\n"
    )
    site = served(tmp_path, source)
    site.call()
    first, second = site.ran
    assert first is second


def test_over_asgi_they_run_on_the_servers_loop(tmp_path: Path) -> None:
    source = (
        "async def see(): ran.append(asyncio.get_running_loop())\n"
        "async def GET():\n    await see()\n    after(see)\n    return {}\n"
        "def POST():\n    after(see)\n    return {}\n"
    )
    site = served(tmp_path, source, "asgi")
    site.call()
    site.call("POST")
    assert len(set(site.ran)) == 1
    assert len(site.ran) == 3


# -- a full queue


@BOTH
@EACH
@pytest.mark.parametrize("function", ["hold", "hold_on_loop"])
def test_where_too_many_wait_a_request_does_its_own_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str, kind: str, function: str
) -> None:
    source = (
        f"def GET():\n    after({function}, 1)\n    return {{}}\n"
        "def where(): ran.append(threading.current_thread().name)\n"
        "def POST():\n    after(where)\n    return {}\n"
    )
    site = served(tmp_path, source, interface, kind, after_threads=1, after_queue=2)
    # A coroutine counts until it ends, a function until it has a thread.
    held = 2 if function == "hold_on_loop" else 3
    with site.held():
        for _ in range(held):
            site.call()
        assert site.library.begun.acquire(timeout=20)
        assert site.call("POST").status == 200
        (name,) = site.library.ran
        assert name == (threading.current_thread().name if interface == "wsgi" else "apiroutes-pool")
        assert texts(caplog, "More than 2 functions of after() wait (after_queue)")
    assert len(site.ran) == held + 1


def test_a_queue_of_none_has_every_request_do_its_own_work(tmp_path: Path) -> None:
    source = "def GET():\n    after(note, 1)\n    after(note_later, 2)\n    after(note, 3)\n    return {}\n"
    site = served(tmp_path, source, after_queue=0)
    site.call()
    assert site.library.ran == [(1,), (2,), (3,)]


# -- the time limit


@EACH
@pytest.mark.parametrize("function", ["hold", "hold_on_loop"])
def test_what_takes_too_long_is_logged_with_its_place_and_the_next_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, function: str
) -> None:
    source = f"def GET():\n    after({function}, 1)\n    after(note, 2)\n    return {{}}\n"
    site = served(tmp_path, source, kind=kind, after_timeout=0.1, after_threads=1)
    with site.held():
        site.call()
        until(lambda: site.library.ran == [(2,)])
    assert f"GET /api/x failed after its response, in `{function}` (" in caplog.text
    assert "TimeoutError: it has not ended within after_timeout, 0.1 s" in caplog.text
    line = "gate.wait(20)" if function == "hold" else "await asyncio.sleep(0.005)"
    assert line in caplog.text


def test_a_late_coroutine_is_cancelled(tmp_path: Path) -> None:
    source = (
        "async def wait():\n    try:\n        await asyncio.sleep(20)\n"
        "    except asyncio.CancelledError:\n        ran.append('cancelled')\n        raise\n"
        "def GET():\n    after(wait)\n    return {}\n"
    )
    site = served(tmp_path, source, after_timeout=0.1)
    site.call()
    until(lambda: site.library.ran == ["cancelled"])


def test_and_one_that_a_plain_function_waits_for(tmp_path: Path) -> None:
    source = (
        "async def wait():\n    try:\n        await asyncio.sleep(20)\n"
        "    finally:\n        ran.append('cancelled')\n"
        "def GET():\n    after(lambda: wait())\n    return {}\n"
    )
    site = served(tmp_path, source, after_timeout=0.1)
    site.call()
    until(lambda: site.library.ran == ["cancelled"])


def test_what_ends_late_changes_nothing_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = (
        "def fail_late():\n    gate.wait(20)\n    begun.release()\n    raise ValueError('late')\n"
        "def GET():\n    after(fail_late)\n    return {}\ndef POST():\n    after(note, 2)\n    return {}\n"
    )
    site = served(tmp_path, source, after_timeout=0.1, after_threads=1)
    with site.held():
        site.call()
        until(lambda: bool(texts(caplog, "in `fail_late`")))
    assert site.library.begun.acquire(timeout=20)
    site.call("POST")
    assert site.ran == [(2,)]
    assert "ValueError" not in caplog.text


@pytest.fixture
def replacement(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A server that can replace this process, and whether it was asked to."""
    asked = threading.Event()
    monkeypatch.setattr(readiness, "_state", type(readiness._state)())
    readiness.replace_by(asked.set)
    return asked


@pytest.mark.parametrize("function", ["hold", "hold_stubbornly"])
def test_what_goes_on_for_too_long_has_the_process_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, replacement: threading.Event, function: str
) -> None:
    source = (
        "async def hold_stubbornly(x):\n    while not gate.is_set():\n        try:\n"
        "            await asyncio.sleep(0.01)\n        except asyncio.CancelledError:\n            pass\n"
        f"def GET():\n    after({function}, 1)\n    return {{}}\n"
    )
    site = served(tmp_path, source, after_timeout=0.05, abandon_timeout=0.1)
    with site.held():
        site.call()
        assert replacement.wait(20)
        until(lambda: bool(texts(caplog, "being replaced")))
    # Or the one that watches it would ask another test's server.
    until(lambda: not site.app.work_pool._threads._is_watched)
    (text,) = texts(caplog, "being replaced")
    assert text.startswith("a function of after() has been running for 0.1 s past its after_timeout")


def test_no_more_threads_are_left_behind_than_handlers_may_be(tmp_path: Path) -> None:
    """Then functions wait until one of them ends."""
    site = served(tmp_path, HOLD, after_timeout=0.05, after_threads=1, max_abandoned_handlers=2)
    with site.held():
        for _ in range(5):
            site.call()
        assert site.library.begun.acquire(timeout=20)
        assert site.library.begun.acquire(timeout=20)
        assert not site.library.begun.acquire(timeout=0.3)
        assert site.library.ran == []
    until(lambda: len(site.library.ran) == 5)  # nobody waits for those that are left behind


# -- errors


@BOTH
@EACH
def test_one_failure_does_not_stop_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, interface: str, kind: str
) -> None:
    source = (
        "async def fail_later():\n    await asyncio.sleep(0)\n    raise KeyError('later')\n"
        "def leave(): raise SystemExit(3)\n"
        "def GET():\n    after(fail, 1)\n    after(fail_later)\n    after(leave)\n    after(note, 2)\n"
        "    return {}\n"
    )
    site = served(tmp_path, source, interface, kind)
    site.call(headers=[("X-Request-Id", "abc")])
    assert site.ran == [(1,), (2,)]
    named = [text.partition(" (")[0] for text in texts(caplog, "failed after its response")]
    begin = "GET /api/x [abc] failed after its response, in"
    assert named == [f"{begin} `fail`", f"{begin} `fail_later`", f"{begin} `leave`"]
    (record, *_) = [record for record in caplog.records if "failed after" in record.getMessage()]
    assert (record.levelno, vars(record)["route"], vars(record)["request_id"]) == (40, "/api/x", "abc")


def test_observers_of_faults_hear_of_it(tmp_path: Path) -> None:
    site = served(tmp_path, "def GET():\n    after(fail, 1)\n    return {}\n")
    heard: list[Any] = []
    site.app._request._fault_observers = (lambda *given: heard.append(given),)
    site.call()
    site.drain()
    ((error, request, event),) = heard
    assert (str(error), request.path) == ("broken", "/api/x")
    assert re.fullmatch(r"failed after its response, in `fail` \(.+\.py:\d+\)", event)


# -- all at once


@pytest.mark.parametrize("queue", [0, 3, 1000])
def test_no_function_is_forgotten_or_run_twice(tmp_path: Path, queue: int) -> None:
    source = (
        "def more(n):\n    note(n)\n    if n % 5 == 0: after(note, -n)\n"
        "async def more_later(n):\n    await note_later(n)\n    if n % 5 == 0: after(note, -n)\n"
        "def GET(n: int):\n"
        "    for k in range(4): after([more, more_later][(n + k) % 2], 10 * n + k)\n    return {}\n"
    )
    site = served(tmp_path, source, after_queue=queue, after_threads=3)

    def send(start: int) -> None:
        for n in range(start, start + 20):
            site.call(target=f"/api/x?n={n}")

    threads = [threading.Thread(target=send, args=(start,)) for start in (1, 101, 201, 301)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [10 * n + k for start in (1, 101, 201, 301) for n in range(start, start + 20) for k in range(4)]
    ran = [n for (n,) in site.ran]
    assert sorted(n for n in ran if n > 0) == given
    assert sorted(-n for n in ran if n < 0) == [n for n in given if n % 5 == 0]
    places = {n: place for place, n in enumerate(ran)}
    assert all(places[n] < places[n + 1] for n in given if n % 10 < 3)
    pool = site.app.work_pool
    assert (pool._waiting, pool._busy, pool._active, pool._running) == (0, 0, set(), set())


# -- the end


def test_draining_waits_for_what_runs_and_what_waits(tmp_path: Path) -> None:
    source = (
        "def GET():\n    for n in range(50):\n        after([note, note_later][n % 2], n)\n    return {}\n"
    )
    site = served(tmp_path, source)
    for _ in range(4):
        site.call()
    site.drain()
    assert len(site.library.ran) == 200


def test_draining_waits_for_requests_that_have_not_ended(tmp_path: Path) -> None:
    site = served(tmp_path, "def GET():\n    after(note, 1)\n    return {}\n")
    content = site.begin()
    seen: list[Any] = []
    drains = threading.Thread(target=lambda: seen.append(site.ran))
    drains.start()
    content.close()
    drains.join()
    assert seen == [[(1,)]]


def test_what_a_request_leaves_that_does_not_end_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = served(tmp_path, "def GET():\n    after(note, 1)\n    return {}\n")
    content = site.begin()
    site.drain(0.01)
    content.close()
    assert len(texts(caplog, "lost at the end of the process: `note` (")) == 1
    assert site.ran == []


def test_without_work_draining_ends_at_once(tmp_path: Path) -> None:
    site = served(tmp_path, HOLD)
    site.drain(3600)


@EACH
def test_what_is_left_at_the_end_is_logged_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.WARNING)
    source = (
        "def GET():\n    after(hold, 1)\n    after(note, 2)\n    return {}\n"
        "def POST():\n    after(hold_on_loop, 3)\n    return {}\n"
        "def PUT():\n    after(note, 4)\n    return {}\n"
    )
    site = served(tmp_path, source, kind=kind, after_threads=1)
    with site.held():
        site.call()
        site.call("POST")
        site.call("PUT")
        assert site.library.begun.acquire(timeout=20)
        assert site.library.begun.acquire(timeout=20)
        site.drain(0.05)
        lost = [
            (text.partition(":")[0], text.partition("`")[2].partition("`")[0])
            for text in texts(caplog, "lost at the end of the process")
        ]
        assert sorted(lost) == [
            ("GET /api/x", "hold"),
            ("GET /api/x", "note"),
            ("POST /api/x", "hold_on_loop"),
            ("PUT /api/x", "note"),
        ]
    assert (2,) not in site.ran
    assert (4,) not in site.ran


def test_after_the_end_it_takes_work_again(tmp_path: Path) -> None:
    """An App that was stopped can be started again, as a test client does."""
    source = HOLD + "def POST():\n    after(note, 2)\n    return {}\n"
    site = served(tmp_path, source, after_threads=1)
    with site.held():
        site.call()
        assert site.library.begun.acquire(timeout=20)
        site.drain(0.01)
        for _ in range(3):
            site.call("POST")
        until(lambda: site.library.ran == [(2,)] * 3)


ALONE = """
import os
from pathlib import Path
from tests.after_cases import served

site = served(Path({root!r}), {source!r}, after_threads=1, {settings})
site.call()
assert site.library.begun.acquire(timeout=20)
"""


@pytest.mark.costly
@pytest.mark.parametrize("function", ["hold", "hold_on_loop"])
def test_a_process_waits_for_it_within_the_graceful_timeout(tmp_path: Path, function: str) -> None:
    source = f"def GET():\n    after({function}, 1)\n    return {{}}\n"
    program = ALONE.format(root=str(tmp_path), source=source, settings="graceful_timeout=1")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert f"GET /api/x: lost at the end of the process: `{function}` (" in done.stderr


@pytest.mark.costly
@pytest.mark.parametrize("function", ["hold", "hold_on_loop"])
def test_a_process_ends_when_it_has_ended(tmp_path: Path, function: str) -> None:
    source = f"def GET():\n    after({function}, 1)\n    after(note, 2)\n    return {{}}\n"
    program = ALONE.format(root=str(tmp_path), source=source, settings="graceful_timeout=20")
    program += "import atexit, time\natexit.register(lambda: print(site.library.ran))\n"
    program += "import threading\nthreading.Timer(0.3, site.library.gate.set).start()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[(1,), (2,)]\n"


FORK = """
site.call("POST")
if os.fork() == 0:
    site.call("POST")
    site.drain()
    os._exit(0 if site.library.ran == [(os.getpid(),), (2,)] else 1)
_, status = os.wait()
assert status == 0, status
with site.held():
    pass
assert site.library.ran == [(1,), (os.getpid(),), (2,)], site.library.ran
"""


@pytest.mark.costly
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_has_threads_of_its_own(tmp_path: Path) -> None:
    """What the parent has left to do stays the parent's."""
    source = (
        "import os\n"
        + HOLD
        + "def POST():\n    after(note, os.getpid())\n    after(note_later, 2)\n    return {}\n"
    )
    program = ALONE.format(root=str(tmp_path), source=source, settings="") + FORK
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# -- the end of a server's loop

WAITS_ON_LOOP = """
import asyncio
from apiroutes import after

begun = asyncio.Event()

async def wait(number):
    begun.set()
    await asyncio.sleep(60)

async def give_up():
    begun.set()
    raise asyncio.CancelledError

async def GET():
    after(wait, 1)
    after(wait, 2)
    return {}

async def PUT():
    after(give_up)
    return {}

async def POST():
    await begun.wait()
    return {}
"""


def on_loop_that_ends(tmp_path: Path, method: str) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": WAITS_ON_LOOP}))

    async def call() -> None:
        transport = httpx.ASGITransport(app=app.asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            for each in (method, "POST"):
                assert (await client.request(each, "/api/x")).status_code == 200

    asyncio.run(call())


def test_coroutines_that_a_loop_cancels_at_its_end_are_lost_and_so_are_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    on_loop_that_ends(tmp_path, "GET")
    running, waiting = texts(caplog, "lost at the end of the process: `wait` (")
    assert running.endswith("which had not ended")
    assert waiting.endswith("which was to run after its response")
    assert texts(caplog, "failed") == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="a task does not tell who has cancelled it")
def test_a_coroutine_that_ends_as_if_it_was_cancelled_has_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    on_loop_that_ends(tmp_path, "PUT")
    assert len(texts(caplog, "failed after its response, in `give_up` (")) == 1
    assert texts(caplog, "lost at the end") == []
