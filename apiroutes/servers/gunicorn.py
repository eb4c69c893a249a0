"""gunicorn with settings from the project's configuration. The only file that imports gunicorn.

In: settings and gunicorn's own flags. Out: nothing; runs until it is stopped. Precedence is
gunicorn's: what the project sets is a default, then gunicorn.conf.py, GUNICORN_CMD_ARGS, and
the flags. `PORT` and `WEB_CONCURRENCY` hold where the project sets nothing. On HUP the project is
checked before a worker is replaced; on TERM the readiness path says so before anything stops. A
worker that asks for a replacement stops when its successor serves.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from gunicorn import systemd
from gunicorn.app import base
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from apiroutes.concurrency import stop_receiving, unwatch, watch
from apiroutes.readiness import replace_by, unready_when
from apiroutes.servers.addresses import require_free
from apiroutes.servers.defaults import THREADS, usable_cpus
from apiroutes.servers.reloading import NOT_RELOADED, SECONDS, Check
from apiroutes.settings import Settings

__all__ = ["run"]


def run(settings: Settings, flags: Sequence[str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT."""
    # gunicorn reads its flags from the command line, and only from there.
    sys.argv = ["apiroutes", *flags, "apiroutes:create_app()"]
    _Gunicorn(settings, "apiroutes start -- [GUNICORN FLAGS]").run()


# Memory that the main process and the workers it forks have together.
_stopping = mmap.mmap(-1, 1)


class _Succession(NamedTuple):
    """A worker that is to stop as soon as another one serves; both by process id."""

    predecessor: int
    successor: int


# Seconds until a successor that did not start is tried again.
_AGAIN = 30
# Seconds that a worker has beyond `graceful_timeout` to end by itself.
_MARGIN = 1


class _Arbiter(Arbiter):  # type: ignore[misc]
    """gunicorn's, which does one more thing at a time, and never waits for it."""

    def __init__(self, app: Any) -> None:
        self._is_stopping = False
        self._is_reloading = False
        self._is_reload_due = False
        self._check: Check | None = None
        self._leaving: dict[int, float] = {}  # workers that were told to stop, and until when they may
        self._asked: deque[int] = deque()  # workers that are to be replaced
        self._succession: _Succession | None = None
        self._not_before = 0.0  # the next succession
        self._questions, asking = os.pipe()
        os.set_blocking(self._questions, False)
        os.set_blocking(asking, False)
        # Every worker has it by the fork, whatever its class is.
        replace_by(lambda: os.write(asking, b"%d\n" % os.getpid()))
        unready_when(lambda: bool(_stopping[0]))
        super().__init__(app)

    # -- told to stop ----------------------------------------------------------------------

    def handle_term(self) -> None:
        """Say that we are not ready, and stop when whoever asks has had the time to notice.

        A second SIGTERM stops at once.
        """
        _stopping[0] = 1
        self._end_check()
        delay = self.app.shutdown_delay
        if not delay or self._is_stopping:
            super().handle_term()
        self._is_stopping = True
        self.log.info("Stopping in %g s", delay)
        again = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, and whatever else has been started."""
        self._end_check()
        super().stop(graceful)

    def _end_check(self) -> None:
        self._is_reload_due = False
        if self._check is not None:
            self._check.close()
            self._check = None

    # -- told to reload --------------------------------------------------------------------

    def handle_hup(self) -> None:
        """Reload once the new code was seen to start: gunicorn ends when its workers do not.

        One more HUP while that is looked at, or while workers still stop, has it looked at anew
        afterwards; any number of them is one.
        """
        self._is_reload_due = not self._is_stopping

    def _look_after_reload(self) -> None:
        if self._check is not None:
            if self._check.is_done():
                mistakes = self._check.mistakes()
                self._check = None
                self._reload_unless(mistakes)
        elif self._is_reload_due and not self._leaving:
            self._is_reload_due = False
            self._check = Check(within=SECONDS)

    def _reload_unless(self, mistakes: str | None) -> None:
        if mistakes is not None:
            self.log.error(NOT_RELOADED, mistakes)
            return
        if self.cfg.preload_app:
            self.log.warning("The project is preloaded: new workers have the code that the server began with")
        self._asked.clear()  # all are replaced
        self._succession = None
        super().handle_hup()

    def reload(self) -> None:
        """Start the new workers and tell the old ones to stop. The main loop waits for their end."""
        self._is_reloading = True
        try:
            super().reload()
        except _ReloadDone:
            pass
        finally:
            self._is_reloading = False

    # -- workers ---------------------------------------------------------------------------

    def murder_workers(self) -> None:
        """Look after workers: gunicorn's main loop calls it at least once a second."""
        super().murder_workers()
        for pid, until in list(self._leaving.items()):
            if time.monotonic() > until:
                self._leaving[pid] = float("inf")
                self.log.warning("Worker (pid:%s) did not stop within graceful_timeout", pid)
                self.kill_worker(pid, signal.SIGKILL)
        self._look_after_reload()
        self._look_after_succession()

    def manage_workers(self) -> None:
        """Keep as many workers as are wanted. Those that were told to stop do not count.

        gunicorn counts them, and while one takes its time tells it, or another, once more.
        """
        staying = [pid for pid in sorted(self.WORKERS, key=self._age) if pid not in self._leaving]
        wanted = self.num_workers
        if self._succession is not None and set(self._succession) <= set(staying):
            wanted += 1
        for pid in staying[: max(0, len(staying) - wanted)]:
            self.kill_worker(pid, signal.SIGTERM)
        more = wanted - self.num_workers + len(self._leaving)
        self._num_workers += more
        try:
            super().manage_workers()
        finally:
            self._num_workers -= more

    def _age(self, pid: int) -> int:
        age: int = self.WORKERS[pid].age
        return age

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send the worker a signal, and remember which were told to stop."""
        if sig == signal.SIGTERM and pid in self.WORKERS:
            self._leaving.setdefault(pid, time.monotonic() + self.cfg.graceful_timeout + _MARGIN)
            if not _serves(self.WORKERS[pid]):
                sig = signal.SIGQUIT  # it has nothing to finish but its start, which may take its time
        super().kill_worker(pid, sig)

    def reap_workers(self) -> None:
        """Take notice of workers that have ended."""
        if self._is_reloading:
            raise _ReloadDone
        try:
            super().reap_workers()
        except HaltServer:
            # One that was told to stop need not have started.
            if self._leaving.keys() - self.WORKERS.keys():
                return
            # A successor that does not start takes nothing down: its predecessor goes on.
            if self._succession is None or self._succession.successor in self.WORKERS:
                raise
            self._put_off_succession(self._succession)
        finally:
            self._leaving = {pid: until for pid, until in self._leaving.items() if pid in self.WORKERS}

    # -- workers that ask for a successor --------------------------------------------------

    def _look_after_succession(self) -> None:
        """Replace the workers that have asked for it, one at a time."""
        self._take_questions()
        if self._succession is None:
            if self._is_stopping or self._leaving or time.monotonic() < self._not_before:
                return
            if self._asked:
                predecessor = self._asked.popleft()
                if predecessor in self.WORKERS:
                    self.log.info("Starting a successor of worker (pid:%s)", predecessor)
                    self._succession = _Succession(predecessor, self.spawn_worker())
            return
        predecessor, successor = self._succession
        if predecessor not in self.WORKERS:
            self._succession = None
        elif successor not in self.WORKERS:
            self._put_off_succession(self._succession)
        elif _serves(self.WORKERS[successor]):
            self._succession = None
            self.kill_worker(predecessor, signal.SIGTERM)

    def _take_questions(self) -> None:
        try:
            pids = os.read(self._questions, 4096).split()
        except BlockingIOError:
            return
        for pid in map(int, pids):
            if pid in self.WORKERS and pid not in self._leaving and pid not in self._asked:
                self._asked.append(pid)

    def _put_off_succession(self, succession: _Succession) -> None:
        self.log.error("The successor of worker (pid:%s) did not start", succession.predecessor)
        self._asked.append(succession.predecessor)
        self._succession = None
        self._not_before = time.monotonic() + _AGAIN

    def spawn_worker(self) -> Any:
        """Fork a worker, which gets the signals that come before it has handlers of its own.

        With this process's, which it begins with, it would note a SIGTERM for nobody, and serve on
        until `graceful_timeout` ends it.
        """
        if not issubclass(self.worker_class, _Worker):
            return super().spawn_worker()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _ReloadDone(Exception):
    """The new workers have been started, and the old ones told to stop."""


def _serves(worker: Any) -> bool:
    """Whether it takes requests, which it does once it gives signs of life.

    They set the time of a file to that of the monotonic clock, which is far behind the one that
    the file was made at.
    """
    signs: float = worker.tmp.last_update()
    return signs <= time.monotonic()


_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class _Worker:
    """What both of ours have."""

    def init_signals(self) -> None:
        """Handle signals, those included that have waited since the fork."""
        super().init_signals()  # type: ignore[misc]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Stop at once."""
        if not self.booted:  # type: ignore[attr-defined]
            # The project is being imported, where an exception would be taken for its mistake.
            os._exit(0)
        super().handle_quit(sig, frame)  # type: ignore[misc]


class _SyncWorker(_Worker, SyncWorker):  # type: ignore[misc]
    """gunicorn's, which ends a connection whose request takes too long to begin."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        watch(self, time.monotonic() + self.app.header_timeout, lambda: stop_receiving(client))
        try:
            super().handle(listener, client, addr)
        finally:
            unwatch(self)

    def handle_request(self, *arguments: Any) -> Any:
        unwatch(self)
        return super().handle_request(*arguments)


class _ThreadWorker(_Worker, ThreadWorker):  # type: ignore[misc]
    """The same with threads."""

    def handle(self, conn: Any) -> Any:
        watch(conn, time.monotonic() + self.app.header_timeout, lambda: stop_receiving(conn.sock))
        try:
            return super().handle(conn)
        finally:
            unwatch(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        unwatch(conn)
        return super().handle_request(req, conn)


_WORKERS = {"sync": _SyncWorker, "gthread": _ThreadWorker}
for _name, _worker in _WORKERS.items():
    _worker.__name__ = _name  # which gunicorn says when it starts


class _Gunicorn(WSGIApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, usage: str) -> None:
        self._project_defaults = _defaults(settings)
        self._threads_are_default = settings.threads is None
        self.shutdown_delay = settings.shutdown_delay
        self.header_timeout = settings.header_timeout
        super().__init__(usage)

    def run(self) -> None:
        base.Arbiter = _Arbiter  # where gunicorn takes it from; it has no setting for it
        if not (self.cfg.check_config or self.cfg.print_config):  # which open nothing
            self._require_addresses()
        super().run()

    def _require_addresses(self) -> None:
        """Raise AddressError for one that is taken: gunicorn would try it for five seconds."""
        if self.cfg.reuse_port or _has_inherited_sockets():
            return
        for address in self.cfg.address:
            if isinstance(address, tuple):  # no path of a socket, no file descriptor
                require_free(*address)

    @property
    def _threads_are_ours(self) -> bool:
        return self._threads_are_default and self.cfg.threads == THREADS

    def load_config(self) -> None:
        super().load_config()
        if self.cfg.settings["worker_class"].get() == "sync" and self._threads_are_ours:
            # Whoever asks for it gets it; gunicorn would make it the other for our threads.
            self.cfg.set("threads", 1)
        name = self.cfg.worker_class_str
        if name in _WORKERS:
            self.cfg.set("worker_class", _WORKERS[name])

    def init(self, parser: Any, opts: Any, args: Any) -> dict[str, Any]:
        super().init(parser, opts, args)
        return self._project_defaults


def _has_inherited_sockets() -> bool:
    """Whether systemd, or the gunicorn that this one takes over from, has opened the sockets."""
    return "GUNICORN_FD" in os.environ or systemd.listen_fds(unset_environment=False) > 0


def _defaults(settings: Settings) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        # gunicorn's own default is where it was imported, and it goes there.
        "chdir": os.getcwd(),
        "worker_class": "gthread",
        "threads": settings.threads or THREADS,
        "timeout": settings.timeout,
        "graceful_timeout": settings.graceful_timeout,
        "keepalive": settings.keepalive,
        "preload_app": settings.preload,
        # A socket for gunicorn's own control commands, which nobody asked for.
        "control_socket_disable": True,
    }
    if settings.max_headers is not None:
        defaults["limit_request_fields"] = settings.max_headers
    if settings.max_header_size is not None:
        defaults["limit_request_field_size"] = settings.max_header_size.bytes
    if settings.workers is not None or "WEB_CONCURRENCY" not in os.environ:
        defaults["workers"] = settings.workers or usable_cpus()
    bind = _bind(settings)
    if bind is not None:
        defaults["bind"] = bind
    return defaults


def _bind(settings: Settings) -> str | None:
    if settings.host is None and settings.port is None:
        return None  # gunicorn's own: PORT on every address, or 127.0.0.1:8000
    port = os.environ.get("PORT") or 8000 if settings.port is None else settings.port
    host = settings.host or "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
