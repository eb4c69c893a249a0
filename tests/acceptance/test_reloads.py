"""HUP replaces the workers of every server, and none of them by code that does not start.

Nothing waits meanwhile: workers are looked after, and a server that is told to stop stops.
"""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import granian, main_process, serve, until
from tests.support import project

pytestmark = pytest.mark.slow

VERSION = "def GET():\n    return {}\n"
GUNICORN = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "sync": [*GUNICORN, "--worker-class", "sync"],
    "gthread": [*GUNICORN, "--worker-class", "gthread"],
    "granian": granian(),
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


# Code that starts in a worker, and not in the process that looks whether it does.
HANGS = """
import os, pathlib, time
if pathlib.Path("hangs").exists():
    pathlib.Path("looked-at").touch()
    time.sleep(3600)
def GET(): return {"pid": os.getpid()}
"""


def _pid(port: int) -> int:
    pid: int = Client(OverHttp(port)).request("GET", "/api/pid").json()["pid"]
    return pid


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_server_stops_while_new_code_is_looked_at(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, {"pages/api/pid.py": HANGS})
    log = tmp_path / "log"
    with serve(command, log, {"APIROUTES_GRACEFUL_TIMEOUT": "5"}, tmp_path) as port:
        assert _pid(port)
        (tmp_path / "hangs").touch()
        os.kill(main_process(log), signal.SIGHUP)
        until((tmp_path / "looked-at").exists)
        # serve() sends SIGTERM now, and looks at how long it takes: less than the look at the code


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_a_worker_that_ends_while_new_code_is_looked_at_is_replaced(
    tmp_path: Path, worker_class: str
) -> None:
    project(tmp_path, {"pages/api/pid.py": HANGS})
    log = tmp_path / "log"
    with serve(SERVERS[worker_class], log, {}, tmp_path) as port:
        first = _pid(port)
        (tmp_path / "hangs").touch()
        os.kill(main_process(log), signal.SIGHUP)
        until((tmp_path / "looked-at").exists)
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
        # serve() sends SIGTERM now, and waits no longer than graceful_timeout is


def test_reloads_that_come_while_one_is_going_on_are_one(tmp_path: Path) -> None:
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


# Says which process imports it, and takes its time while there is a file called `slow`.
SLOW = """
import os, pathlib, time
if pathlib.Path("slow").exists():
    pathlib.Path(f"begun-{os.getpid()}").touch()
    while pathlib.Path("slow").exists() and not pathlib.Path(f"go-{os.getpid()}").exists(): time.sleep(0.01)
def GET(): return {"pid": os.getpid()}
"""


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_workers_that_only_begin_are_replaced_by_a_reload(tmp_path: Path, worker_class: str) -> None:
    project(tmp_path, {"pages/api/pid.py": SLOW})
    log = tmp_path / "log"

    def importing(count: int) -> list[str]:
        begun: list[str] = []
        until(lambda: bool(begun.extend(_begun(tmp_path))) or len(set(begun)) == count)  # type: ignore[func-returns-value]
        return begun

    with serve(SERVERS[worker_class], log, {}, tmp_path) as port:
        first = _pid(port)
        (tmp_path / "slow").touch()
        for count in (1, 3):  # the look at the new code, and the worker, which stays in its import
            os.kill(main_process(log), signal.SIGHUP)
            for pid in importing(count):
                if f"Booting worker with pid: {pid}" not in log.read_text():
                    (tmp_path / f"go-{pid}").touch()
            importing(count + 1)
        (tmp_path / "slow").unlink()
        until(lambda: _pid(port) != first)
    said = log.read_text()
    assert "Traceback" not in said
    assert said.count("Hang up: Master") == 2


def _begun(directory: Path) -> list[str]:
    return [path.name.removeprefix("begun-") for path in directory.glob("begun-*")]


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
def test_what_a_project_imports_is_its_workers_own(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, IMPORTS)
    with serve(command, tmp_path / "log", {}, tmp_path) as port:
        pids = Client(OverHttp(port)).request("GET", "/api/pids").json()
    assert len(set(pids)) == 1


@pytest.mark.parametrize(
    ("flags", "variables"),
    [(["--preload"], {}), ([], {"APIROUTES_PRELOAD": "true"})],
    ids=["flag", "setting"],
)
def test_preloading_imports_it_in_the_main_process(
    tmp_path: Path, flags: list[str], variables: dict[str, str]
) -> None:
    project(tmp_path, IMPORTS)
    log = tmp_path / "log"
    with serve([*SERVERS["gthread"], *flags], log, variables, tmp_path) as port:
        imported_in, around, served_by = Client(OverHttp(port)).request("GET", "/api/pids").json()
        assert imported_in == around == main_process(log) != served_by
