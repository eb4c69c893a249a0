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
FOREIGN = ("APIROUTES_", "FLASK_", "GUNICORN_", "WEB_CONCURRENCY", "WEBHOOK_SECRET", "PORT", "PROMETHEUS_")


def gunicorn(application: str, *flags: str) -> list[str]:
    """Return the command that serves `application` on a free port."""
    command = [sys.executable, "-m", "gunicorn", application, "--no-control-socket"]
    return [*command, "--bind", "127.0.0.1:0", *flags]


def gunicorn_asgi(*flags: str) -> list[str]:
    """Return the command that serves the project through ASGI with gunicorn."""
    command = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--interface", "asgi"]
    return [*command, "--", "--bind", "127.0.0.1:0", *flags]


def uvicorn(*flags: str) -> list[str]:
    """Return the command that serves the project with uvicorn."""
    command = [sys.executable, "-m", "apiroutes", "start", "--server", "uvicorn", "--port", "0"]
    return [*command, "--workers", "1", "--", *flags]


def granian(*flags: str, interface: str = "auto") -> list[str]:
    """Return the command that serves the project with granian."""
    command = [sys.executable, "-m", "apiroutes", "start", "--server", "granian", "--port", str(_free_port())]
    return [*command, "--workers", "1", "--interface", interface, "--", *flags]


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
def serve(
    command: Sequence[str], log: Path, variables: Mapping[str, str], directory: Path = PROJECT
) -> Iterator[int]:
    """Run a server in `directory`, yield the port on which it listens, and stop it by SIGTERM."""
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
    has_ended = False
    try:
        port = _port(process, log)
        yield port
        process.terminate()
        process.wait(SECONDS)
        has_ended = not _listens(port)
        assert has_ended, "A process of the server stayed behind"
    finally:
        if not has_ended:  # no process outlives the test, whatever went wrong
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = re.search(r"https?://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if address and _listens(int(address[1])):  # granian logs the address before it listens
            return int(address[1])
        time.sleep(0.02)
    raise AssertionError(f"The server does not listen. Its log:\n{log.read_text(errors='replace')}")


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
