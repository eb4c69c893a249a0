"""gunicorn with a mistake in its command line, and with signals that arrive early."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import gunicorn, serve
from tests.support import until


def test_create_app_without_parentheses_explains_itself(tmp_path: Path) -> None:
    with serve(gunicorn("apiroutes:create_app"), tmp_path / "log", {}) as port:
        answer = Client(OverHttp(port)).request("GET", "/api/hello")
    assert answer.status == 503
    assert "apiroutes:create_app()" in answer.text


# The first worker gets a SIGTERM after the fork, before it has handlers of its own.
EARLY = """
import os, signal

def post_fork(server, worker):
    if worker.age == 1:
        os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_a_worker_that_gets_term_before_it_starts_stops(tmp_path: Path, worker_class: str) -> None:
    (tmp_path / "conf.py").write_text(EARLY, encoding="utf-8")
    flags = ["--workers", "1", "--worker-class", worker_class, "--config", str(tmp_path / "conf.py")]
    command = [sys.executable, "-m", "apiroutes", "start", "--port", "0", "--", *flags]
    log = tmp_path / "log"
    with serve(command, log, {}):
        until(lambda: "Worker exiting" in log.read_text())
        first_worker = re.search(r"Booting worker with pid: (\d+)", log.read_text())
        assert first_worker is not None
        assert f"Worker exiting (pid: {first_worker[1]})" in log.read_text()
