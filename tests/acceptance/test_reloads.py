"""HUP replaces the workers of every server, and none of them by code that does not start."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support import project

from .client import Client, OverHttp
from .servers import granian, main_process, serve, until

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
        until(lambda: "Not reloaded, the old code goes on serving." in log.read_text())
        assert _text(port) == "1"
        assert "pages/api/version.py:1" in log.read_text()
        project(tmp_path, {"pages/api/version.py": VERSION.format(2)})
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: _text(port) == "2")
