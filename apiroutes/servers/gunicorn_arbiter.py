"""gunicorn's main process, with checked reloads and workers that are replaced on request.

In: signals, and workers that ask to be replaced. Out: workers. On HUP the project is checked before a
worker is replaced, and the old workers stop once all new ones serve; on TERM the readiness path reports it
before anything stops. A worker that asks for a replacement stops once its successor serves.
systemd is told that the server is ready when a worker serves.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading
import time
from collections import deque
from typing import Any, NamedTuple

from gunicorn import arbiter, systemd
from gunicorn.errors import HaltServer

from apiroutes.readiness import replace_by, unready_when
from apiroutes.servers.defaults import MARGIN_SECONDS
from apiroutes.servers.gunicorn_workers import STOP_SIGNALS, Worker
from apiroutes.servers.heap import freeze_heap
from apiroutes.servers.start_check import NOT_RELOADED, SECONDS, StartCheck

__all__ = ["Arbiter"]

# Memory shared by the main process and the workers that it forks: nonzero once the server is stopping.
_stopping = mmap.mmap(-1, 1)


class _Succession(NamedTuple):
    """A worker that must stop as soon as another one serves; both by process id."""

    predecessor: int
    successor: int


# A successor that did not start is tried again after this many seconds.
_RETRY_SECONDS = 30


class Arbiter(arbiter.Arbiter):  # type: ignore[misc]
    """gunicorn's arbiter. What we add to it happens one step at a time, and never blocks."""

    def __init__(self, app: Any) -> None:
        self._is_stopping = False
        self._is_reloading = False
        self._is_reload_due = False
        self._check: StartCheck | None = None
        # The workers with the old code, while the workers with the new code start.
        self._predecessors: frozenset[int] = frozenset()
        self._leaving: dict[int, float] = {}  # workers that were told to stop, with their deadlines
        self._to_replace: deque[int] = deque()
        self._succession: _Succession | None = None
        self._next_succession = 0.0  # not before this time
        self._is_to_report = True  # to systemd, that it is ready
        self._replacement_requests, request = os.pipe()
        os.set_blocking(self._replacement_requests, False)
        os.set_blocking(request, False)
        # Every worker inherits it through the fork, whatever its class.
        replace_by(lambda: os.write(request, b"%d\n" % os.getpid()))
        unready_when(lambda: bool(_stopping[0]))
        super().__init__(app)

    def start(self) -> None:
        """Listen, with the project in memory if it is preloaded. The workers are forked afterwards."""
        self.app.require_addresses()
        address = os.environ.pop("NOTIFY_SOCKET", None)  # gunicorn would report now, without a worker
        super().start()
        if address is not None:
            os.environ["NOTIFY_SOCKET"] = address
        if self.app.pin_workers and not hasattr(os, "sched_setaffinity"):
            # Record: `pin_workers` is set, and the system is not Linux.
            self.log.warning("pin_workers has no effect: this system does not keep a process on a processor")
        freeze_heap()

    def _report_readiness(self) -> None:
        """Tell systemd, if it has started the server, as soon as a worker serves."""
        if self._is_to_report and any(map(_is_serving, self.WORKERS.values())):
            self._is_to_report = False
            systemd.sd_notify("READY=1\nSTATUS=A worker serves", self.log)

    # -- stopping --------------------------------------------------------------------------

    def handle_term(self) -> None:
        """Report that the server is not ready, and stop once load balancers have had time to notice.

        A second SIGTERM stops at once.
        """
        _stopping[0] = 1
        self._end_check()
        delay = self.app.shutdown_delay
        if not delay or self._is_stopping:
            super().handle_term()
        self._is_stopping = True
        # Record: SIGTERM, with `shutdown_delay`: readiness fails, and requests are still answered.
        self.log.info("Stopping in %g s", delay)
        second_term = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGTERM))
        second_term.daemon = True
        second_term.start()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers and a running check."""
        self._end_check()
        self.cfg.set("graceful_timeout", self.cfg.graceful_timeout + MARGIN_SECONDS)
        super().stop(graceful)

    def _end_check(self) -> None:
        self._is_reload_due = False
        if self._check is not None:
            self._check.close()
            self._check = None

    # -- reloading -------------------------------------------------------------------------

    def handle_hup(self) -> None:
        """Reload once the new code is known to start: gunicorn ends if its workers do not start.

        Further HUPs during the check, or while workers are still stopping, cause one more reload afterwards.
        """
        self._is_reload_due = not self._is_stopping

    def _continue_reload(self) -> None:
        if self._check is not None:
            if self._check.is_done():
                start_report = self._check.report()
                self._check = None
                self._reload_unless(start_report)
        elif self._is_reload_due and not self._leaving:
            self._is_reload_due = False
            self._check = StartCheck(within=SECONDS)

    def _reload_unless(self, start_report: str | None) -> None:
        if start_report is not None:
            # Record: SIGHUP, and the new code does not start; the old workers continue. The record contains
            # the report of the mistakes.
            self.log.error(NOT_RELOADED, start_report)
            return
        if self.cfg.preload_app:
            # Record: SIGHUP, with `preload`.
            self.log.warning("The project is preloaded: new workers run the code the server started with")
        self._to_replace.clear()  # a reload replaces all workers
        self._succession = None
        super().handle_hup()

    def reload(self) -> None:
        """Start the new workers. The main loop waits for them, and then tells the old ones to stop."""
        staying = self.WORKERS.keys() - self._leaving.keys()
        self._predecessors = frozenset(pid for pid in staying if _is_serving(self.WORKERS[pid]))
        for pid in staying - self._predecessors:  # the workers of an earlier reload, or the first workers
            self.kill_worker(pid, signal.SIGTERM)
        self._is_reloading = True
        try:
            super().reload()
        except _ReloadDone:
            pass
        finally:
            self._is_reloading = False

    def _continue_hand_over(self) -> None:
        """Stop the old workers once all new ones serve."""
        others = self.WORKERS.keys() - self._leaving.keys() - self._predecessors
        serving = [pid for pid in others if _is_serving(self.WORKERS[pid])]
        if self._predecessors and len(serving) == len(others) >= self.num_workers:
            predecessors, self._predecessors = self._predecessors, frozenset()
            for pid in predecessors & self.WORKERS.keys():
                self.kill_worker(pid, signal.SIGTERM)

    def _give_up_hand_over(self) -> None:
        """Keep the old workers, because a new one has not started."""
        self.log.error(NOT_RELOADED, "A new worker did not start.")
        others = self.WORKERS.keys() - self._leaving.keys() - self._predecessors
        self._predecessors = frozenset()
        for pid in others:
            self.kill_worker(pid, signal.SIGTERM)

    # -- workers ---------------------------------------------------------------------------

    def murder_workers(self) -> None:
        """Look after workers: gunicorn's main loop calls this at least once a second."""
        super().murder_workers()
        for pid, deadline in list(self._leaving.items()):
            if time.monotonic() > deadline:
                self._leaving[pid] = float("inf")
                # Record: A worker has not ended within `graceful_timeout`, and is killed.
                self.log.warning("Worker (pid:%s) did not stop within graceful_timeout", pid)
                self.kill_worker(pid, signal.SIGKILL)
        self._report_readiness()
        self._continue_reload()
        self._continue_hand_over()
        self._continue_succession()

    def manage_workers(self) -> None:
        """Keep the number of workers. Workers that were told to stop do not count.

        gunicorn counts them; while one is slow to stop, gunicorn would tell it, or another, to stop again.
        """
        staying = [pid for pid in sorted(self.WORKERS, key=self._age) if pid not in self._leaving]
        wanted = self.num_workers + len(self._predecessors.intersection(staying))
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
        """Send the worker a signal, and remember which workers were told to stop."""
        if sig == signal.SIGTERM and pid in self.WORKERS:
            self._leaving.setdefault(pid, time.monotonic() + self.cfg.graceful_timeout + MARGIN_SECONDS)
            if not _is_serving(self.WORKERS[pid]):
                sig = signal.SIGQUIT  # it has only its start to finish, which may take long
        super().kill_worker(pid, sig)

    def reap_workers(self) -> None:
        """Note which workers have ended."""
        if self._is_reloading:
            raise _ReloadDone
        try:
            super().reap_workers()
        except HaltServer:
            # A worker that was told to stop may end before it has started.
            if self._leaving.keys() - self.WORKERS.keys():
                return
            if self._predecessors:
                self._give_up_hand_over()
                return
            # A successor that does not start must not stop the server: its predecessor keeps serving.
            if self._succession is None or self._succession.successor in self.WORKERS:
                raise
            self._put_off_succession(self._succession)
        finally:
            self._leaving = {pid: end for pid, end in self._leaving.items() if pid in self.WORKERS}

    def spawn_worker(self) -> Any:
        """Fork a worker. Signals sent before it has its own handlers reach it afterwards.

        A worker begins with the handlers of this process: without the mask, it would queue a SIGTERM that
        nothing reads, and serve until `graceful_timeout` ends it.
        """
        if not issubclass(self.worker_class, Worker):
            return super().spawn_worker()
        self.app.processor = self._processor()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _processor(self) -> int | None:
        """Return the processor for the next worker: the one with the fewest workers, or None for any."""
        if not (self.app.pin_workers and hasattr(os, "sched_setaffinity")):
            return None
        taken = [getattr(worker, "processor", None) for worker in self.WORKERS.values()]
        return min(sorted(os.sched_getaffinity(0)), key=taken.count)

    # -- replacing workers that ask for it -------------------------------------------------

    def _continue_succession(self) -> None:
        """Replace the workers that have asked for it, one at a time."""
        self._read_replacement_requests()
        if self._succession is None:
            self._begin_succession()
            return
        predecessor, successor = self._succession
        if predecessor not in self.WORKERS:
            self._succession = None
        elif successor not in self.WORKERS:
            self._put_off_succession(self._succession)
        elif _is_serving(self.WORKERS[successor]):
            self._succession = None
            self.kill_worker(predecessor, signal.SIGTERM)

    def _read_replacement_requests(self) -> None:
        try:
            pids = os.read(self._replacement_requests, 4096).split()
        except BlockingIOError:
            return
        for pid in map(int, pids):
            if pid in self.WORKERS and pid not in self._leaving and pid not in self._to_replace:
                self._to_replace.append(pid)

    def _begin_succession(self) -> None:
        if self._is_stopping or self._leaving or self._predecessors:
            return
        if time.monotonic() < self._next_succession:
            return
        if self._to_replace:
            predecessor = self._to_replace.popleft()
            if predecessor in self.WORKERS:
                # Record: A worker has asked to be replaced.
                self.log.info("Starting a successor of worker (pid:%s)", predecessor)
                self._succession = _Succession(predecessor, self.spawn_worker())

    def _put_off_succession(self, succession: _Succession) -> None:
        # Record: The successor has ended before it served; another one is tried.
        self.log.error("The successor of worker (pid:%s) did not start", succession.predecessor)
        self._to_replace.append(succession.predecessor)
        self._succession = None
        self._next_succession = time.monotonic() + _RETRY_SECONDS


class _ReloadDone(Exception):
    """The new workers have been started, and the old ones told to stop."""


def _is_serving(worker: Any) -> bool:
    """Return whether the worker accepts requests, which it does once it gives signs of life.

    Each sign sets a file's modification time to the monotonic clock, which is far earlier than the time at
    which the file was created.
    """
    last_sign: float = worker.tmp.last_update()
    return last_sign <= time.monotonic()
