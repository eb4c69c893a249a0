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
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from apiroutes.development.agenda import Agenda
from apiroutes.development.application import HostGuard
from apiroutes.development.child import BEGAN
from apiroutes.development.initial_handlers import Outcome, fill_in, initial_handlers_of
from apiroutes.development.process import CAN_INHERIT, ChildProcess
from apiroutes.development.stand_in import StandIn, how_it_ended
from apiroutes.development.watching import CAN_WATCH, Changes, Watcher
from apiroutes.errors import listed
from apiroutes.servers.addresses import AddressError, authority, family_of
from apiroutes.servers.start_check import WITHOUT_DIRECTORY
from apiroutes.terminal import BOLD, CYAN, paint_for
from apiroutes.types import WSGIApplication

__all__ = ["run"]

# The child's: the command line, wherever this process has it from.
_PROGRAM = f"""
import sys
{WITHOUT_DIRECTORY}
sys.path.append(sys.argv.pop(1))
from apiroutes.cli import main
main(prog_name="apiroutes")
"""

# Seconds: how long a process that is replaced may take to finish its requests, or to end; how long the next
# one waits for the end of one that has no request left; how long a project loads before that is said; how
# long a new file must stay empty before it is filled in, and how long others may have it open.
_TO_FINISH = 5.0
_TO_END = 0.5
_TO_LOAD = 3.0
_TO_SETTLE = 0.2
_TO_WRITE = 10.0
# Files that are named when more have changed than one more than that.
_NAMED = 2


def run(
    root: Path,
    host: str,
    port: int,
    allowed_hosts: Sequence[str],
    docs_path: str | None,
    say: Callable[[str], None],
) -> None:
    """Serve the project until Ctrl-C, reloading it after every change. Raises AddressError."""
    listener = _listen(host, port)
    address, port = listener.getsockname()[:2]
    if not CAN_INHERIT:
        listener.close()
    os.environ[BEGAN] = str(time.time() - time.process_time())  # Python's own start and imports included
    url = f"http://{authority(address, port)}"
    paint = paint_for(sys.stderr)
    say(f"Serving {root} on {paint(url, BOLD, CYAN)} (Ctrl-C stops)")
    if docs_path is not None:
        say(f"Documentation: {paint(url + docs_path, CYAN)}")
    if not CAN_WATCH:
        say("Changes are not watched. To watch them: pip install 'apiroutes[dev]'")
    options = [("--root", str(root)), ("--host", host), ("--port", str(port))]
    options += [("--allowed-host", allowed) for allowed in allowed_hosts]
    command = [sys.executable, "-c", _PROGRAM, str(Path(__file__).parents[2]), "dev"]
    command += [part for option in options for part in option]
    supervisor = _Supervisor(
        root, command, listener, partial(HostGuard, host=host, allowed=allowed_hosts), say
    )
    # A signal is an event like others: an exception could interrupt the start of a child.
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

    Whatever happens, in whatever thread, is put on the agenda, and done in the main thread.
    """

    def __init__(
        self,
        root: Path,
        command: list[str],
        listener: socket.socket,
        guard: Callable[[WSGIApplication], WSGIApplication],
        say: Callable[[str], None],
    ) -> None:
        self._root = root
        self._command = command
        self._listener = listener
        self._guard = guard
        self._say = say
        self._agenda = Agenda()
        self._interrupts = 0
        self._is_closing = False
        self._watcher: Watcher | None = None
        self._current: ChildProcess | None = None
        self._next: ChildProcess | None = None
        self._imports: list[str] = []
        self._ending: set[ChildProcess] = set()
        # What answers after a process has ended on its own, until a file changes.
        self._stand_in: StandIn | None = None
        # The process that the next one waits for; None while nothing is replaced.
        self._replaced: ChildProcess | None = None
        # The changed files that the next process is to load, and when the last of them was saved.
        self._paths: set[str] = set()
        self._changed = 0.0

    def run(self) -> None:
        """Serve and reload until an interrupt, or until the server ends and nothing is watched."""
        if CAN_WATCH:
            self._watcher = Watcher(
                self._root,
                lambda changes: self._agenda.put(lambda: self._on_changes(changes)),
                lambda error: self._agenda.put(lambda: self._on_failure(error)),
            )
        self._load()
        while not self._interrupts and (self._watcher is not None or self._current is not None):
            self._agenda.make_next()

    def interrupt(self) -> None:
        """Make `run` return; the second time, keep `close` from waiting. For signal handlers."""
        self._agenda.put(self._on_interrupt)

    def _on_interrupt(self) -> None:
        self._interrupts += 1

    def close(self) -> None:
        """End all processes: by SIGTERM, and by SIGKILL after five seconds or at the next interrupt."""
        self._is_closing = True
        self._agenda.clear()
        self._end_stand_in()
        self._ending |= {child for child in (self._current, self._next) if child is not None}
        self._current = self._next = self._replaced = None
        for child in self._ending:
            child.terminate()
        self._agenda.put_later(_TO_FINISH, "kill", self._on_interrupt)
        interrupts = self._interrupts
        while self._ending and self._interrupts == interrupts:
            self._agenda.make_next()
        for child in self._ending:
            child.kill()
        if self._watcher is not None:
            self._watcher.close()

    # -- changes -----------------------------------------------------------------------------

    def _on_changes(self, changes: Changes) -> None:
        if self._is_closing:
            return
        sources = initial_handlers_of(self._root, changes.new)
        for path, source in sources.items():
            self._fill_in_later(path, source, _TO_WRITE)
        paths = changes.paths - sources.keys()
        if paths:
            self._reload(paths)

    def _fill_in_later(self, path: str, source: str, seconds: float) -> None:
        self._agenda.put_later(_TO_SETTLE, path, lambda: self._fill_in(path, source, seconds - _TO_SETTLE))

    def _fill_in(self, path: str, source: str, seconds: float) -> None:
        """Write a file's initial handler, or look again later, for at most so many seconds."""
        file = os.path.relpath(path, self._root)
        try:
            outcome = fill_in(path, source)
        except OSError as error:
            self._say(f"The initial handler of {file} cannot be written: {error.strerror}")
            self._reload({path})
            return
        if outcome is Outcome.FILLED:  # which is a change that will be noticed
            self._say(f"Wrote an initial handler into {file}, a new file that was empty")
        elif outcome is Outcome.BUSY and seconds > 0:
            self._fill_in_later(path, source, seconds)
        elif outcome is Outcome.BUSY:
            self._reload({path})

    def _on_failure(self, error: Exception) -> None:
        self._say(f"Changes are no longer watched: {error}")
        self._watcher = None

    # -- reloads -----------------------------------------------------------------------------

    def _reload(self, paths: Collection[str]) -> None:
        self._paths |= set(paths)
        self._changed = time.monotonic() - _age(paths)
        if self._replaced is not None:
            return  # the next process has not begun to load, and will find this change too
        if self._current is None:
            self._load()
            return
        child = self._replaced = self._current
        self._current = None
        self._ending.add(child)
        self._agenda.put_later(_TO_FINISH, child, lambda: self._cut_off(child))
        child.stop_accepting()

    def _cut_off(self, child: ChildProcess) -> None:
        if child.running:
            count, were = (
                ("1 request", "was") if child.running == 1 else (f"{child.running} requests", "were")
            )
            late = f"{were} still running after {_TO_FINISH:.0f} s, and {were} cut off"
            self._say(f"{count} of the old code {late}")
        child.kill()

    def _say_what_changed(self) -> None:
        """Print it once the old process accepts no more: no later request gets an old answer."""
        if self._paths:
            names = sorted(os.path.relpath(path, self._root) for path in self._paths)
            if len(names) > _NAMED + 1:
                names[_NAMED:] = [f"{len(names) - _NAMED} more"]
                changed = listed(names)
            else:
                changed = ", ".join(names)
            self._say(f"Changed: {changed}; reloading")
            self._paths.clear()

    def _load(self) -> None:
        """Let the waiting process, or a new one, load the project and serve."""
        self._end_stand_in()
        self._say_what_changed()
        self._replaced = None
        self._agenda.remove("load")
        self._agenda.put_later(_TO_LOAD, "say", self._say_that_it_loads)
        self._current, self._next = self._next, None
        if self._current is None:
            self._current = self._start(self._changed)
        else:
            self._current.go(self._changed)

    def _say_that_it_loads(self) -> None:
        self._say(f"The project is still loading, after {_TO_LOAD:.0f} seconds")

    def _start(self, go: float | None) -> ChildProcess:
        return ChildProcess(
            self._command,
            self._listener,
            self._imports,
            go,
            lambda child, words: self._agenda.put(lambda: self._on_line(child, words)),
            lambda child: self._agenda.put(lambda: self._on_end(child)),
        )

    # -- what processes do -------------------------------------------------------------------

    def _on_line(self, child: ChildProcess, words: list[str]) -> None:
        if words[0] == "serving" and child is self._current:
            self._agenda.remove("say")
            told = json.loads(words[1])
            self._imports = told["imports"]
            if self._watcher is not None:
                self._watcher.watch_others(told["files"])
            child.accept()
            if self._watcher is not None and self._next is None:
                self._next = self._start(None)
        elif words[0] == "stopped" and child is self._replaced:
            self._say_what_changed()
            child.running = int(words[1])
            if child.running:
                self._load()
            else:  # it may hold what the next one needs, such as a port
                self._agenda.put_later(_TO_END, "load", self._load)
        elif words[0] == "wrote" and self._watcher is not None:
            self._watcher.leave_out(json.loads(words[1]))
        elif words[0] == "running":
            child.running = int(words[1])

    def _on_end(self, child: ChildProcess) -> None:
        child.close()
        self._ending.discard(child)
        self._agenda.remove(child)
        if child is self._replaced:
            self._load()
        elif child is self._next:
            self._next = None
        elif child is self._current:
            self._current = None
            self._agenda.remove("say")
            if self._watcher is not None and child.is_serving and child.status == 0:
                self._load()
            elif self._watcher is not None:
                self._stand_in_for(child)

    def _stand_in_for(self, child: ChildProcess) -> None:
        how = how_it_ended(child.status)
        self._say(f"The server {how}; waiting for a change")
        if CAN_INHERIT:
            self._stand_in = StandIn(self._listener, self._guard, how, self._say)

    def _end_stand_in(self) -> None:
        if self._stand_in is not None:
            self._stand_in.close()
            self._stand_in = None


def _age(paths: Collection[str]) -> float:
    """Return how many seconds ago the last of the files was saved; 0 if that is more than one."""
    age = 1.0
    for path in paths:
        with contextlib.suppress(OSError):  # it was deleted
            age = min(age, time.time() - os.stat(path).st_mtime)
    return age if 0 < age < 1 else 0.0
