"""HUP replaces the workers of every server, and none of them by code that does not start."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import project

from .client import Client, OverHttp
from .servers import SECONDS, granian, serve

VERSION = "def GET():\n    return {}\n"
GUNICORN = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "sync": [*GUNICORN, "--worker-class", "sync"],
    "gthread": [*GUNICORN, "--worker-class", "gthread"],
    "granian": granian(),
}


def _text(port: int) -> str:
    return Client(OverHttp(port)).request("GET", "/api/version").text


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _main_process(log: Path) -> int:
    """The process id that the server logs when it begins."""
    found = re.search(r"main PID: (\d+)|\[(\d+)\] \[INFO\] Listening at", log.read_text())
    assert found is not None
    return int(found[1] or found[2])


@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_reload_of_code_that_does_not_start_leaves_the_old_code_serving(
    tmp_path: Path, command: list[str]
) -> None:
    project(tmp_path, {"pages/api/version.py": VERSION.format(1)})
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        assert _text(port) == "1"
        project(tmp_path, {"pages/api/version.py": "def GET(:\n"})
        os.kill(_main_process(log), signal.SIGHUP)
        _until(lambda: "Not reloaded, the old code goes on serving." in log.read_text())
        assert _text(port) == "1"
        assert "pages/api/version.py:1" in log.read_text()
        project(tmp_path, {"pages/api/version.py": VERSION.format(2)})
        os.kill(_main_process(log), signal.SIGHUP)
        _until(lambda: _text(port) == "2")
