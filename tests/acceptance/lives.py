"""A project that notes what happens in the life of each process, and the servers that run it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import (
    SECONDS,
    asgi_servers,
    granian,
    gunicorn,
    gunicorn_asgi,
    listening_port,
    processes_of,
    running,
    uvicorn,
)
from tests.support import project, until

__all__ = [
    "FILES",
    "MAIN",
    "OTHERS",
    "Event",
    "Life",
    "Server",
    "instrumentation",
    "misplaced",
    "names_line",
    "starting",
    "without_stop",
]

# What all files of the project note with, and what changes them while they run: files beside them.
NOTES = """
import os
from pathlib import Path

_ROOT = Path(__file__).parent

def note(name):
    # One write to a file that is appended to: the lines of several processes do not mix.
    file = os.open(_ROOT / "events", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{name} {os.getpid()}\\n".encode())
    os.close(file)

def seconds(name):
    file = _ROOT / name
    return float(file.read_text()) if file.exists() else 0

def fail(name):
    if (_ROOT / name).exists():
        raise LookupError("by intention")
"""

_INSTRUMENTATION = """
import asyncio, os, time
from notes import fail, note, seconds

{word}def register():
    note("start")
    try:
        {sleep}(seconds("slow-start"))
        fail("fail-start")
        note("started")
        yield {{"process": os.getpid(), "loop": {loop}}}
    finally:
        note("stop")
        {sleep}(seconds("slow-stop"))
        note("stopped")
        fail("fail-stop")

def on_request_error(error, request, context):
    note(f"heard-of-{{type(error).__name__}}-at-{{request.path}}")
"""


def instrumentation(kind: str) -> dict[str, str]:
    """Return the file, with a `register` that is `sync` or `async`."""
    words = {
        "sync": {"word": "", "sleep": "time.sleep", "loop": "None"},
        "async": {
            "word": "async ",
            "sleep": "await asyncio.sleep",
            "loop": "id(asyncio.get_running_loop())",
        },
    }
    return {"instrumentation.py": _INSTRUMENTATION.format(**words[kind])}


FILES = {
    "notes.py": NOTES,
    "pages/api/state.py": (
        "import os\nfrom notes import note\n"
        "def GET(req):\n"
        "    note('request')\n"
        "    return {'state': req.app['process'], 'process': os.getpid()}\n"
    ),
    "pages/api/loop.py": (
        "import asyncio\nfrom notes import note\n"
        "async def GET(req):\n"
        "    note('request')\n"
        "    return {'state': req.app['loop'], 'handler': id(asyncio.get_running_loop())}\n"
    ),
    "pages/api/fails.py": "def GET(): raise ZeroDivisionError('by intention')\n",
}


class Event(NamedTuple):
    """What a process has noted."""

    name: str
    process: int


# The names of events that are not work of a process, in their order.
_LIFE = ("start", "started", "stop", "stopped")


def without_stop(events: list[Event]) -> set[int]:
    """Return the processes whose start is not followed by exactly one stop."""
    noted: dict[int, list[str]] = {}
    for event in events:
        if event.name in _LIFE:
            noted.setdefault(event.process, []).append(event.name)
    whole = (["start", "started", "stop", "stopped"], ["start", "stop", "stopped"])
    return {process for process, names in noted.items() if names not in whole}


def misplaced(events: list[Event]) -> list[Event]:
    """Return the work that was noted before its process had started, or after it began to stop."""
    found: list[Event] = []
    latest: dict[int, str] = {}
    for event in events:
        if event.name in _LIFE:
            latest[event.process] = event.name
        elif latest.get(event.process) != "started":
            found.append(event)
    return found


# -- servers

_START = [sys.executable, "-m", "apiroutes", "start"]
_FACTORY = "apiroutes:create_app()"


def _start_gunicorn(workers: int, *flags: str) -> list[str]:
    return [*_START, "--workers", str(workers), "--", "--bind", "127.0.0.1:0", *flags]


Command = Callable[[int], list[str]]

# `apiroutes start`, by the number of workers.
MAIN: dict[str, Command] = {
    "gthread": lambda workers: _start_gunicorn(workers, "--threads", "4"),
    "sync": lambda workers: _start_gunicorn(workers, "--worker-class", "sync"),
    "gunicorn-asgi": lambda workers: gunicorn_asgi(workers=workers),
    "granian": lambda workers: granian(workers=workers),
    "granian-asgi": lambda workers: granian(interface="asgi", workers=workers),
    "uvicorn": lambda workers: uvicorn(workers=workers),
}
# The servers' own command lines. The first three start an App before they accept.
OTHERS: dict[str, Command] = {
    "plain-gunicorn": lambda workers: gunicorn(_FACTORY, f"--workers={workers}", "--threads=4"),
    "plain-uvicorn": lambda workers: asgi_servers()["uvicorn-h11"],
    "hypercorn": lambda workers: asgi_servers()["hypercorn"],
    "preload": lambda workers: gunicorn(_FACTORY, f"--workers={workers}", "--threads=4", "--preload"),
    "gevent": lambda workers: gunicorn(_FACTORY, f"--workers={workers}", "--worker-class=gevent"),
}


@dataclass(frozen=True)
class Life:
    """What is left of a server that has ended: all events, its log and its exit status."""

    events: list[Event]
    log: str
    status: int

    def names(self) -> list[str]:
        return [event.name for event in self.events]


class Server:
    """A server that runs, or starts, in the directory of the project."""

    def __init__(self, process: subprocess.Popen[bytes], root: Path, log: Path) -> None:
        self.process = process
        self.root = root
        self._log = log
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The port on which it listens, once it does."""
        if self._port is None:
            self._port = listening_port(self.process, self._log)
        return self._port

    def request(self, method: str, path: str) -> Answer:
        return Client(OverHttp(self.port)).request(method, path)

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def worker(self) -> int | None:
        """Return the process that answers, or None if the connection is lost."""
        try:
            found: int = self.get("/api/state").json()["process"]
        except OSError:
            return None
        return found

    # -- what its processes have noted

    def events(self) -> list[Event]:
        file = self.root / "events"
        # A reader may see half a line where it crosses the end of a page of memory.
        whole, _, _ = file.read_text().rpartition("\n") if file.exists() else ("", "", "")
        lines = whole.splitlines()
        return [Event(name, int(process)) for name, process in map(str.split, lines)]

    def count(self, name: str) -> int:
        return [event.name for event in self.events()].count(name)

    def until(self, name: str, count: int = 1) -> None:
        """Wait until an event has been noted so many times."""
        until(lambda: self.count(name) >= count or self._has_ended())
        assert self.count(name) >= count, f"The server has ended. Its log:\n{self.log()}"

    def _has_ended(self) -> bool:
        return self.process.poll() is not None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    # -- what changes them

    def write(self, name: str, content: str = "") -> None:
        """Write a file, such as one that changes what `register` does."""
        project(self.root, {name: content})

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def wait(self, seconds: float = SECONDS) -> Life:
        """Wait for its end, and check that it has left no process behind."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"It has not ended in {seconds:g} s. Its log:\n{self.log()}") from None
        until(lambda: not processes_of(self.process.pid))
        return Life(self.events(), self.log(), status)

    def stop(self) -> Life:
        """Stop it by SIGTERM."""
        self.signal(signal.SIGTERM)
        return self.wait()


@contextmanager
def starting(command: list[str], root: Path, files: Mapping[str, str], **variables: str) -> Iterator[Server]:
    """Write the project, start a server in it, and end what is left of the server whatever happens.

    It need not listen yet. Nothing of it may remain once its main process has ended.
    """
    project(root, {**FILES, **files})
    log = root / "log"
    with running(command, log, variables, root) as process:
        yield Server(process, root, log)


def names_line(log: str, line: str) -> bool:
    """Return whether the log names the file and the number of the line of `instrumentation.py`."""
    lines = _INSTRUMENTATION.splitlines()
    number = next(number for number, text in enumerate(lines, 1) if text.strip() == line)
    return re.search(rf'instrumentation\.py(:|", line ){number}\b', log) is not None
