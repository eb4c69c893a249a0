"""The commands of a page, executed as a reader would: in one shell, in the page's order, with a real server.

A server that a page starts runs until the page starts another, or ends; `curl localhost:8000` talks to it. On
a page that starts none, curl talks to what `apiroutes dev` would serve in the current directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tests.documents.comparing import difference
from tests.documents.reading import ROOT, Command, words_of

__all__ = ["Shell", "UnknownCommandError", "stop_forking"]

# Programs that run. Whatever else a page shows has to stand in `not_run.NOT_RUN`.
PROGRAMS = {
    *("apiroutes", "curl", "python", "python3", "pytest", "ruff", "mypy", "sqlite3"),
    *(
        "cat",
        "cd",
        "cp",
        "echo",
        "export",
        "grep",
        "head",
        "ls",
        "mkdir",
        "mv",
        "rm",
        "sed",
        "tail",
        "touch",
        "tree",
        "wc",
    ),
}
# The servers, which run until they are stopped, in the foreground of a terminal that the reader leaves alone,
# or with `&`.
_SERVER = re.compile(r"(?:apiroutes (?:dev|start)|gunicorn|granian|uvicorn|hypercorn)(?: |$)")
# What they print when they answer requests, or say that they cannot.
_READY = re.compile(
    r"Ready in|Reloaded in|problems? in this project|Booting worker|Started worker|Uvicorn running"
)
_SECONDS = 60
# Seconds for what a server does by itself, such as writing a file.
_TO_FOLLOW = 5
# How many lines of a server's output are shown with what is wrong.
_LINES = 12


class UnknownCommandError(ValueError):
    """No rule says whether the command can run."""


def serves(text: str) -> bool:
    """Whether the command is a server."""
    words = words_of(text)
    return _SERVER.match(" ".join(words)) is not None and not {"-h", "--help", "--version"} & {*words}


def _check_known(text: str) -> None:
    """Check the programs of a command, of which there may be several."""
    without_texts = re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", text)
    for part in re.split(r"&&|\|\||\||;", without_texts):
        words = words_of(part)
        if "&" in words:
            raise UnknownCommandError("&")  # would outlive the test
        if words and words[0] not in PROGRAMS and not serves(part):
            raise UnknownCommandError(words[0])


class Shell:
    """A shell that keeps its directory and its variables from one command to the next."""

    def __init__(self, root: Path, outside: Path, home: str = "") -> None:
        """`root` is the directory to begin in, `outside` is for what the reader does not see.

        `home` is what pages call the root; without it `/home/me/project`, or `/home/me` once the page has
        left for a directory in it.
        """
        outside.mkdir(parents=True)
        self._root, self._outside, self._home = root, outside, home
        self._server: _Server | None = None
        self._port = _free_port()
        # The apiroutes of this checkout, and nothing else of it, such as tests/.
        packages = outside / "packages"
        packages.mkdir()
        (packages / "apiroutes").symlink_to(ROOT / "apiroutes")
        (outside / "directory").write_text(f"{root}\n")
        (outside / "variables").write_text("")
        silent = "silent\nshow-error\n"
        hosts = [
            f'connect-to = "{host}:8000:127.0.0.1:{self._port}"\n' for host in ("localhost", "127.0.0.1")
        ]
        (outside / ".curlrc").write_text("".join([silent, *hosts]))
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(packages),
            "APIROUTES_PORT": str(self._port),
            "GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{self._port}",  # for gunicorn without `apiroutes start`
            "CURL_HOME": str(outside),
            "HOME": str(outside),
            "TERM": "dumb",
            "COLUMNS": "100",
        }

    @property
    def directory(self) -> Path:
        return Path((self._outside / "directory").read_text().rstrip("\n"))

    def write(self, name: str, source: str) -> None:
        """Write a file into the current directory, as a reader does in an editor."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding="utf-8") == source:
            return
        if self._server is not None and self._server.is_implicit:
            self.stop()
        server = self._server
        if (
            server is not None
            and server.is_reloading
            and (path.suffix in (".py", ".toml") or path.name.startswith(".env"))
        ):
            before = len(server.output)
            path.write_text(source, encoding="utf-8")
            _until(
                lambda: server.has_reloaded(name, server.output[before:]) or not server.is_running,
                f"`apiroutes dev` has not loaded {name} anew",
            )
        else:
            path.write_text(source, encoding="utf-8")

    def run(self, command: Command) -> str:
        """Run a command. Return what is wrong, or nothing.

        Raises UnknownCommandError.
        """
        if serves(command.text):
            return self._start(command)
        _check_known(command.text)
        if self._server is None and re.search(r"\bcurl ", command.text):
            output = self._outside / "server-output"
            self._server = _Server(
                _forking().serve(self.directory, self._port, self._exported(), output), output, self._port
            )
        wrong = self._wrong_with(command)
        if re.match(r"cat |ls\b", command.text) and self._server is not None:
            give_up = time.monotonic() + _TO_FOLLOW
            while wrong and time.monotonic() < give_up:
                time.sleep(0.02)
                wrong = self._wrong_with(command)
        if wrong and self._server is not None:
            printed = "\n".join(self._server.output.splitlines()[-_LINES:])
            wrong += f"\nThe server, which {self._server.state}, printed at last:\n{printed}"
        return wrong

    def _wrong_with(self, command: Command) -> str:
        status, output = self._ran(command.text)
        if command.printed and (wrong := self._difference(command.printed, output)):
            return wrong
        if not command.printed and status:
            return f"It has ended with status {status}:\n{output}"
        return self._difference("", output) if command.printed == "" else ""

    def _difference(self, shown: str, printed: str, *, begins: bool = False) -> str:
        home = self._home or ("/home/me/project" if self.directory == self._root else "/home/me")
        return difference(shown, printed, {str(self._root): home}, begins=begins)

    def _script(self, text: str) -> str:
        outside = shlex.quote(str(self._outside))
        begin = f'source {outside}/variables; cd "$(cat {outside}/directory)" || exit 1\n{text}\n'
        if serves(text):  # which ends later
            return begin
        return f"{begin}status=$?; declare -px >{outside}/variables; pwd >{outside}/directory; exit $status"

    def _exported(self) -> dict[str, str]:
        """The variables of the shell."""
        printed = self._ran("env -0")[1]
        return dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)

    def _ran(self, text: str) -> tuple[int, str]:
        """Run a command; return its status and what it has printed."""
        with open(self._outside / "output", "w+b") as output:
            process = self._process(text, output)
            try:
                status = process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
            output.seek(0)
            return status, output.read().decode()

    def _process(self, text: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["bash", "-c", self._script(text)],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _start(self, command: Command) -> str:
        wrong = self.stop()
        text = re.sub(r"&\s*(#.*)?$", "", command.text)
        path = self._outside / "server-output"
        with open(path, "wb") as output:
            process = self._process(text, output)
        self._server = _Server(process.pid, path, self._port, process, command)
        return wrong

    def stop(self) -> str:
        """Stop the server, if there is one. Return what is wrong with what it has printed, or nothing."""
        server, self._server = self._server, None
        if server is None:
            return ""
        state = server.state
        was_running = server.is_running
        server.stop()
        command = server.command
        if command is None:
            return ""
        wrong = self._difference(command.printed or "", server.output, begins=True)
        if not was_running and not wrong:
            wrong = f"It {state}, and printed:\n{server.output}"
        return f"{command.place}: $ {command.text}\n{wrong}" if wrong else ""


class _Server:
    """A server in the background. The page has started it by `command`; without one it is implicit."""

    def __init__(
        self,
        pid: int,
        output: Path,
        port: int,
        process: subprocess.Popen[bytes] | None = None,
        command: Command | None = None,
    ) -> None:
        self.command = command
        self.is_implicit = command is None
        self.is_reloading = command is not None and "apiroutes dev" in command.text
        self._pid, self._output, self._process = pid, output, process
        _until(lambda: not self.is_running or self._is_ready(port), "the server is not ready")

    def _is_ready(self, port: int) -> bool:
        # The development server and gunicorn listen before they can answer, and say when they can.
        if _READY.search(self.output) is None:
            return False
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""

    @property
    def is_running(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def state(self) -> str:
        if self.is_running:
            return "is running"
        return "has ended" if self._process is None else f"has ended with status {self._process.returncode}"

    def has_reloaded(self, name: str, output: str) -> bool:
        """Whether it has seen the change of a file, and has loaded the project, or said that it cannot."""
        seen = re.search(rf"^Changed: .*{re.escape(name)}.*$", output, re.MULTILINE)
        return seen is not None and _READY.search(output, seen.end()) is not None

    def stop(self) -> None:
        """Stop it; one of the page's as Ctrl-C does, which reaches all processes in the foreground."""
        if self._process is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            _until(lambda: not self.is_running, "the server does not end")
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGINT)
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._pid, signal.SIGKILL)
            self._process.wait()


class _Forking:
    """The process that forks servers (`forking.py`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forking.py"))],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def serve(self, directory: Path, port: int, environ: dict[str, str], output: Path) -> int:
        """Return the number of the process."""
        output.unlink(missing_ok=True)
        asked = {"directory": str(directory), "port": port, "environ": environ, "output": str(output)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def stop(self) -> None:
        with self._process:
            pass


_running: list[_Forking] = []


def _forking() -> _Forking:
    if not _running:
        _running.append(_Forking())
    return _running[0]


def stop_forking() -> None:
    """End the process that forks servers, if there is one."""
    while _running:
        _running.pop().stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        return number


def _until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait until a condition holds.

    Raises TimeoutError, which says what is so `otherwise`.
    """
    give_up = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"after {_SECONDS} seconds {otherwise}")
        time.sleep(0.01)
