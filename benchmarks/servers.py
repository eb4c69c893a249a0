"""The servers that are measured, each with one worker process on a free port of 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import sleep

from benchmarks.deadline import Deadline
from benchmarks.processes import SERVER_CORE, on_core, stop

TOP = Path(__file__).resolve().parents[1]
PROJECT = TOP / "benchmarks" / "project"

# Of a function that makes the application, as "module:function", and a port.
Command = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class Server:
    """A way to serve with one worker; `needs` is the package to import."""

    title: str
    needs: str
    command: Command
    asgi: bool = False


def start(*flags: str) -> Command:
    """The command line of apiroutes, which finds the project itself."""

    def command(factory: str, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "apiroutes", "start", "--root", str(PROJECT), "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1", *flags),
        ]

    return command


def gunicorn(*flags: str) -> Command:
    def command(factory: str, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", f"{factory}()", "--bind", f"127.0.0.1:{port}"),
            *("--workers", "1", "--no-control-socket", "--log-level", "error", *flags),
        ]

    return command


def granian(*flags: str) -> Command:
    def command(factory: str, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "granian", factory, "--factory", "--port", str(port)),
            *("--workers", "1", "--no-ws", "--log-level", "error", *flags),
        ]

    return command


def uvicorn(factory: str, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port)),
        *("--log-level", "error", "--no-access-log"),
    ]


SERVERS = {
    "start": Server("start", "gunicorn", start()),
    "start-sync": Server("start -- -k sync", "gunicorn", start("--", "-k", "sync")),
    "start-gevent": Server("start -- -k gevent", "gevent", start("--", "-k", "gevent")),
    "start-granian8": Server(
        "start --server granian, 8 threads", "granian", start("--server", "granian", "--threads", "8")
    ),
    "start-granian64": Server(
        "start --server granian, 64 threads", "granian", start("--server", "granian", "--threads", "64")
    ),
    "start-asgi": Server("start --interface asgi", "gunicorn", start("--interface", "asgi"), asgi=True),
    "start-granian-asgi": Server(
        "start --server granian --interface asgi",
        "granian",
        start("--server", "granian", "--interface", "asgi"),
        asgi=True,
    ),
    "gthread8": Server(
        "gunicorn, 8 threads", "gunicorn", gunicorn("--worker-class", "gthread", "--threads", "8")
    ),
    "granian8": Server(
        "granian, 8 threads", "granian", granian("--interface", "wsgi", "--blocking-threads", "8")
    ),
    "uvicorn": Server("uvicorn", "uvicorn", uvicorn, asgi=True),
}


@contextmanager
def running(server: Server, factory: str, deadline: Deadline) -> Iterator[tuple[int, int]]:
    """Start a server; yield its process id and port once it listens; stop it in any case.

    What it logs is shown if it does not serve. Raises OutOfTimeError, and ChildProcessError.
    """
    port = _free_port()
    command = on_core(SERVER_CORE, server.command(factory, port))
    with TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=TOP, env=_environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_it_listens(process, port, deadline)
            yield process.pid, port
        except (OSError, http.client.HTTPException):
            log.seek(0)
            sys.stderr.buffer.write(log.read())
            raise
        finally:
            stop(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port  # the server binds it in a moment


def _environment() -> dict[str, str]:
    """Return this process's environment without the settings that servers and peers would read."""
    prefixes = ("APIROUTES_", "GUNICORN_", "GRANIAN_", "UVICORN_", "WEB_CONCURRENCY", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**kept, "PYTHONPATH": str(TOP)}  # this checkout, wherever the server changes to


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, deadline: Deadline) -> None:
    while process.poll() is None and deadline.left():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise ChildProcessError(f"the server ended with status {process.returncode}")
