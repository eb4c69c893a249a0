"""A main process that keeps worker processes, for a server whose own main process does less.

In: signals, and reports of workers. Out: workers. On HUP, the project is checked before a worker is replaced;
a worker stops once its successor serves. On TERM, the readiness path reports it before anything stops.
Nothing here waits for a single worker.
"""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

from apiroutes.readiness import replace_by, unready_when
from apiroutes.servers.defaults import MARGIN_SECONDS
from apiroutes.servers.failed_starts import NOT_STARTED
from apiroutes.servers.start_check import NOT_RELOADED, SECONDS, StartCheck
from apiroutes.settings import Settings

__all__ = ["MainProcess", "Report", "report_to"]

# Messages from and to a worker.
_SERVES, _REPLACE_ME, _STOPPING = "serves", "replace me", "stopping"

# Seconds between two checks of what sends no message.
_TICK = 0.1
# After a successor did not start, another one is tried after this many seconds.
_RETRY_SECONDS = 30

# The exit status of a worker that something else has told to stop, perhaps during its start.
_TOLD_TO_STOP = 0

# Reports that a worker serves.
Report = Callable[[], None]


def report_to(main: connection.Connection, stop: Callable[[], object]) -> Report:
    """Connect a worker with its main process; `stop` is called, in a thread, if that has ended."""
    is_stopping = False

    def listen() -> None:
        nonlocal is_stopping
        try:
            while main.recv() == _STOPPING:
                is_stopping = True
        except (EOFError, OSError):
            stop()

    replace_by(lambda: main.send(_REPLACE_ME))
    unready_when(lambda: is_stopping)
    threading.Thread(target=listen, daemon=True).start()
    return lambda: main.send(_SERVES)


class _Worker:
    """A worker, as the main process sees it."""

    def __init__(self, start: Callable[[connection.Connection], BaseProcess]) -> None:
        self.connection, theirs = multiprocessing.Pipe()
        self.process = start(theirs)
        theirs.close()  # so that each end notices when the other is gone
        self.serves = False
        self.deadline = math.inf  # to end by itself

    def asks_for_successor(self) -> bool:
        """Read the worker's reports; return whether it must be replaced."""
        asks = False
        try:
            while self.connection.poll():
                message = self.connection.recv()
                self.serves = self.serves or message == _SERVES
                asks = asks or message == _REPLACE_ME
        except (EOFError, OSError):
            pass
        return asks

    def announce_stop(self) -> None:
        """Make the worker report that it is not ready."""
        try:
            self.connection.send(_STOPPING)
        except OSError:  # it has ended
            return

    def stop(self, seconds: float) -> None:
        """Tell the worker to finish its requests, or its start, within so many seconds."""
        self.process.terminate()
        self.deadline = time.monotonic() + seconds + MARGIN_SECONDS


class _Succession(NamedTuple):
    """A worker that must stop as soon as another one serves."""

    predecessor: _Worker
    successor: _Worker


class MainProcess:
    """Keeps `count` workers, each made by `start` with its end of a connection.

    `close` is called when they are told to stop: no client must wait for a socket that nobody reads.
    """

    def __init__(
        self,
        start: Callable[[connection.Connection], BaseProcess],
        close: Callable[[], object],
        count: int,
        settings: Settings,
        graceful_timeout: float,
        log: logging.Logger,
    ) -> None:
        self._start = start
        self._close = close
        self._count = count
        self._delay = settings.shutdown_delay
        self._graceful_timeout = graceful_timeout
        self._log = log
        self._workers: list[_Worker] = []
        self._leaving: list[_Worker] = []  # they were told to stop
        self._to_replace: deque[_Worker] = deque()
        self._succession: _Succession | None = None
        self._next_succession = 0.0  # not before this time
        self._check: StartCheck | None = None
        self._is_reload_due = False
        self._is_stopping = False
        self._has_announced = False
        self._stop_at = math.inf
        self._status = 0

    def run(self) -> int:
        """Keep the workers until a signal ends them; return the exit status."""
        # Record: The process that keeps the workers has begun.
        self._log.info("Started parent process [%d]", os.getpid())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._handle_stop)
        signal.signal(signal.SIGHUP, self._handle_reload)
        self._workers = [_Worker(self._start) for _ in range(self._count)]
        while self._workers or self._leaving:
            self._wait()
            self._look_after_workers()
            if self._is_stopping:
                self._continue_stop()
            else:
                self._continue_reload()
                self._continue_succession()
        # Record: The process that keeps the workers ends.
        self._log.info("Stopping parent process [%d]", os.getpid())
        return self._status

    def _wait(self) -> None:
        workers = self._all()
        connections = [worker.connection for worker in workers]
        connection.wait([*connections, *(worker.process.sentinel for worker in workers)], _TICK)

    def _all(self) -> list[_Worker]:
        successors = [] if self._succession is None else [self._succession.successor]
        return [*self._workers, *successors, *self._leaving]

    # -- signals: the handlers run between two steps of the main thread --------------------

    def _handle_stop(self, number: int, frame: object) -> None:
        now = time.monotonic()
        is_first = not self._is_stopping
        self._is_stopping = True
        self._stop_at = now + self._delay if is_first and number == signal.SIGTERM else now

    def _handle_reload(self, number: int, frame: object) -> None:
        self._is_reload_due = True

    # -- stopping --------------------------------------------------------------------------

    def _continue_stop(self) -> None:
        if not self._has_announced:
            self._has_announced = True
            self._end_check()
            for worker in self._workers:
                worker.announce_stop()
            if self._succession is not None:
                self._retire(self._succession.successor)
                self._succession = None
        if time.monotonic() >= self._stop_at:
            self._close()
            while self._workers:
                self._retire(self._workers.pop())

    def _end_check(self) -> None:
        if self._check is not None:
            self._check.close()
            self._check = None

    def _retire(self, worker: _Worker) -> None:
        worker.stop(self._graceful_timeout)
        self._leaving.append(worker)

    # -- reloading -------------------------------------------------------------------------

    def _continue_reload(self) -> None:
        """Replace all workers once the new code is known to start; HUPs that come meanwhile count as one."""
        if self._check is not None:
            if self._check.is_done():
                start_report = self._check.report()
                self._check = None
                if start_report is not None:
                    # Record: SIGHUP, and the new code does not start; the old workers continue. The record
                    # contains the report of the mistakes.
                    self._log.error(NOT_RELOADED, start_report)
                else:
                    self._to_replace = deque(self._workers)
                    self._next_succession = 0.0
        elif self._is_reload_due and not (self._is_replacing() or self._leaving):
            self._is_reload_due = False
            self._check = StartCheck(within=SECONDS)

    def _is_replacing(self) -> bool:
        """Return whether workers are being replaced. After a failure, a reload need not wait to try again."""
        is_put_off = time.monotonic() < self._next_succession
        return self._succession is not None or (bool(self._to_replace) and not is_put_off)

    # -- workers ---------------------------------------------------------------------------

    def _look_after_workers(self) -> None:
        for worker in self._all():
            if worker.asks_for_successor() and worker in self._workers:
                self._to_replace.append(worker)
            if worker.process.is_alive():
                if time.monotonic() > worker.deadline:
                    worker.deadline = math.inf
                    # Record: A worker has not ended within `graceful_timeout`, and is killed.
                    self._log.warning("Worker [%s] did not stop within graceful_timeout", worker.process.pid)
                    worker.process.kill()
            else:
                worker.process.join()
                worker.connection.close()
                self._note_end(worker)

    def _note_end(self, worker: _Worker) -> None:
        if worker in self._leaving:
            self._leaving.remove(worker)
        elif self._succession is not None and worker is self._succession.successor:
            predecessor = self._succession.predecessor
            # Record: The successor has ended before it served; another one is tried.
            self._log.error("The successor of worker [%s] did not start", predecessor.process.pid)
            self._succession = None
            self._to_replace.appendleft(predecessor)
            self._next_succession = time.monotonic() + _RETRY_SECONDS
        elif self._is_stopping or not (worker.serves or worker.process.exitcode == _TOLD_TO_STOP):
            self._workers.remove(worker)
            if not self._is_stopping:
                # Record: A worker has ended before it served.
                self._log.error("Worker [%s] did not start, the server stops", worker.process.pid)
                self._status, self._is_stopping, self._stop_at = NOT_STARTED, True, 0.0
        else:
            # Record: A worker has ended unexpectedly; another one is started.
            self._log.info("Worker [%s] died", worker.process.pid)
            self._put_in_place_of(worker)

    def _put_in_place_of(self, worker: _Worker) -> None:
        index = self._workers.index(worker)
        if self._succession is not None and worker is self._succession.predecessor:
            self._workers[index] = self._succession.successor
            self._succession = None
        else:
            self._workers[index] = _Worker(self._start)

    def _continue_succession(self) -> None:
        """Replace the workers that have to be replaced, one at a time."""
        if self._succession is not None:
            predecessor, successor = self._succession
            if successor.serves:
                self._workers[self._workers.index(predecessor)] = successor
                self._succession = None
                self._retire(predecessor)
        elif self._to_replace and not self._leaving and time.monotonic() >= self._next_succession:
            predecessor = self._to_replace.popleft()
            if predecessor in self._workers:
                # Record: A worker is replaced, after SIGHUP or because it has asked for it.
                self._log.info("Starting a successor of worker [%s]", predecessor.process.pid)
                self._succession = _Succession(predecessor, _Worker(self._start))
