"""gunicorn with a mistake in its command line, with signals that arrive early, and with long targets."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import gunicorn, serve
from tests.support import project, until


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


# -- long targets

HELLO = {"pages/api/hello.py": "def GET(): return {}\n"}
BEGINNING = "/api/hello?"
WORKER_CLASSES = ["gthread", "asgi"]  # which have a parser each
# What the environment sets, and the bytes of the longest target that is answered.
LIMITS = [({}, 2**13), ({"APIROUTES_MAX_TARGET_SIZE": "16kb"}, 2**14)]


def start(worker_class: str, *flags: str) -> list[str]:
    """Return the command that serves the project in the current directory, with flags of gunicorn."""
    command = [sys.executable, "-m", "apiroutes", "start", "--port", "0", "--workers", "1", "--"]
    return [*command, "--worker-class", worker_class, *flags]


def ask(port: int, size: int) -> Answer:
    """Send a request with a target of so many bytes."""
    target = BEGINNING + "x" * (size - len(BEGINNING))
    return Client(OverHttp(port)).request("GET", target, {"Accept": "application/json"})


@pytest.mark.slow
@pytest.mark.parametrize(("variables", "limit"), LIMITS)
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_the_setting_limits_a_target(
    worker_class: str, variables: dict[str, str], limit: int, tmp_path: Path
) -> None:
    root = project(tmp_path / "project", HELLO)
    sizes = (4100, limit, limit + 1, limit + 2**16 - len("GET  HTTP/1.1"))
    with serve(start(worker_class), tmp_path / "log", variables, root) as port:
        answers = [ask(port, size) for size in sizes]
        beyond = ask(port, limit + 2**17)
    assert [answer.status for answer in answers] == [200, 200, 414, 414]
    problems = [answer.header("Content-Type") for answer in answers[2:]]
    assert problems == ["application/problem+json"] * 2
    # gunicorn's own: it reads no more of it.
    assert beyond.status == 414
    assert beyond.header("Content-Type") != "application/problem+json"


@pytest.mark.slow
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_a_flag_of_gunicorn_limits_the_request_line(worker_class: str, tmp_path: Path) -> None:
    root = project(tmp_path / "project", HELLO)
    command = start(worker_class, "--limit-request-line", str(len("GET  HTTP/1.1") + 100))
    with serve(command, tmp_path / "log", {}, root) as port:
        answers = [ask(port, size) for size in (100, 101)]
    assert [answer.status for answer in answers] == [200, 414]
