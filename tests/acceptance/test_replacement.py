"""A worker that asks to be replaced serves until its successor does: no request is refused."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import granian, gunicorn, gunicorn_asgi, serve, uvicorn
from tests.support import project, until

pytestmark = pytest.mark.slow

FILES = {
    "pages/api/pid.py": "import os\ndef GET(): return {'pid': os.getpid()}\n",
    "pages/api/ask.py": (
        "from apiroutes.readiness import request_replacement\n"
        "def POST(): request_replacement('A handler does not end'); return 'asked'\n"
    ),
    "pages/api/slow.py": (
        "import os, pathlib, time\n"
        "def GET():\n"
        "    pathlib.Path('started').touch()\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "    return {'pid': os.getpid()}\n"
    ),
    "pyproject.toml": '[tool.apiroutes]\nreadiness_path = "/ready"\n',
}
GUNICORN = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "gthread": [*GUNICORN, "--worker-class", "gthread", "--threads", "4"],
    "gunicorn-asgi": gunicorn_asgi(),
    "granian": granian(),
    "granian-asgi": granian(interface="asgi"),
    "uvicorn": uvicorn(),
}
ALL = {**SERVERS, "sync": [*GUNICORN, "--worker-class", "sync"]}


def pid_of(port: int, path: str = "/api/pid") -> int:
    pid: int = Client(OverHttp(port)).request("GET", path).json()["pid"]
    return pid


def ask(port: int) -> None:
    assert Client(OverHttp(port)).request("POST", "/api/ask").text == "asked"


@pytest.mark.parametrize("command", ALL.values(), ids=ALL)
def test_a_worker_is_replaced_and_no_request_is_refused(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, FILES)
    with serve(command, tmp_path / "log", {}, tmp_path) as port:
        pids = [pid_of(port)]
        ask(port)
        # Each request is a connection of its own: one that is refused raises here.
        until(lambda: bool(pids.append(pid_of(port))) or pids[-1] != pids[0])  # type: ignore[func-returns-value]
        assert Client(OverHttp(port)).request("GET", "/ready").status == 200
        until(_is_gone(pids[0]))
    assert len(set(pids)) == 2


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_replaced_worker_finishes_its_requests(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, FILES)
    slow: list[int] = []
    with serve(command, tmp_path / "log", {}, tmp_path) as port:
        first = pid_of(port)
        asking = threading.Thread(target=lambda: slow.append(pid_of(port, "/api/slow")))
        asking.start()
        until((tmp_path / "started").exists)
        ask(port)
        until(lambda: pid_of(port) != first)
        (tmp_path / "go").touch()
        asking.join()
    assert slow == [first]


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_worker_that_does_not_end_is_killed_after_graceful_timeout(
    tmp_path: Path, command: list[str]
) -> None:
    project(tmp_path, FILES)
    with serve(command, tmp_path / "log", {"APIROUTES_GRACEFUL_TIMEOUT": "1"}, tmp_path) as port:
        first = pid_of(port)
        asking = threading.Thread(target=lambda: _ignoring_errors(lambda: pid_of(port, "/api/slow")))
        asking.start()
        until((tmp_path / "started").exists)
        ask(port)
        until(_is_gone(first))
        asking.join()
        assert pid_of(port) != first


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_worker_goes_on_when_its_successor_does_not_start(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, FILES)
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        first = pid_of(port)
        project(tmp_path, {"pages/api/new.py": "def GET(:\n"})
        ask(port)
        until(lambda: "did not start" in log.read_text())
        assert pid_of(port) == first


@pytest.mark.parametrize("command", ALL.values(), ids=ALL)
def test_a_server_stops_while_a_successor_starts(tmp_path: Path, command: list[str]) -> None:
    waits = "import pathlib, time\npathlib.Path('waits').touch()\ntime.sleep(3600)\n"
    project(tmp_path, FILES)
    # serve() would wait no longer than 30 seconds for the end.
    with serve(command, tmp_path / "log", {"APIROUTES_GRACEFUL_TIMEOUT": "60"}, tmp_path) as port:
        assert pid_of(port)
        project(tmp_path, {"pages/api/waits.py": waits})
        ask(port)
        until((tmp_path / "waits").exists)


def test_workers_are_replaced_one_at_a_time(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    command = [*GUNICORN[:4], "--workers", "3", *GUNICORN[6:], "--worker-class", "sync"]
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        asked: set[int] = set()
        until(lambda: bool(asked.add(pid_of(port))) or len(asked) == 3)  # type: ignore[func-returns-value]
        # Any worker may get the request; in the end another one does.
        until(lambda: bool(ask(port)) or log.read_text().count("Starting a successor") >= 2)  # type: ignore[func-returns-value]
        text = log.read_text()
        first_end = text.index("Worker exiting")
        assert text[:first_end].count("Starting a successor") == 1


def test_a_server_that_cannot_replace_workers_is_no_longer_ready(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    log = tmp_path / "log"
    with serve(gunicorn("apiroutes:create_app()"), log, {}, tmp_path) as port:
        assert Client(OverHttp(port)).request("GET", "/ready").status == 200
        first = pid_of(port)
        ask(port)
        ask(port)
        assert Client(OverHttp(port)).request("GET", "/ready").status == 503
        assert pid_of(port) == first
    assert (
        log.read_text().count("A handler does not end; this server cannot replace a worker: restart it") == 1
    )


def _is_gone(pid: int) -> Callable[[], bool]:
    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return is_gone


def _ignoring_errors(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:  # the server may cut the connection
        return
