"""Servers as processes: started, awaited until they listen, and stopped, all within a time limit."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.acceptance.applications import PROJECT

SECONDS = 30

# Variables that would change how a server runs are not inherited from the environment of the tests.
FOREIGN = (
    "APIROUTES_",
    "FLASK_",
    "FORWARDED_",
    "GUNICORN_",
    "MAKE",
    "PORT",
    "PROMETHEUS_",
    "WEBHOOK_SECRET",
    "WEB_CONCURRENCY",
)


def gunicorn(application: str, *flags: str) -> list[str]:
    """Return the command that serves `application` on a free port."""
    command = [sys.executable, "-m", "gunicorn", application, "--no-control-socket"]
    return [*command, "--bind", "127.0.0.1:0", *flags]


def gunicorn_asgi(*flags: str, workers: int = 1) -> list[str]:
    """Return the command that serves the project through ASGI with gunicorn."""
    command = [sys.executable, "-m", "apiroutes", "start", "--workers", str(workers), "--interface", "asgi"]
    return [*command, "--", "--bind", "127.0.0.1:0", *flags]


def uvicorn(*flags: str, workers: int = 1) -> list[str]:
    """Return the command that serves the project with uvicorn."""
    command = [sys.executable, "-m", "apiroutes", "start", "--server", "uvicorn", "--port", "0"]
    return [*command, "--workers", str(workers), "--", *flags]


def granian(*flags: str, interface: str = "auto", workers: int = 1) -> list[str]:
    """Return the command that serves the project with granian."""
    command = [sys.executable, "-m", "apiroutes", "start", "--server", "granian", "--port", str(_free_port())]
    return [*command, "--workers", str(workers), "--interface", interface, "--", *flags]


def asgi_servers(*flags: str) -> dict[str, list[str]]:
    """Return the commands that serve the project through ASGI, with the servers' own command lines."""
    python, factory = [sys.executable, "-m"], ["--factory", "apiroutes:create_asgi_app"]
    uvicorn = [*python, "uvicorn", *factory, "--port", "0", *flags]
    # granian and hypercorn do not report the port of --port 0.
    granian = [*python, "granian", "--interface", "asgi", *factory, "--port", str(_free_port())]
    hypercorn = [*python, "hypercorn", "apiroutes:create_asgi_app()", "--bind", f"127.0.0.1:{_free_port()}"]
    commands = {
        "uvicorn-httptools": [*uvicorn, "--http", "httptools"],
        "uvicorn-h11": [*uvicorn, "--http", "h11"],
        "asgi-granian": granian,
        "gunicorn": gunicorn("apiroutes:create_asgi_app()", "--worker-class=asgi"),
    }
    if find_spec("hypercorn"):
        commands["hypercorn"] = hypercorn
    return commands


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a server."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return inherited | {"PYTHONUNBUFFERED": "1"} | variables


@contextmanager
def running(
    command: Sequence[str], log: Path, variables: Mapping[str, str], directory: Path = PROJECT
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in `directory`; no process of it outlives the block, whatever goes wrong."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def serve(
    command: Sequence[str], log: Path, variables: Mapping[str, str], directory: Path = PROJECT
) -> Iterator[int]:
    """Run a server in `directory`, yield the port on which it listens, and stop it by SIGTERM."""
    with running(command, log, variables, directory) as process:
        port = listening_port(process, log)
        yield port
        process.terminate()
        process.wait(SECONDS)
        assert not _listens(port), "A process of the server stayed behind"


def listening_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until the server listens, and return its port."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = re.search(r"https?://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if address and _listens(int(address[1])):  # granian logs the address before it listens
            return int(address[1])
        time.sleep(0.02)
    raise AssertionError(f"The server does not listen. Its log:\n{log.read_text(errors='replace')}")


def processes_of(session: int) -> list[int]:
    """Return the processes of a session that have not ended, by Linux's /proc; elsewhere none."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
            # proc(5): the state, which is Z for one that has ended, and the session
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(directory.name))
    return found


def main_process(log: Path) -> int:
    """Return the process id that the server logs when it starts."""
    granian, gunicorn, uvicorn = (
        r"main PID: (\d+)",
        r"\[(\d+)\] \[INFO\] Listening",
        r"parent process \[(\d+)\]",
    )
    line = re.search(f"{granian}|{gunicorn}|{uvicorn}", log.read_text())
    assert line is not None
    return int(line[1] or line[2] or line[3])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
