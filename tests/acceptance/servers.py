"""Start a server as a process, wait until it listens, stop it. Everything is bounded in time."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.acceptance.applications import PROJECT

SECONDS = 30

# What would change how a server runs is not taken over from whoever runs the tests.
FOREIGN = ("APIROUTES_", "FLASK_", "GUNICORN_", "WEB_CONCURRENCY", "WEBHOOK_SECRET", "PORT")


def gunicorn(application: str, *flags: str) -> list[str]:
    """Return the command that serves `application` on a free port."""
    command = [sys.executable, "-m", "gunicorn", application, "--no-control-socket"]
    return [*command, "--bind", "127.0.0.1:0", *flags]


def granian(*flags: str) -> list[str]:
    """Return the command that serves the project with granian."""
    with socket.socket() as probe:  # granian does not say which port it was given
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "apiroutes", "start", "--server", "granian", "--port", str(port)]
    return [*command, "--workers", "1", "--", *flags]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a server."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return mine | {"PYTHONUNBUFFERED": "1"} | variables


@contextmanager
def serve(
    command: Sequence[str], log: Path, variables: Mapping[str, str], directory: Path = PROJECT
) -> Iterator[int]:
    """Run a server in `directory` and give the port it listens on; at the end it stops by SIGTERM."""
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
    gone = False
    try:
        port = _port(process, log)
        yield port
        process.terminate()
        process.wait(SECONDS)
        gone = not _listens(port)
        assert gone, "A process of the server stayed behind"
    finally:
        if not gone:  # whatever went wrong, nothing outlives the test
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        said = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if said and _listens(int(said[1])):  # granian says it before it does
            return int(said[1])
        time.sleep(0.02)
    raise AssertionError(f"The server does not listen. It said:\n{log.read_text(errors='replace')}")


def until(condition: Callable[[], bool]) -> None:
    """Wait for something, and not for ever."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def main_process(log: Path) -> int:
    """Return the process id that the server logs when it begins."""
    found = re.search(r"main PID: (\d+)|\[(\d+)\] \[INFO\] Listening at", log.read_text())
    assert found is not None
    return int(found[1] or found[2])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
