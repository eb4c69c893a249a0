"""HUP replaces the workers of every server, unless the new code does not start.

The main process does not block meanwhile: it looks after its workers, and stops when told to.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import granian, gunicorn_asgi, main_process, serve, uvicorn
from tests.support import project, until

pytestmark = pytest.mark.slow

VERSION = "def GET():\n    return {}\n"
GUNICORN = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "sync": [*GUNICORN, "--worker-class", "sync"],
    "gthread": [*GUNICORN, "--worker-class", "gthread"],
    "gunicorn-asgi": gunicorn_asgi(),
    "granian": granian(),
    "granian-asgi": granian(interface="asgi"),
    "uvicorn": uvicorn(),
}


def _text(port: int) -> str:
    return Client(OverHttp(port)).request("GET", "/api/version").text


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_reload_of_code_that_does_not_start_leaves_the_old_code_serving(
    tmp_path: Path, command: list[str]
) -> None:
    project(tmp_path, {"pages/api/version.py": VERSION.format(1)})
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        assert _text(port) == "1"
        project(tmp_path, {"pages/api/version.py": "def GET(:\n"})
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: "Not reloaded, the old code keeps serving." in log.read_text())
        assert _text(port) == "1"
        assert "pages/api/version.py:1" in log.read_text()
        project(tmp_path, {"pages/api/version.py": VERSION.format(2)})
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: _text(port) == "2")


# While the file `hangs` exists, its import does not end: the check of the new code waits.
HANGS = """
import os, pathlib, time
if pathlib.Path("hangs").exists():
    pathlib.Path("checking").touch()
    time.sleep(3600)
def GET(): return {"pid": os.getpid()}
"""


def _pid(port: int) -> int:
    pid: int = Client(OverHttp(port)).request("GET", "/api/pid").json()["pid"]
    return pid


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_server_stops_while_new_code_is_checked(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, {"pages/api/pid.py": HANGS})
    log = tmp_path / "log"
    with serve(command, log, {"APIROUTES_GRACEFUL_TIMEOUT": "5"}, tmp_path) as port:
        assert _pid(port)
        (tmp_path / "hangs").touch()
        os.kill(main_process(log), signal.SIGHUP)
        until((tmp_path / "checking").exists)
        # serve() sends SIGTERM now, and fails if the server waits for the end of the check


@pytest.mark.parametrize("worker_class", ["sync", "gthread", "gunicorn-asgi"])
def test_a_worker_that_ends_while_new_code_is_checked_is_replaced(tmp_path: Path, worker_class: str) -> None:
    project(tmp_path, {"pages/api/pid.py": HANGS})
    log = tmp_path / "log"
    with serve(SERVERS[worker_class], log, {}, tmp_path) as port:
        first = _pid(port)
        (tmp_path / "hangs").touch()
        os.kill(main_process(log), signal.SIGHUP)
        until((tmp_path / "checking").exists)
        (tmp_path / "hangs").unlink()
        os.kill(first, signal.SIGKILL)
        assert _pid(port) != first


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_server_stops_after_any_number_of_reloads(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, {"pages/api/version.py": VERSION.format(1)})
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        assert _text(port) == "1"
        for _ in range(10):
            os.kill(main_process(log), signal.SIGHUP)
            assert _text(port) == "1"
        # serve() sends SIGTERM now, and waits no longer than graceful_timeout


def test_reloads_during_a_reload_count_as_one(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/pid.py": HANGS})
    log = tmp_path / "log"
    with serve(SERVERS["gthread"], log, {}, tmp_path) as port:
        assert _pid(port)
        for _ in range(10):
            before = log.read_text().count("Handling signal: hup")
            os.kill(main_process(log), signal.SIGHUP)
            until(lambda before=before: log.read_text().count("Handling signal: hup") > before)  # type: ignore[misc]
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: "Hang up: Master" in log.read_text())
    assert log.read_text().count("Hang up: Master") <= 2


# Records which process imports it, and blocks while there is a file `slow` and no `go` for the process.
SLOW = """
import os, pathlib, time
if pathlib.Path("slow").exists():
    pathlib.Path(f"started-{os.getpid()}").touch()
    while pathlib.Path("slow").exists() and not pathlib.Path(f"go-{os.getpid()}").exists(): time.sleep(0.01)
def GET(): return {"pid": os.getpid()}
"""


@pytest.mark.parametrize("worker_class", ["sync", "gthread", "gunicorn-asgi"])
def test_workers_that_are_still_starting_are_replaced_by_a_reload(tmp_path: Path, worker_class: str) -> None:
    project(tmp_path, {"pages/api/pid.py": SLOW})
    log = tmp_path / "log"

    def importing(count: int) -> list[str]:
        pids: list[str] = []
        until(lambda: bool(pids.extend(_started(tmp_path))) or len(set(pids)) == count)  # type: ignore[func-returns-value]
        return pids

    with serve(SERVERS[worker_class], log, {}, tmp_path) as port:
        first = _pid(port)
        (tmp_path / "slow").touch()
        for count in (1, 3):  # the check of the new code, and the worker, which remains in its import
            os.kill(main_process(log), signal.SIGHUP)
            for pid in importing(count):
                if f"Booting worker with pid: {pid}" not in log.read_text():
                    (tmp_path / f"go-{pid}").touch()
            importing(count + 1)
        (tmp_path / "slow").unlink()
        until(lambda: _pid(port) != first)
    text = log.read_text()
    assert "Traceback" not in text
    assert text.count("Hang up: Master") == 2


def _started(directory: Path) -> list[str]:
    return [path.name.removeprefix("started-") for path in directory.glob("started-*")]


IMPORTS = {
    "lib/__init__.py": "",
    "lib/db.py": "import os\nPID = os.getpid()\n",
    "lib/around.py": (
        "import os\nPID = os.getpid()\n"
        "def middleware(req, res, next):\n    req.context['around'] = PID\n    next()\n"
    ),
    "pages/api/pids.py": (
        "import os\nfrom lib.db import PID\n"
        "def GET(context):\n    return [PID, context['around'], os.getpid()]\n"
    ),
    "pyproject.toml": '[tool.apiroutes]\nmiddleware = ["lib.around:middleware"]\n',
}


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_only_workers_import_the_project(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, IMPORTS)
    with serve(command, tmp_path / "log", {}, tmp_path) as port:
        pids = Client(OverHttp(port)).request("GET", "/api/pids").json()
    assert len(set(pids)) == 1


@pytest.mark.parametrize(
    ("flags", "variables"),
    [(["--preload"], {}), ([], {"APIROUTES_PRELOAD": "true"})],
    ids=["flag", "setting"],
)
def test_preloading_imports_the_project_in_the_main_process(
    tmp_path: Path, flags: list[str], variables: dict[str, str]
) -> None:
    project(tmp_path, IMPORTS)
    log = tmp_path / "log"
    with serve([*SERVERS["gthread"], *flags], log, variables, tmp_path) as port:
        imported_in, around, served_by = Client(OverHttp(port)).request("GET", "/api/pids").json()
        assert imported_in == around == main_process(log) != served_by
