"""The servers that are measured, each with one process on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks.processes import stop

TOP = Path(__file__).resolve().parents[1]

# Of a module with application(), the number of a listening socket, and its port.
Command = Callable[[str, int, int], list[str]]


class OutOfTimeError(Exception):
    """The time limit of the whole run has passed."""


@dataclass(frozen=True)
class Deadline:
    """The end of the whole run, on the monotonic clock."""

    end: float

    def left(self) -> float:
        left = self.end - monotonic()
        if left <= 0:
            raise OutOfTimeError
        return left


@dataclass(frozen=True)
class Server:
    """A way to serve with one process; `needs` is the package to import."""

    title: str
    needs: str
    command: Command
    inherits: bool = True  # the listening socket
    asgi: bool = False


def gunicorn(*flags: str) -> Command:
    def command(module: str, descriptor: int, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", f"{module}:application()", "--bind", f"fd://{descriptor}"),
            *("--workers", "1", "--no-control-socket", "--log-level", "error", *flags),
        ]

    return command


def granian(module: str, descriptor: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", f"{module}:application", "--factory", "--interface", "wsgi"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "1", "--no-ws"),
        *("--log-level", "error"),
    ]


def uvicorn(module: str, descriptor: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", f"{module}:application", "--factory", "--port", str(port)),
        *("--log-level", "error", "--no-access-log"),
    ]


SERVERS = {
    "sync": Server("gunicorn sync", "gunicorn", gunicorn("--worker-class", "sync")),
    "gthread": Server(
        "gunicorn gthread", "gunicorn", gunicorn("--worker-class", "gthread", "--threads", "4")
    ),
    "gevent": Server("gunicorn gevent", "gevent", gunicorn("--worker-class", "gevent")),
    "granian": Server("granian", "granian", granian, inherits=False),
    "uvicorn": Server("uvicorn", "uvicorn", uvicorn, inherits=False, asgi=True),
}


@contextmanager
def running(server: Server, module: str, deadline: Deadline) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server; yield its process and port once it listens; stop it in any case."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        descriptors = [listener.fileno()] if server.inherits else []
        if not server.inherits:
            listener.close()  # the server binds the port itself; it was free a moment ago
        process = subprocess.Popen(
            server.command(module, listener.fileno(), port),
            cwd=TOP,
            env=_environment(),
            pass_fds=descriptors,
        )
    try:
        _wait_until_it_listens(process, port, deadline)
        yield process, port
    finally:
        stop(process)


def _environment() -> dict[str, str]:
    """Return this process's environment without the settings that servers and peers would read."""
    prefixes = ("GUNICORN_", "GRANIAN_", "UVICORN_", "WEB_CONCURRENCY", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, deadline: Deadline) -> None:
    while process.poll() is None and deadline.left():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise ChildProcessError(f"the server ended with status {process.returncode}")
