"""granian with settings from the project's configuration. The only file that imports granian.

In: settings and granian's own flags. Out: nothing; runs until it is stopped. Precedence is
granian's: what the project sets is a default, then GRANIAN_* in the environment, and the flags.
`PORT` and `WEB_CONCURRENCY` hold where the project sets nothing, as they do for gunicorn.
Needs the extra `granian`. On HUP the project is checked before a worker is replaced. A worker that
asks for a replacement stops when its successor serves. Raises AddressError for a port in use.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from granian import cli
from granian._internal import load_target
from granian.log import logger
from granian.server import MPServer, Server

from apiroutes.readiness import replace_by
from apiroutes.servers.addresses import require_free
from apiroutes.servers.defaults import THREADS, usable_cpus
from apiroutes.servers.reloading import NOT_RELOADED, SECONDS, Check
from apiroutes.settings import Settings

__all__ = ["run"]

# Seconds between two looks at what is waited for.
_TICK = 0.05


def run(settings: Settings, flags: Sequence[str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT."""
    cli.Server = _Server  # type: ignore[attr-defined]  # where granian's command line takes it from
    cli.cli.main(
        # How the application is found and called is not for flags to change.
        args=[*flags, "--interface", "wsgi", "--factory", "apiroutes:create_app"],
        prog_name="apiroutes start --server granian -- [GRANIAN FLAGS]",
        auto_envvar_prefix="GRANIAN",
        default_map=_defaults(settings),
    )


def _load(to_main: Connection, load: Callable[[], Any]) -> Any:
    """The application, in a worker, which says when it has it and when it asks to be replaced."""

    def say(word: str) -> None:
        to_main.send((word, os.getpid()))

    replace_by(lambda: say(_ASKS))
    application = load()
    say(_HAS_LOADED)
    return application


_ASKS = "asks to be replaced"
_HAS_LOADED = "has loaded"


class _Server(Server):  # type: ignore[misc, valid-type]  # one of several, by platform
    """granian's, which does not let TERM wait, and has a worker serve before another one stops."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Workers may be threads, which cannot be replaced alone; `--reload` has another main loop.
        self._hears_workers = issubclass(Server, MPServer) and not self.reload_on_changes
        self.main_loop_interrupt = _Interrupt(self._has_work)
        self._spawning: tuple[Any, Any] | None = None
        self._check: Check | None = None
        self._is_reload_due = False
        self._asked: set[int] = set()  # ids of processes that are to be replaced
        self._loaded: set[int] = set()  # and of those that have the application
        self._from_workers, self._to_main = multiprocessing.Pipe(duplex=False)

    def serve(self, spawn_target: Any = None, target_loader: Any = None, wrap_loader: bool = True) -> None:
        """Serve until it is told to stop."""
        if self._hears_workers:
            load = partial(load_target, self.target, wd=self.working_dir, factory=self.factory)
            target_loader, wrap_loader = partial(_load, self._to_main, load), False
        super().serve(spawn_target, target_loader, wrap_loader)

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        """Begin to listen and start the workers."""
        if not self.bind_uds:
            require_free(self.bind_addr, self.bind_port)
        self._spawning = spawn_target, target_loader
        super().startup(spawn_target, target_loader)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            word, process = self._from_workers.recv()
            if word == _HAS_LOADED:
                self._loaded.add(process)
            else:
                self._asked.add(process)
                self.main_loop_interrupt.set()

    # -- signals, which come between two steps of the main thread --------------------------

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Stop, and look at no code any more."""
        self._is_reload_due = False
        super().signal_handler_interrupt(*args, **kwargs)
        if self._check is not None:
            self._check.stop()

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """Reload once the new code was seen to start: granian ends when its workers do not.

        Any number of signals while that is looked at has it looked at once more.
        """
        self._is_reload_due = True
        if self._check is None and not self.interrupt_signal:
            self._begin_check()

    def _begin_check(self) -> None:
        self._is_reload_due = False
        self._check = Check(within=SECONDS)
        if self.interrupt_signal:  # which came meanwhile
            self._check.stop()
        threading.Thread(target=self._end_check, args=(self._check,), daemon=True).start()

    def _end_check(self, check: Check) -> None:
        mistakes = check.wait()
        if self.interrupt_signal:
            return
        if mistakes is None:
            super().signal_handler_reload()
        else:
            logger.error(NOT_RELOADED, mistakes)
        self._check = None
        if self._is_reload_due:
            self._begin_check()

    # -- workers ---------------------------------------------------------------------------

    def _has_work(self) -> bool:
        """Replace the workers that have asked for it. Whether there is something else to do."""
        while self._asked and not self.interrupt_signal:
            process = self._asked.pop()
            for worker in self.wrks:
                if worker._id() == process and self._spawning is not None:
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
        """Replace workers, one after the other; what is left undone at TERM is stopped with the rest."""
        if not self._hears_workers:
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
            return
        count = 0
        for index in workers:
            if self.interrupt_signal:
                break
            self.respawned_wrks[index] = time.monotonic()
            logger.info(f"Respawning worker-{index + 1}")
            successor = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            predecessor = self.wrks[index]
            if self._begin(successor, predecessor, delay):
                count += 1
                self.wrks[index] = successor
                self._end(predecessor)
        self._metrics.incr_spawn(count)

    def _begin(self, successor: Any, predecessor: Any, delay: float) -> bool:
        """Whether the successor serves, or has no one to wait for."""
        if not predecessor.is_alive():
            successor.start()
            return True
        # Or the end of either would be the server's.
        successor.interrupt_by_parent = predecessor.interrupt_by_parent = True
        successor.start()
        for _ in self._while_not_told_to_stop(None):
            if successor._id() in self._loaded or not successor.is_alive():
                break
        # granian has no word for having begun to listen, which follows.
        for _ in self._while_not_told_to_stop(delay):
            if not successor.is_alive():
                break
        if self.interrupt_signal:
            if successor._id() not in self._loaded:
                successor.kill()  # it has nothing to finish but its start, which may take its time
            self.wrks.append(successor)
            return False
        if successor.is_alive():
            successor.interrupt_by_parent = False
            return True
        logger.error(f"The successor of worker-{successor.idx + 1} did not start")
        predecessor.interrupt_by_parent = False
        if not predecessor.is_alive():
            self.interrupt_children.append(predecessor.idx)
        return False

    def _end(self, predecessor: Any) -> None:
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
            logger.warning(f"Killing old worker-{predecessor.idx + 1} after it refused to gracefully stop")
            predecessor.kill()
            predecessor.join()
        logger.info(f"Stopped old worker-{predecessor.idx + 1}")

    def _while_not_told_to_stop(self, seconds: float | None) -> Iterator[None]:
        """Something every tick, for so many seconds, None for ever."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.interrupt_signal and (until is None or time.monotonic() < until):
            yield
            time.sleep(_TICK)


class _Interrupt(threading.Event):
    """What granian's main loop waits for: something to do, which is looked for without the loop first."""

    def __init__(self, look: Callable[[], bool]) -> None:
        super().__init__()
        self._look = look

    def wait(self, timeout: float | None = None) -> bool:
        self.clear()  # before the look, so that what comes after it is not missed
        while not self._look():
            super().wait(timeout)
            self.clear()
        return True


def _defaults(settings: Settings) -> dict[str, Any]:
    """The defaults of granian's options, as text where granian is to check what they say."""
    port = os.environ.get("PORT")
    return {
        # PORT in the environment means that a platform forwards to it, as gunicorn takes it.
        "host": settings.host or ("0.0.0.0" if port and settings.port is None else "127.0.0.1"),
        "port": port or 8000 if settings.port is None else settings.port,
        "workers": settings.workers or os.environ.get("WEB_CONCURRENCY") or usable_cpus(),
        "blocking_threads": settings.threads or THREADS,
        "workers_kill_timeout": str(max(1, settings.graceful_timeout)),
        "http1_keep_alive": settings.keepalive > 0,
        "websockets": False,
    }
