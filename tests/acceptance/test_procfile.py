"""The Procfile of examples/deployment, run as platforms run it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.acceptance.client import OverHttp
from tests.acceptance.locks import EXAMPLE
from tests.acceptance.servers import SECONDS, listening_port, running
from tests.support import Answer, project, until

pytestmark = pytest.mark.slow

SLOW = """
import os, time

def GET():
    open("began", "w").close()
    deadline = time.monotonic() + 20
    while not os.path.exists("go") and time.monotonic() < deadline:
        time.sleep(0.01)
    return "done"
"""


def commands() -> dict[str, str]:
    """The commands of a Procfile by the names of their processes."""
    lines = (EXAMPLE / "Procfile").read_text(encoding="utf-8").splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def test_web_serves_at_the_port_and_finishes_its_requests_when_all_are_told_to_stop(tmp_path: Path) -> None:
    root = Path(shutil.copytree(EXAMPLE, tmp_path / "shop"))
    project(root, {"pages/api/slow.py": SLOW})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {
        "PORT": str(port),
        "WEB_CONCURRENCY": "2",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "APIROUTES_HOST": "127.0.0.1",  # the tests listen on no other
    }
    log = tmp_path / "log"
    with running(["sh", "-c", commands()["web"]], log, variables, root) as process:
        assert listening_port(process, log) == port
        answers: list[Answer] = []
        slow = threading.Thread(target=lambda: answers.append(OverHttp(port)("GET", "/api/slow", {}, b"")))
        slow.start()
        until((root / "began").exists)
        os.killpg(process.pid, signal.SIGTERM)  # the shell, the server and its workers
        until(lambda: "Handling signal: term" in log.read_text())
        (root / "go").touch()
        slow.join()
        assert process.wait(SECONDS) in (0, -signal.SIGTERM)  # the shell's own, if there still is one
    assert [answer.text for answer in answers] == ["done"]
