"""The process that serves in development: it gets ready, waits for its turn, loads the project and serves.

In: the command line of `apiroutes dev`, and what the parent gives it in the environment. Out: nothing; it
runs until the parent stops it or ends. Before its turn it imports the framework, and nothing of the project
or of the libraries that the project imports: what it does then is what a process that was started at that
moment would do.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows, where no socket is inherited
    fcntl = None  # type: ignore[assignment]

from apiroutes.app import App
from apiroutes.development.application import HostGuard, ReportApplication, RequestLog, load_application
from apiroutes.development.read_files import ReadFiles
from apiroutes.development.threaded_server import ThreadedServer
from apiroutes.errors import LifespanError
from apiroutes.terminal import GREEN, paint_for
from apiroutes.types import WSGIApplication

__all__ = ["BEGAN", "ENVIRONMENT", "Given", "is_child", "serve"]

# The name under which a child finds `Given` in its environment.
ENVIRONMENT = "_APIROUTES_DEV_CHILD"
# And there, when the command began, in seconds since the epoch.
BEGAN = "_APIROUTES_DEV_BEGAN"

# Modules that the framework imports for some projects only. A child imports in advance what the previous one
# needed.
_LATE_MODULES = ("apiroutes.event_loop", "apiroutes.openapi", "dotenv", "tomli")

# Seconds for the end of the application, before the parent ends this process.
_TO_STOP = 4.0

# File systems stamp a change with the time of the last tick of a clock, up to 10 ms ago.
_TICK = 0.1


class Given(NamedTuple):
    """What the parent gives a child, as JSON in its environment.

    `listener` and `channel` are the numbers of the sockets that it inherits; None where it cannot. `started`
    is when it began, in seconds since the epoch. `imports` are some of _LATE_MODULES. `go` is the time of the
    change (`time.monotonic`, 0 for none) of a child whose turn it is already; None for one that waits.
    """

    listener: int | None
    channel: int | None
    started: float
    imports: list[str]
    go: float | None


def is_child() -> bool:
    """Return whether the development server started this process, to serve."""
    return ENVIRONMENT in os.environ


def serve(root: Path, host: str, port: int, allowed_hosts: Sequence[str], say: Callable[[str], None]) -> None:
    """Serve, in a child of the development server. For a project with mistakes, serve the list of them."""
    given = Given(**json.loads(os.environ.pop(ENVIRONMENT)))
    server = ThreadedServer(host, port, given.listener)
    guard = partial(HostGuard, host=host, allowed=allowed_hosts)
    for name in given.imports:
        importlib.import_module(name)
    # So that Python's last collection, for whose end the next process waits, does not visit the framework.
    gc.freeze()
    try:
        if given.listener is None or given.channel is None:
            with _application(root, guard, say) as (server.app, routes):
                _say_ready(given.go, routes, say)
                server.serve_forever()
            return
        with socket.socket(fileno=given.channel) as channel:
            changed = _wait_for_turn(channel, given)
            if changed is None:
                return
            os.close(given.listener)  # the server has a copy that no process of the project inherits
            _end_with_parent(channel)
            files = ReadFiles(root, lambda path: channel.sendall(f"wrote {json.dumps(path)}\n".encode()))
            with _application(root, guard, say) as (server.app, routes):
                told = {"imports": _late_modules(), "files": files.tell()}
                channel.sendall(f"serving {json.dumps(told)}\n".encode())
                server.serve_until_stopped(channel, partial(_say_ready, changed, routes, say))
    except KeyboardInterrupt:
        pass  # Ctrl-C reaches all processes of the terminal


@contextlib.contextmanager
def _application(
    root: Path, guard: Callable[[WSGIApplication], WSGIApplication], say: Callable[[str], None]
) -> Iterator[tuple[WSGIApplication, int | None]]:
    """Start the application, and stop it after the block; yield it with the number of the project's routes.

    The number is None for a project that cannot be served, or that does not start.
    """
    loaded = load_application(root, say)
    if not isinstance(loaded, App):
        yield RequestLog(guard(loaded), say), None
        return
    _exit_at_signals()
    served: WSGIApplication = loaded
    routes: int | None = len(loaded.resources)
    try:
        try:
            loaded.start()
        except LifespanError as error:  # which is logged
            served, routes = ReportApplication(error, root.resolve()), None
        yield RequestLog(guard(served), say), routes
    finally:
        with contextlib.suppress(LifespanError):  # which is logged
            loaded.stop(_TO_STOP)


def _exit_at_signals() -> None:
    """Make the first signal from here on raise SystemExit, so that what has been started is stopped."""
    numbers = (signal.SIGTERM, signal.SIGINT)

    def end(signum: int, frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + signum)

    for number in numbers:
        signal.signal(number, end)


def _late_modules() -> list[str]:
    # gevent patches modules, but not everything in modules that were imported before.
    return [name for name in _LATE_MODULES if name in sys.modules and "gevent" not in sys.modules]


def _say_ready(changed: float | None, routes: int | None, say: Callable[[str], None]) -> None:
    paint = paint_for(sys.stderr)
    began = os.environ.pop(BEGAN, None)
    if changed:
        say(f"Reloaded in {(time.monotonic() - changed) * 1000:.0f} ms")
    elif began is not None and routes is not None:
        milliseconds = (time.time() - float(began)) * 1000
        counted = f"{routes} route" if routes == 1 else f"{routes} routes"
        say(paint(f"Ready in {milliseconds:.0f} ms: {counted}", GREEN))


def _wait_for_turn(channel: socket.socket, given: Given) -> float | None:
    """Return the time of the change that makes it this process's turn; None if the turn never comes."""
    if given.go is not None:
        return given.go
    line = b""
    while not line.endswith(b"\n"):
        received = channel.recv(64)
        if not received:
            return None
        line += received
    changed = float(line.split()[1])
    if _is_outdated(given.started):
        os.environ[ENVIRONMENT] = json.dumps({**given._asdict(), "go": changed})
        os.execv(sys.executable, sys.orig_argv)
    importlib.invalidate_caches()  # which are listings of directories
    return changed


def _is_outdated(since: float) -> bool:
    """Return whether a process started now would import different files than this one, started at `since`.

    It would where the project's directory holds the framework or a module that hides one of the standard
    library's, and after a package was installed.
    """
    since -= _TICK
    loaded = {name.partition(".")[0] for name in sys.modules}
    files = [file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    try:
        for directory in filter(os.path.isdir, map(os.path.abspath, sys.path)):
            if os.path.basename(directory) in ("site-packages", "dist-packages"):
                if os.stat(directory).st_mtime > since:
                    return True
            else:
                files += _hiding(directory, loaded)
        return any(os.stat(file).st_ctime > since for file in files)
    except OSError:  # something is no longer there
        return True


def _hiding(directory: str, names: set[str]) -> Iterator[str]:
    """Yield the files in a directory that an import of one of these names may find."""
    suffixes = tuple(importlib.machinery.all_suffixes())
    with os.scandir(directory) as listing:
        for entry in listing:
            if entry.name.partition(".")[0] in names:
                if entry.name.endswith(suffixes):
                    yield entry.path
                elif os.path.exists(file := os.path.join(entry.path, "__init__.py")):
                    yield file


def _end_with_parent(channel: socket.socket) -> None:
    """End this process with its parent or at Ctrl-C, even while it imports a file of the project."""

    def end(signum: int, frame: object) -> None:
        with contextlib.suppress(BlockingIOError):
            if not channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                os.kill(os.getpid(), signal.SIGTERM)

    # The kernel sends SIGIO when the other end is closed. A thread that waits for that would run beside the
    # project's imports, which may fork.
    signal.signal(signal.SIGIO, end)
    fcntl.fcntl(channel, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(channel, fcntl.F_SETFL, fcntl.fcntl(channel, fcntl.F_GETFL) | os.O_ASYNC)
    channel.set_inheritable(False)
    end(signal.SIGIO, None)  # the parent may have ended before
    # The parent starts a process with Ctrl-C blocked, so that one that waits does not print a traceback.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
