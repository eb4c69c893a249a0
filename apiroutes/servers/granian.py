"""granian, with defaults from the project's settings: its command line and its main process.

In: settings and granian's own flags. Out: nothing; runs until it is stopped. Precedence is granian's: the
project's settings are defaults, then come GRANIAN_* in the environment, and the flags. `PORT` and
`WEB_CONCURRENCY` apply if the project sets nothing, as with gunicorn. Needs the extra `granian`. On HUP the
project is checked before a worker is replaced. A worker that asks for a replacement stops once its successor
serves. Raises AddressError for a port in use.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from granian import cli
from granian._internal import load_target
from granian.log import LOGGING_CONFIG, logger
from granian.server import MPServer, Server

from apiroutes.servers.addresses import (
    SocketPathError,
    address_of,
    inherited_sockets,
    require_free,
    require_socket_path,
)
from apiroutes.servers.defaults import (
    GRANIAN_THREADS,
    MARGIN_SECONDS,
    json_formatters,
    pass_threads,
)
from apiroutes.servers.failed_starts import NOT_STARTED
from apiroutes.servers.granian_worker import (
    HAS_LOADED,
    HAS_NOT_STARTED,
    REPLACE_ME,
    load_in_worker,
    with_signals_held_back,
)
from apiroutes.servers.processors import usable_processors
from apiroutes.servers.start_check import NOT_RELOADED, SECONDS, StartCheck
from apiroutes.settings import Settings

__all__ = ["run"]

# Seconds between two looks at a condition.
_TICK = 0.05
# Seconds for a worker to end, for which granian has no limit.
_KILL_TIMEOUT = 30.0


def run(settings: Settings, flags: Sequence[str], choose: Callable[[], str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT. Raises AddressError.

    `choose` waits until the project is known to start, and returns the interface; mistakes in the flags or
    the address are reported before.
    """
    line = _command_line(settings, flags)
    options = cli.cli.make_context(line.pop("prog_name"), **line).params
    if inherited_sockets():
        remedy = "Use gunicorn or uvicorn, or stop the socket unit and let granian listen by itself."
        raise SocketPathError("systemd's socket", "granian takes none", remedy)
    _require(options["host"], options["port"], options["uds"])
    settings = replace(settings, interface=choose())
    _Server.writes_json_log = settings.log_format == "json"
    cli.Server = _Server  # type: ignore[attr-defined]  # granian's command line takes it from there
    if settings.interface == "asgi":
        pass_threads(settings.threads)
    cli.cli.main(**_command_line(settings, flags))


def _json_log() -> dict[str, Any]:
    """Return granian's configuration of its log, as JSON, and on standard error like all other records."""
    handlers: Any = LOGGING_CONFIG["handlers"]
    console = {**handlers["console"], "stream": "ext://sys.stderr"}
    return {
        "formatters": json_formatters("generic", "access"),
        "handlers": {**handlers, "console": console},
    }


def _require(host: str, port: int, path: Path | None) -> None:
    if path is None:
        require_free(host, port)
    else:
        require_socket_path(str(path))


def _command_line(settings: Settings, flags: Sequence[str]) -> dict[str, Any]:
    is_asgi = settings.interface == "asgi"
    return {
        # Last, so that flags cannot change how the application is found and called.
        "args": [*flags, *(_ASGI if is_asgi else _WSGI)],
        "prog_name": "apiroutes start --server granian -- [GRANIAN FLAGS]",
        "auto_envvar_prefix": "GRANIAN",
        "default_map": _defaults(settings) | (_ASGI_DEFAULTS if is_asgi else {}),
    }


_WSGI = ("--interface", "wsgi", "--factory", "apiroutes:create_app")
# For the loop, granian's own tasks are one task that shares a context: asyncio's time limits fail there.
_ASGI = ("--interface", "asgi", "--task-impl", "asyncio", "--factory", "apiroutes:create_asgi_app")
_ASGI_DEFAULTS = {
    "blocking_threads": None,  # only for WSGI: with ASGI the App has its own threads
    "websockets": True,  # so that the App refuses them, and does not answer them as requests
}


class _Server(Server):  # type: ignore[misc, valid-type]  # one of several, by platform
    """granian's server; it stops on TERM without delay, and starts a successor before a worker stops."""

    writes_json_log = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.writes_json_log and kwargs.get("log_dictconfig") is None:
            kwargs["log_dictconfig"] = _json_log()
        super().__init__(*args, **kwargs)
        # Workers may be threads, which cannot be replaced one by one; `--reload` has another main loop.
        self._receives_messages = issubclass(Server, MPServer) and not self.reload_on_changes
        self.main_loop_interrupt = _Interrupt(self._has_work)
        self._spawning: tuple[Any, Any] | None = None
        self._check: StartCheck | None = None
        self._is_reload_due = False
        # Workers by process id: the workers that ask to be replaced, and the workers that have loaded the
        # application.
        self._to_replace: set[int] = set()
        self._loaded: set[int] = set()
        self._status = 0
        self._from_workers, self._to_main = multiprocessing.Pipe(duplex=False)

    def serve(self, spawn_target: Any = None, target_loader: Any = None, wrap_loader: bool = True) -> None:
        """Serve until it is told to stop."""
        if self._receives_messages:
            load = partial(load_target, self.target, wd=self.working_dir, factory=self.factory)
            kill_timeout = self.workers_kill_timeout or _KILL_TIMEOUT
            seconds = max(kill_timeout / 2, kill_timeout - MARGIN_SECONDS)
            target_loader, wrap_loader = partial(load_in_worker, self._to_main, seconds, load), False
        super().serve(spawn_target, target_loader, wrap_loader)

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Begin to listen, and start the workers."""
        _require(self.bind_addr, self.bind_port, self.bind_uds)
        self._spawning = spawn_target, target_loader
        super().startup(spawn_target, target_loader)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            message, pid = self._from_workers.recv()
            if message == HAS_LOADED:
                self._loaded.add(pid)
            elif message == HAS_NOT_STARTED:
                if any(worker._id() == pid for worker in self.wrks):  # and no successor
                    self._status = NOT_STARTED
                    self.signal_handler_interrupt()
            elif message == REPLACE_ME:
                self._to_replace.add(pid)
                self.main_loop_interrupt.set()

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers. Raises SystemExit with the status of a server that has not started."""
        super().shutdown(exit_code or self._status)

    # -- signals: the handlers run between two steps of the main thread --------------------

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Stop, and end a running check."""
        self._is_reload_due = False
        super().signal_handler_interrupt(*args, **kwargs)
        if self._check is not None:
            self._check.stop()

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """Reload once the new code is known to start: granian ends if its workers do not start.

        Further signals during the check cause one more check afterwards.
        """
        self._is_reload_due = True
        if self._check is None and not self.interrupt_signal:
            self._begin_check()

    def _begin_check(self) -> None:
        self._is_reload_due = False
        self._check = StartCheck(within=SECONDS)
        if self.interrupt_signal:  # the signal came meanwhile
            self._check.stop()
        threading.Thread(target=self._end_check, args=(self._check,), daemon=True).start()

    def _end_check(self, check: StartCheck) -> None:
        start_report = check.wait()
        if self.interrupt_signal:
            return
        if start_report is None:
            super().signal_handler_reload()
        else:
            # Record: SIGHUP, and the new code does not start; the old workers continue. The record contains
            # the report of the mistakes.
            logger.error(NOT_RELOADED, start_report)
        self._check = None
        if self._is_reload_due:
            self._begin_check()

    # -- workers ---------------------------------------------------------------------------

    def _spawn_worker(self, *args: Any, **kwargs: Any) -> Any:
        """Start a worker; signals reach it even while it starts."""
        worker = super()._spawn_worker(*args, **kwargs)
        if self._receives_messages:
            worker.start = partial(with_signals_held_back, worker.start)
        return worker

    def _has_work(self) -> bool:
        """Replace the workers that have asked for it. Return whether the main loop has work to do."""
        for worker in self.wrks:
            # granian stops if a worker ends soon after its predecessor, as a worker that cannot start does.
            if worker._id() in self._loaded:
                self.respawned_wrks.pop(worker.idx, None)
        while self._to_replace and not self.interrupt_signal:
            pid = self._to_replace.pop()
            for worker in self.wrks:
                if worker._id() == pid and self._spawning is not None:
                    self._respawn_workers([worker.idx], *self._spawning, delay=self.respawn_interval)
                    break
        return bool(
            self.interrupt_signal
            or self.interrupt_children
            or self.reload_signal
            or self.lifetime_signal
            or self.rss_signal
        )

    def _respawn_workers(
        self, workers: Sequence[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        """Replace workers one after another; TERM stops all workers that exist then."""
        if not self._receives_messages:
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
            return
        count = 0
        for index in workers:
            if self.interrupt_signal:
                break
            self.respawned_wrks[index] = time.monotonic()
            # Record: A worker is replaced, after SIGHUP or because it has asked for it.
            logger.info(f"Respawning worker-{index + 1}")
            successor = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            predecessor = self.wrks[index]
            if self._begin(successor, predecessor, delay):
                count += 1
                self.wrks[index] = successor
                self._end(predecessor)
        self._metrics.incr_spawn(count)

    def _begin(self, successor: Any, predecessor: Any, delay: float) -> bool:
        """Start the successor. Return whether it serves, or its predecessor has ended anyway."""
        if not predecessor.is_alive():
            successor.start()
            return True
        # Otherwise the end of either worker would stop the server.
        successor.interrupt_by_parent = predecessor.interrupt_by_parent = True
        successor.start()
        for _ in self._while_not_told_to_stop(None):
            if successor._id() in self._loaded or not successor.is_alive():
                break
        # The worker listens soon after loading; granian does not report when.
        for _ in self._while_not_told_to_stop(delay):
            if not successor.is_alive():
                break
        if self.interrupt_signal:
            self.wrks.append(successor)
            return False
        if successor.is_alive():
            successor.interrupt_by_parent = False
            return True
        # Record: The new worker has ended before it served; the old one continues.
        logger.error(f"The successor of worker-{successor.idx + 1} did not start")
        predecessor.interrupt_by_parent = False
        if not predecessor.is_alive():
            self.interrupt_children.append(predecessor.idx)
        return False

    def _end(self, predecessor: Any) -> None:
        # Record: The new worker serves, and the old one is told to stop.
        logger.info(f"Stopping old worker-{predecessor.idx + 1}")
        self._loaded.discard(predecessor._id())
        predecessor.terminate()
        for _ in self._while_not_told_to_stop(self.workers_kill_timeout):
            if not predecessor.is_alive():
                break
        else:
            if self.interrupt_signal:
                self.wrks.append(predecessor)
                return
            # Record: The old worker has not ended within `graceful_timeout`.
            logger.warning(f"Killing old worker-{predecessor.idx + 1} after it refused to gracefully stop")
            predecessor.kill()
            predecessor.join()
        # Record: The old worker has ended.
        logger.info(f"Stopped old worker-{predecessor.idx + 1}")

    def _while_not_told_to_stop(self, seconds: float | None) -> Iterator[None]:
        """Yield at every tick for so many seconds (None: without limit), until the server must stop."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self.interrupt_signal and (end is None or time.monotonic() < end):
            yield
            time.sleep(_TICK)


class _Interrupt(threading.Event):
    """The event on which granian's main loop waits; it wakes the loop only if there is work for it."""

    def __init__(self, has_work: Callable[[], bool]) -> None:
        super().__init__()
        self._has_work = has_work

    def wait(self, timeout: float | None = None) -> bool:
        self.clear()  # before the check, so that an event after it is not missed
        while not self._has_work():
            super().wait(timeout)
            self.clear()
        return True


def _defaults(settings: Settings) -> dict[str, Any]:
    """Return the defaults of granian's options, as text where granian must check their values."""
    host, port = address_of(settings)
    return {
        "host": host,
        "port": port,
        "workers": settings.workers or os.environ.get("WEB_CONCURRENCY") or usable_processors(),
        "blocking_threads": settings.threads or GRANIAN_THREADS,
        "respawn_failed_workers": True,
        "workers_kill_timeout": str(settings.graceful_timeout + MARGIN_SECONDS),
        "http1_keep_alive": settings.keepalive > 0,
        # This is also the time for which an idle connection is kept. Milliseconds; granian accepts at most a
        # minute.
        "http1_header_read_timeout": min(
            60_000, round(1000 * max(settings.header_timeout, settings.keepalive))
        ),
        "websockets": False,
    }
