"""The development server: it reloads on change and answers all the while.

In: a project directory, host and port. Out: nothing; runs until Ctrl-C. A parent process holds the
listening socket and watches the files; a child serves, and another one waits to replace it. While they
change places, requests that have begun are finished, and connections wait in the socket; none is refused.
Where a process cannot inherit a socket (Windows), the child opens it, and a change ends it before the next
one is started. Raises AddressError for a port in use.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from apiroutes.development.process import CAN_INHERIT, ChildProcess
from apiroutes.development.watching import CAN_WATCH, Watcher
from apiroutes.servers.addresses import AddressError, authority, family_of

__all__ = ["run"]

# Seconds. How long a process that is replaced may take to finish its requests, or to end; how long the next
# one waits for the end of one that has no request left; and how long a project loads before that is said.
_TO_FINISH = 5.0
_TO_END = 0.5
_TO_LOAD = 3.0

_NEVER = float("inf")


def run(root: Path, host: str, port: int, docs_path: str | None, say: Callable[[str], None]) -> None:
    """Serve the project until Ctrl-C, reloading it after every change. Raises AddressError."""
    listener = _listen(host, port)
    address, port = listener.getsockname()[:2]
    if not CAN_INHERIT:
        listener.close()
    url = f"http://{authority(address, port)}"
    say(f"Serving {root} on {url} (Ctrl-C stops)")
    if docs_path is not None:
        say(f"Documentation: {url}{docs_path}")
    if not CAN_WATCH:
        say("Changes are not watched. To watch them: pip install 'apiroutes[dev]'")
    options = {"--root": str(root), "--host": host, "--port": str(port)}
    command = [sys.executable, "-m", "apiroutes", "dev"]
    command += [part for option in options.items() for part in option]
    supervisor = _Supervisor(root, command, listener, say)
    # A signal is an event like others: where it raised an exception, a child might just be starting.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.interrupt())
    try:
        supervisor.run()
    finally:
        supervisor.close()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), family=family_of(host), backlog=128)
    except OSError as error:
        raise AddressError(host, port, error) from error
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        # A connection over which nothing has come stays in the socket for a minute. So a browser's spare
        # connection is not accepted by a process that has old code when it is used.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
    return listener


class _Supervisor:
    """Lets one process serve, keeps the next one ready, and replaces one by the other after a change.

    All that happens, in whatever thread, is put into a queue as a call, and done in the main thread.
    """

    def __init__(
        self, root: Path, command: list[str], listener: socket.socket, say: Callable[[str], None]
    ) -> None:
        self._root = root
        self._command = command
        self._listener = listener
        self._say = say
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._interrupts = 0
        self._is_closing = False
        self._watcher: Watcher | None = None
        self._current: ChildProcess | None = None
        self._next: ChildProcess | None = None
        self._imports: list[str] = []
        # Processes that were told to end, each with the time at which it is killed.
        self._ending: dict[ChildProcess, float] = {}
        # The process that the next one waits for, and how long it does; None while nothing is replaced.
        self._replaced: ChildProcess | None = None
        self._wait_until = _NEVER
        self._changed = 0.0
        self._say_loading_at = _NEVER

    def run(self) -> None:
        """Serve and reload until an interrupt, or until the server ends and nothing is watched."""
        if CAN_WATCH:
            self._watcher = Watcher(
                self._root,
                lambda paths: self._events.put(lambda: self._on_changes(paths)),
                lambda error: self._events.put(lambda: self._on_failure(error)),
            )
        self._load()
        while not self._interrupts and (self._watcher is not None or self._current is not None):
            with contextlib.suppress(queue.Empty):
                self._events.get(timeout=self._seconds_to_wait())()
            self._on_time(time.monotonic())

    def interrupt(self) -> None:
        """Let `run` return; a second time, let `close` not wait. For signal handlers."""
        self._events.put(self._on_interrupt)

    def _on_interrupt(self) -> None:
        self._interrupts += 1

    def close(self) -> None:
        """End all processes: by SIGTERM, and by SIGKILL after five seconds or at the next interrupt."""
        self._is_closing = True
        children = {child for child in (self._current, self._next, *self._ending) if child is not None}
        self._current = self._next = self._replaced = None
        self._ending = dict.fromkeys(children, _NEVER)
        for child in children:
            child.terminate()
        deadline = time.monotonic() + _TO_FINISH
        interrupts = self._interrupts
        while self._ending and self._interrupts == interrupts and time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                self._events.get(timeout=max(0.0, deadline - time.monotonic()))()
        for child in self._ending:
            child.kill()
        if self._watcher is not None:
            self._watcher.close()

    # -- time --------------------------------------------------------------------------------

    def _seconds_to_wait(self) -> float | None:
        first = min(self._wait_until, self._say_loading_at, *self._ending.values(), _NEVER)
        if first == _NEVER:
            return None if CAN_INHERIT else 0.5  # Windows notices Ctrl-C between two waits
        return max(0.0, first - time.monotonic())

    def _on_time(self, now: float) -> None:
        for child, deadline in self._ending.items():
            if now >= deadline:
                child.kill()
                self._ending[child] = _NEVER
        if now >= self._wait_until:
            self._load()
        if now >= self._say_loading_at:
            self._say_loading_at = _NEVER
            self._say(f"The project is still loading, after {_TO_LOAD:.0f} seconds")

    # -- changes -----------------------------------------------------------------------------

    def _on_changes(self, paths: frozenset[str]) -> None:
        if self._is_closing:
            return
        now = time.monotonic()
        names = sorted(os.path.relpath(path, self._root) for path in paths)
        self._say(f"Changed: {', '.join(names)}; reloading")
        self._changed = now - _age(paths)
        if self._replaced is not None:
            return  # the next process has not begun to load, and will find this change too
        if self._current is None:
            self._load()
            return
        self._replaced, self._current = self._current, None
        self._ending[self._replaced] = now + _TO_FINISH
        self._replaced.stop_accepting()

    def _on_failure(self, error: Exception) -> None:
        self._say(f"Changes are no longer watched: {error}")
        self._watcher = None

    def _load(self) -> None:
        """Let the process that waits load the project and serve, or a new one."""
        self._replaced = None
        self._wait_until = _NEVER
        self._say_loading_at = time.monotonic() + _TO_LOAD
        self._current, self._next = self._next, None
        if self._current is None:
            self._current = self._start(self._changed)
        else:
            self._current.go(self._changed)

    def _start(self, go: float | None) -> ChildProcess:
        return ChildProcess(
            self._command,
            self._listener,
            self._imports,
            go,
            lambda child, words: self._events.put(lambda: self._on_line(child, words)),
            lambda child: self._events.put(lambda: self._on_end(child)),
        )

    def _prepare_next(self) -> None:
        if CAN_INHERIT and self._watcher is not None and self._next is None:
            self._next = self._start(None)

    # -- processes ---------------------------------------------------------------------------

    def _on_line(self, child: ChildProcess, words: list[str]) -> None:
        if words[0] == "serving" and child is self._current:
            self._say_loading_at = _NEVER
            self._imports = json.loads(words[1])
            child.accept()
            self._prepare_next()
        elif words[0] == "stopped" and child is self._replaced:
            if int(words[1]):
                self._load()
            else:  # it may hold what the next one needs, such as a port
                self._wait_until = time.monotonic() + _TO_END

    def _on_end(self, child: ChildProcess) -> None:
        child.close()
        self._ending.pop(child, None)
        if child is self._replaced:
            self._load()
        elif child is self._next:
            self._next = None
        elif child is self._current:
            self._current = None
            self._say_loading_at = _NEVER
            if child.status == 0 and child.is_serving and self._watcher is not None:
                self._load()
            elif self._watcher is not None:
                self._say(f"The server ended with status {child.status}; waiting for a change")
                self._prepare_next()


def _age(paths: frozenset[str]) -> float:
    """Return how many seconds ago the last of the files was saved; 0 where that is more than one."""
    age = 1.0
    for path in paths:
        with contextlib.suppress(OSError):  # it was deleted
            age = min(age, time.time() - os.stat(path).st_mtime)
    return age if 0 < age < 1 else 0.0
