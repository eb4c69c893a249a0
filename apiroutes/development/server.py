"""The development server: it reloads on change, shows tracebacks, and prints a line for each request.

In: a project directory, host and port. Out: nothing; runs until Ctrl-C. A parent process holds the
listening socket and watches the files; a child serves. While the child is replaced, connections wait and
none is refused. Where a process cannot inherit a socket (Windows), the child opens it. Watching needs the
extra `dev`; this is the only file that imports watchfiles. Raises AddressError for a port in use.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from apiroutes.development.application import HostGuard, RequestLog, load_application
from apiroutes.servers.addresses import AddressError, authority, family_of

try:
    import watchfiles
except ImportError:  # the extra is not installed
    watchfiles = None  # type: ignore[assignment]

__all__ = ["is_child", "run", "serve"]

# In the environment of the serving child: the number of the listening socket that it inherits, or
# an empty text where it opens one of its own.
_CHILD = "_APIROUTES_DEV_SOCKET"

# Windows has neither fork nor sockets that a new process can inherit by number.
_CAN_INHERIT = hasattr(os, "fork")

_WATCHED_ENDINGS = (".py", ".toml")

logging.getLogger("werkzeug").setLevel(logging.WARNING)


def run(root: Path, host: str, port: int, docs_path: str | None, say: Callable[[str], None]) -> None:
    """Serve the project until Ctrl-C, restarting after every change. Raises AddressError."""
    listener = _listen(host, port)
    address, port = listener.getsockname()[:2]
    if not _CAN_INHERIT:
        listener.close()
    url = f"http://{authority(address, port)}"
    say(f"Serving {root} on {url} (Ctrl-C stops)")
    if docs_path is not None:
        say(f"Documentation: {url}{docs_path}")
    if watchfiles is None:
        say("Changes are not watched. To watch them: pip install 'apiroutes[dev]'")
    signal.signal(signal.SIGTERM, _interrupt)  # so that the child does not outlive this process
    child = _Child(root, host, port, listener)
    try:
        if watchfiles is None:
            child.wait()
        else:
            _restart_on_change(child, root, say)
    except KeyboardInterrupt:
        pass
    finally:
        child.stop()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=family_of(host), backlog=128)
    except OSError as error:
        raise AddressError(host, port, error) from error


def _restart_on_change(child: _Child, root: Path, say: Callable[[str], None]) -> None:
    # yield_on_timeout lets the loop notice that the child has ended.
    for changes in watchfiles.watch(root, watch_filter=_is_watched, yield_on_timeout=True, rust_timeout=1000):
        if changes:
            names = sorted({os.path.relpath(path, root) for _, path in changes})
            say(f"Changed: {', '.join(names)}; reloading")
            child.stop()
        elif child.is_running():
            continue
        elif child.status:
            say(f"The server ended with status {child.status}; waiting for a change")
            _wait_for_change(root)
        child.start()


def _is_watched(change: object, path: str) -> bool:
    name = os.path.basename(path)
    if "__pycache__" in path or f"{os.sep}.venv{os.sep}" in path or f"{os.sep}.git{os.sep}" in path:
        return False
    return name.endswith(_WATCHED_ENDINGS) or name.startswith(".env")


def _wait_for_change(root: Path) -> None:
    for _ in watchfiles.watch(root, watch_filter=_is_watched):
        return


class _Child:
    """The process that serves, and its replacements."""

    def __init__(self, root: Path, host: str, port: int, listener: socket.socket) -> None:
        options = {"--root": str(root), "--host": host, "--port": str(port)}
        self._command = [sys.executable, "-m", "apiroutes", "dev"]
        self._command += [part for option in options.items() for part in option]
        self._descriptors = (listener.fileno(),) if _CAN_INHERIT else ()
        self.start()

    def start(self) -> None:
        """Start a process, which must not run yet."""
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, _CHILD: "".join(map(str, self._descriptors))},
            pass_fds=self._descriptors,
        )

    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status of a process that has ended."""
        return self._process.returncode

    def wait(self) -> None:
        self._process.wait()

    def stop(self) -> None:
        """Stop the process: by SIGTERM, and by SIGKILL if a handler does not end within five seconds."""
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def is_child() -> bool:
    """Return whether `run` started this process, to serve."""
    return _CHILD in os.environ


def serve(root: Path, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve, in the child of `run`. For a project with mistakes, serve the list of them."""
    inherited = os.environ.pop(_CHILD)
    application = load_application(root, say)
    server = make_server(
        host,
        port,
        RequestLog(HostGuard(application, host), say),
        threaded=True,
        request_handler=_QuietHandler,
        fd=int(inherited) if inherited else None,
    )
    signal.signal(signal.SIGTERM, _interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


class _QuietHandler(WSGIRequestHandler):
    """Werkzeug's handler without its log: RequestLog writes the line, with the time spent."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        return
