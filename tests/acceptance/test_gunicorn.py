"""Mistakes in gunicorn's command line are answered, not left to be guessed; reloads replace nothing by
code that does not start.
"""

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
from .servers import SECONDS, gunicorn, serve


def test_create_app_without_parentheses_says_how_to_write_it(tmp_path: Path) -> None:
    with serve(gunicorn("apiroutes:create_app"), tmp_path / "log", {}) as port:
        answer = Client(OverHttp(port)).request("GET", "/api/hello")
    assert answer.status == 503
    assert "apiroutes:create_app()" in answer.text


# Reloads: by `apiroutes start`, whose master is the process that is asked.

VERSION = "def GET():\n    return {}\n"


def _text(port: int) -> str:
    return Client(OverHttp(port)).request("GET", "/api/version").text


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _master(log: Path) -> int:
    """The process id that gunicorn logs with every line of the master."""
    found = re.search(r"\[(\d+)\] \[INFO\] Listening at", log.read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("workers", ["sync", "gthread"])
def test_a_reload_of_code_that_does_not_start_leaves_the_old_code_serving(
    tmp_path: Path, workers: str
) -> None:
    project(tmp_path, {"pages/api/version.py": VERSION.format(1)})
    command = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--"]
    command += ["--bind", "127.0.0.1:0", "--worker-class", workers]
    log = tmp_path / "log"
    with serve(command, log, {}, tmp_path) as port:
        assert _text(port) == "1"
        project(tmp_path, {"pages/api/version.py": "def GET(:\n"})
        os.kill(_master(log), signal.SIGHUP)
        _until(lambda: "Not reloaded, the old code goes on serving." in log.read_text())
        assert _text(port) == "1"
        assert "pages/api/version.py:1" in log.read_text()
        project(tmp_path, {"pages/api/version.py": VERSION.format(2)})
        os.kill(_master(log), signal.SIGHUP)
        _until(lambda: _text(port) == "2")
