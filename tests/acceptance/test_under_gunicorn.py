"""gunicorn: mistakes in its command line, early signals, systemd, the socket, long targets."""

from __future__ import annotations

import re
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import SECONDS, Answer, Client, OverHttp
from tests.acceptance.servers import gunicorn, running, serve
from tests.support import project, until


def test_create_app_without_parentheses_explains_itself(tmp_path: Path) -> None:
    with serve(gunicorn("apiroutes:create_app"), tmp_path / "log", {}) as port:
        answer = Client(OverHttp(port)).request("GET", "/api/hello")
    assert answer.status == 503
    assert "apiroutes:create_app()" in answer.text


COMMAND = [sys.executable, "-m", "apiroutes", "start", "--port", "0"]
HELLO = {"pages/api/hello.py": "def GET(): return {}\n"}

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
    command = [*COMMAND, "--", *flags]
    log = tmp_path / "log"
    with serve(command, log, {}):
        until(lambda: "Worker exiting" in log.read_text())
        first_worker = re.search(r"Booting worker with pid: (\d+)", log.read_text())
        assert first_worker is not None
        assert f"Worker exiting (pid: {first_worker[1]})" in log.read_text()


# -- what systemd is told

REGISTER = """
import time
from pathlib import Path

def register():
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    if Path("go").read_text():
        raise ValueError("it cannot start")
"""


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_systemd_hears_that_it_is_ready_once_a_worker_is(interface: str, tmp_path: Path) -> None:
    root = project(tmp_path / "project", {**HELLO, "instrumentation.py": REGISTER})
    command = [*COMMAND, "--interface", interface, "--workers", "1"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running(command, tmp_path / "log", variables, root) as process:
            until(lambda: process.poll() is not None or (root / "begun").exists())
            with pytest.raises(BlockingIOError):
                systemd.recv(2**10)
            (root / "go").touch()
            systemd.settimeout(SECONDS)
            assert systemd.recv(2**10).startswith(b"READY=1\n")
            process.terminate()
            process.wait(SECONDS)


def test_systemd_hears_nothing_from_a_server_that_does_not_start(tmp_path: Path) -> None:
    root = project(tmp_path / "project", {**HELLO, "instrumentation.py": REGISTER, "go": "fail"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        variables = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with running(COMMAND, tmp_path / "log", variables, root) as process:
            assert process.wait(SECONDS) != 0
        with pytest.raises(BlockingIOError):
            systemd.recv(2**10)


# -- the socket


def test_the_umask_is_that_of_its_unix_socket(tmp_path: Path) -> None:
    root, path = project(tmp_path / "project", HELLO), tmp_path / "shop.sock"
    command = [*COMMAND, "--", "--bind", f"unix:{path}", "--umask", "007"]
    with running(command, tmp_path / "log", {}, root) as process:
        until(lambda: process.poll() is not None or path.exists())
        until(lambda: process.poll() is not None or "Listening at" in (tmp_path / "log").read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o770
        process.terminate()
        process.wait(SECONDS)


# -- long targets

BEGINNING = "/api/hello?"
WORKER_CLASSES = ["gthread", "asgi"]  # which have a parser each
# What the environment sets, and the bytes of the longest target that is answered.
LIMITS = [({}, 2**13), ({"APIROUTES_MAX_TARGET_SIZE": "16kb"}, 2**14)]


def start(worker_class: str, *flags: str) -> list[str]:
    """Return the command that serves the project in the current directory, with flags of gunicorn."""
    return [*COMMAND, "--workers", "1", "--", "--worker-class", worker_class, *flags]


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
