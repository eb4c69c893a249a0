"""Start and stop on real servers: a worker starts before its first request, and stops after its last."""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.client import Answer
from tests.acceptance.lives import (
    MAIN,
    OTHERS,
    Life,
    Server,
    instrumentation,
    misplaced,
    names_line,
    starting,
    without_stop,
)
from tests.acceptance.load import Load
from tests.acceptance.servers import SECONDS
from tests.support import until

pytestmark = pytest.mark.slow

KINDS = ("sync", "async")
# Each server takes turns in having the one and the other.
TURNS = [(name, KINDS[place % 2]) for place, name in enumerate(MAIN)]
# One of each main process, and of both interfaces.
EACH = ("gthread", "gunicorn-asgi", "granian", "uvicorn")
NUMBER_OF_WORKERS = 2


# -- from the start to TERM, with requests and late work that run then

WORK = """
import asyncio, time
from notes import note

def work():
    note("work")
    time.sleep(0.5)
    note("worked")

async def work_async():
    note("work")
    await asyncio.sleep(0.5)
    note("worked")
"""
SLOW = """
import asyncio, time
from apiroutes import after
from notes import note
from work import work, work_async

{word}def GET():
    note("begin")
    after({work})
    {sleep}(0.7)
    note("end")
    return "whole"

def POST():
    after(work)
    after(work_async)
    return "later"
"""
WORKING = {
    "work.py": WORK,
    "pages/api/slow.py": SLOW.format(word="", work="work", sleep="time.sleep"),
    "pages/api/slow-async.py": SLOW.format(word="async ", work="work_async", sleep="await asyncio.sleep"),
}
SLOW_PATHS = ("/api/slow", "/api/slow-async")


class WholeLife(NamedTuple):
    name: str
    kind: str
    life: Life
    answers: dict[str, Answer]


WHOLE = [
    *((name, kind) for name in ("gthread", "granian-asgi", "uvicorn") for kind in KINDS),
    *(("sync", "async"), ("gunicorn-asgi", "sync"), ("granian", "async")),
    *((name, "async") for name in OTHERS),
]


@pytest.fixture(scope="module", params=WHOLE, ids="-".join)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> WholeLife:
    """The life of a server that is told to stop during two requests, and while there is late work."""
    name, kind = request.param
    command = (MAIN | OTHERS)[name](NUMBER_OF_WORKERS)
    answers: dict[str, Answer] = {}
    with starting(command, tmp_path_factory.mktemp(name), instrumentation(kind) | WORKING) as server:
        if name in MAIN:
            server.until("started", NUMBER_OF_WORKERS)  # the idle worker, too
        for path in ("/api/state", "/api/loop", "/api/fails"):
            answers[path] = server.get(path)
        with ThreadPoolExecutor() as pool:
            assert server.request("POST", SLOW_PATHS[0]).text == "later"
            running = {path: pool.submit(server.get, path) for path in SLOW_PATHS}
            server.until("begin", len(running))
            server.signal(signal.SIGTERM)
            answers |= {path: answer.result() for path, answer in running.items()}
        life = server.wait()
    return WholeLife(name, kind, life, answers)


def test_each_start_has_its_stop(whole: WholeLife) -> None:
    assert without_stop(whole.life.events) == set()


def test_every_request_lies_between_the_start_and_the_stop_of_its_worker(whole: WholeLife) -> None:
    assert misplaced(whole.life.events) == []


def test_every_worker_starts(whole: WholeLife) -> None:
    starts = whole.life.names().count("started")
    assert starts == NUMBER_OF_WORKERS if whole.name in MAIN else starts >= 1


def test_handlers_see_what_register_has_yielded(whole: WholeLife) -> None:
    state = whole.answers["/api/state"].json()
    assert state["state"] == state["process"]


def test_register_runs_on_the_loop_of_the_handlers(whole: WholeLife) -> None:
    loops = whole.answers["/api/loop"].json()
    assert loops["state"] == (loops["handler"] if whole.kind == "async" else None)


def test_a_fault_is_told_to_the_project(whole: WholeLife) -> None:
    assert whole.answers["/api/fails"].status == 500
    assert whole.life.names().count("heard-of-ZeroDivisionError-at-/api/fails") == 1


def test_requests_that_run_at_term_are_answered(whole: WholeLife) -> None:
    answers = [whole.answers[path] for path in SLOW_PATHS]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "whole")] * 2


def test_late_work_is_finished_before_the_stop(whole: WholeLife) -> None:
    assert [whole.life.names().count(name) for name in ("work", "worked")] == [4, 4]


def test_the_end_is_no_failure(whole: WholeLife) -> None:
    # uvicorn's own command repeats the signal that has ended it.
    assert whole.life.status == (-signal.SIGTERM if whole.name == "plain-uvicorn" else 0)
    assert whole.life.log.count("Traceback") == 1  # that of the fault


# -- workers that are replaced

STUCK = {
    "pages/api/stuck.py": (
        "import time\nconfig = {'maxDuration': 0.1}\ndef GET():\n    while True: time.sleep(0.01)\n"
    ),
}


class Succession(NamedTuple):
    name: str
    life: Life
    killed: int
    abandoned: int
    load: Load


@pytest.fixture(scope="module", params=TURNS, ids="-".join)
def succession(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Succession:
    """The life of a server with a killed worker, one that is replaced, and five reloads under load."""
    name, kind = request.param
    files = instrumentation(kind) | STUCK
    variables = {"APIROUTES_ABANDON_TIMEOUT": "0.2"}
    with starting(MAIN[name](1), tmp_path_factory.mktemp(name), files, **variables) as server:
        killed = _worker(server)
        os.kill(killed, signal.SIGKILL)
        abandoned = _worker_after(server, killed)
        assert server.get("/api/stuck").status == 504
        _worker_after(server, abandoned)
        server.until("stopped")
        with Load(lambda: nullcontext(partial(server.get, "/api/state")), 2) as load:
            for _ in range(5):
                starts = server.count("started")
                server.signal(signal.SIGHUP)
                server.until("started", starts + 1)
        until(lambda: server.count("stopped") == server.count("started") - 2)  # one was killed, one serves
        life = server.stop()
    return Succession(name, life, killed, abandoned, load)


def _worker(server: Server) -> int:
    found = server.worker()
    assert found is not None
    return found


def _worker_after(server: Server, predecessor: int) -> int:
    """Wait until another worker answers, and return it."""
    found: list[int | None] = [None]

    def is_another() -> bool:
        found[0] = server.worker()
        return found[0] not in (None, predecessor)

    until(is_another)
    assert found[0] is not None
    return found[0]


def test_only_a_worker_that_is_killed_does_not_stop(succession: Succession) -> None:
    assert without_stop(succession.life.events) == {succession.killed}


def test_a_worker_with_a_handler_that_hangs_stops(succession: Succession) -> None:
    assert ("stopped", succession.abandoned) in succession.life.events


def test_five_reloads_lose_no_request(succession: Succession) -> None:
    # granian closes a connection whose request it has not read yet: a client may send it again.
    allowed = ("RemoteDisconnected(",) if succession.name.startswith("granian") else ()
    assert [failure for failure in succession.load.failures if not failure.startswith(allowed)] == []
    assert succession.load.count > 0


def test_requests_under_reloads_lie_between_start_and_stop(succession: Succession) -> None:
    assert misplaced(succession.life.events) == []


LIMITED = {
    "gthread": "--max-requests",
    "gunicorn-asgi": "--max-requests",
    "uvicorn": "--limit-max-requests",
}


@pytest.mark.parametrize(("name", "flag"), LIMITED.items())
def test_a_worker_that_has_answered_enough_requests_stops(tmp_path: Path, name: str, flag: str) -> None:
    with starting([*MAIN[name](1), flag, "3"], tmp_path, instrumentation("sync")) as server:
        until(lambda: server.worker() is not None and server.count("started") >= 3)
        life = server.stop()
    assert (without_stop(life.events), misplaced(life.events)) == (set(), [])


@pytest.mark.parametrize("name", MAIN)
def test_a_reload_whose_start_fails_leaves_the_old_workers_serving(tmp_path: Path, name: str) -> None:
    with starting(MAIN[name](1), tmp_path, instrumentation("async")) as server:
        first = _worker(server)
        server.write("fail-start")
        server.signal(signal.SIGHUP)
        server.until("stopped")  # of the start that has failed
        assert server.worker() == first
        server.remove("fail-start")
        server.signal(signal.SIGHUP)
        _worker_after(server, first)
        life = server.stop()
    assert names_line(life.log, 'fail("fail-start")')
    assert (without_stop(life.events), life.status) == (set(), 0)


def test_development_starts_anew_at_each_reload(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
    with starting(command, tmp_path, instrumentation("async")) as server:
        before = _worker(server)
        for version in range(2):
            server.write("pages/api/version.py", f"def GET(): return {version}\n")
            before = _worker_after(server, before)
        life = server.stop()
    assert life.names().count("started") == 3
    assert (without_stop(life.events), misplaced(life.events)) == (set(), [])


# -- starts and stops that fail, or take their time

STARTS = {**MAIN, "plain-uvicorn": OTHERS["plain-uvicorn"]}
# A server that does not start says so.
NOT_STARTED = 3


@pytest.mark.parametrize("name", STARTS)
def test_a_start_that_fails_ends_the_server(tmp_path: Path, name: str) -> None:
    files = instrumentation("sync") | {"fail-start": ""}
    with starting(STARTS[name](1), tmp_path, files) as server:
        life = server.wait()
    assert life.status == NOT_STARTED
    assert life.names() == ["start", "stop", "stopped"]
    assert names_line(life.log, 'fail("fail-start")')


@pytest.mark.parametrize("name", ["plain-gunicorn", "preload"])
def test_a_start_at_the_first_request_that_fails_is_a_503(tmp_path: Path, name: str) -> None:
    with starting(OTHERS[name](1), tmp_path, instrumentation("sync") | {"fail-start": ""}) as server:
        assert [server.get("/api/state").status for _ in range(3)] == [503] * 3
        life = server.stop()
    assert life.names() == ["start", "stop", "stopped"]
    assert names_line(life.log, 'fail("fail-start")')


@pytest.mark.parametrize(("name", "kind"), [(name, KINDS[place % 2]) for place, name in enumerate(STARTS)])
def test_a_start_that_blocks_ends_the_server(tmp_path: Path, name: str, kind: str) -> None:
    files = instrumentation(kind) | {"slow-start": "3600"}
    with starting(STARTS[name](1), tmp_path, files, APIROUTES_START_TIMEOUT="0.5") as server:
        life = server.wait()
    assert life.status == NOT_STARTED
    assert life.names().count("start") == 1
    assert "instrumentation.py" in life.log
    assert "start_timeout" in life.log


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MAIN)
def test_term_during_the_start_lets_it_stop(tmp_path: Path, name: str, kind: str) -> None:
    files = instrumentation(kind) | {"slow-start": "0.5"}
    with starting(MAIN[name](1), tmp_path, files) as server:
        server.until("start")
        life = server.stop()
    assert (without_stop(life.events), life.status) == (set(), 0)


@pytest.mark.parametrize("name", MAIN)
def test_term_during_a_reload_lets_its_start_stop(tmp_path: Path, name: str) -> None:
    with starting(MAIN[name](1), tmp_path, instrumentation("sync")) as server:
        _worker(server)
        server.write("slow-start", "0.5")
        server.signal(signal.SIGHUP)
        server.until("start", 2)
        life = server.stop()
    assert (without_stop(life.events), life.status) == (set(), 0)


@pytest.mark.parametrize("name", EACH)
def test_term_ends_a_start_that_blocks(tmp_path: Path, name: str) -> None:
    files = instrumentation("sync") | {"slow-start": "3600"}
    with starting(MAIN[name](1), tmp_path, files, APIROUTES_GRACEFUL_TIMEOUT="1") as server:
        server.until("start")
        assert server.stop().status == 0


@pytest.mark.parametrize(("name", "kind"), TURNS)
def test_term_during_a_stop_does_not_disturb_it(tmp_path: Path, name: str, kind: str) -> None:
    files = instrumentation(kind) | {"slow-stop": "0.7", "fail-stop": ""}
    with starting(MAIN[name](1), tmp_path, files) as server:
        worker = _worker(server)
        server.signal(signal.SIGTERM)
        server.until("stop")
        server.signal(signal.SIGTERM)
        os.kill(worker, signal.SIGTERM)  # as a service manager does that sends it to all processes
        life = server.wait()
    assert [event.name for event in life.events] == ["start", "started", "request", "stop", "stopped"]
    assert life.status == 0
    assert names_line(life.log, 'fail("fail-stop")')  # and a stop that fails is logged


@pytest.mark.parametrize("name", MAIN)
def test_a_stop_that_blocks_is_ended(tmp_path: Path, name: str) -> None:
    files = instrumentation("async") | {"slow-stop": "3600"}
    with starting(MAIN[name](1), tmp_path, files, APIROUTES_GRACEFUL_TIMEOUT="2") as server:
        _worker(server)
        life = server.stop()
    assert "stop" in life.names()
    assert "instrumentation.py" in life.log


HANGS = {
    "pages/api/hangs.py": (
        "import asyncio, time\nfrom apiroutes import after\nfrom notes import note\n"
        "def GET():\n    note('begin')\n    time.sleep(3600)\n"
        "def hangs():\n    note('begin')\n    time.sleep(3600)\n"
        "async def hangs_async():\n    note('begin')\n    await asyncio.sleep(3600)\n"
        "def POST(res):\n    after(hangs)\n    res.status(204)\n"
        "def PUT(res):\n    after(hangs_async)\n    res.status(204)\n"
    ),
}


@pytest.mark.parametrize("name", MAIN)
def test_late_work_that_hangs_is_named_and_does_not_keep_the_server(tmp_path: Path, name: str) -> None:
    files = instrumentation("async") | HANGS
    with starting(MAIN[name](1), tmp_path, files, APIROUTES_GRACEFUL_TIMEOUT="2") as server:
        for method in ("POST", "PUT"):
            assert server.request(method, "/api/hangs").status == 204
        server.until("begin", 2)
        life = server.stop()
    assert without_stop(life.events) == set()
    assert ("hangs" in life.log, "hangs_async" in life.log, life.status) == (True, True, 0)


@pytest.mark.parametrize("name", MAIN)
def test_a_request_that_hangs_does_not_keep_the_worker_from_its_stop(tmp_path: Path, name: str) -> None:
    files = instrumentation("async") | HANGS
    with (
        starting(MAIN[name](1), tmp_path, files, APIROUTES_GRACEFUL_TIMEOUT="2") as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as client,
    ):
        client.sendall(b"GET /api/hangs HTTP/1.1\r\nHost: x\r\n\r\n")
        server.until("begin")
        life = server.stop()
    assert (without_stop(life.events), life.status) == (set(), 0)
    assert "GET '/api/hangs' (pages/api/hangs.py:6) is still in progress" in life.log


# -- clients that leave

RESOURCE = """
import asyncio, time
from typing import Annotated
from apiroutes import Depends, stream
from notes import note

{word}def resource():
    note("open")
    try:
        yield "resource"
    finally:
        note("close")

Resource = Annotated[str, Depends(resource)]

{word}def POST(body, held: Resource):
    note("handled")
    return body

{word}def GET(req, held: Resource):
    if req.query["kind"] == "stream":
        return stream(chunks())
    note("begin")
    {sleep}(0.3 if req.query["kind"] == "during" else 0)
    return "whole"

{word}def chunks():
    while True:
        yield b"x" * 1000
        {sleep}(0.01)
"""
RESOURCES = {
    "pages/api/resource.py": RESOURCE.format(word="", sleep="time.sleep"),
    "pages/api/resource-async.py": RESOURCE.format(word="async ", sleep="await asyncio.sleep"),
}
PATHS = ("/api/resource", "/api/resource-async")
HALF_A_BODY = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nhalf"


def _leave(client: socket.socket) -> None:
    """Reset the connection."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def _visit(server: Server, path: str) -> None:
    """Leave before the handler is called, while it runs, after it, and during its stream."""

    def connect(request: str) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)
        client.sendall(request.encode())
        return client

    def get(kind: str) -> str:
        return f"GET {path}?kind={kind} HTTP/1.1\r\nHost: x\r\n\r\n"

    _leave(connect(HALF_A_BODY.format(path)))
    begun = server.count("begin")
    client = connect(get("during"))
    server.until("begin", begun + 1)
    _leave(client)
    client = connect(get("after"))
    assert client.recv(2**16).startswith(b"HTTP/1.1 200")
    _leave(client)
    client = connect(get("stream"))
    assert client.recv(2**16).startswith(b"HTTP/1.1 200")
    _leave(client)


@pytest.fixture(scope="module", params=MAIN)
def visited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The life of a server whose clients leave before, during and after a request, and during a stream."""
    files = instrumentation("async") | RESOURCES
    with starting(MAIN[request.param](1), tmp_path_factory.mktemp("visited"), files) as server:
        for path in PATHS:
            _visit(server, path)
        until(lambda: server.count("close") == server.count("open") >= 3 * len(PATHS))
        return server.stop()


def test_what_a_dependency_opens_is_closed_whenever_the_client_leaves(visited: Life) -> None:
    names = visited.names()
    assert names.count("open") == names.count("close") >= 3 * len(PATHS)


def test_half_a_request_reaches_no_handler(visited: Life) -> None:
    assert "handled" not in visited.names()


def test_dependencies_are_closed_before_the_stop(visited: Life) -> None:
    assert (without_stop(visited.events), misplaced(visited.events)) == (set(), [])


def test_a_client_that_leaves_is_no_fault(visited: Life) -> None:
    assert "Traceback" not in visited.log
