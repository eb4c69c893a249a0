"""gunicorn's workers, with a time limit for the header, no lost signals, and less work per request.

In: connections and signals. Out: requests to the application. The time limit comes from the application
object (`header_timeout`, in seconds), and so does the processor of a worker that stays on one.
"""

from __future__ import annotations

import inspect
import os
import select
import signal
import sys
import threading
import time
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from apiroutes.app import App
from apiroutes.concurrency import stop_receiving, unwatch, watch
from apiroutes.errors import LifespanError
from apiroutes.lifespan import end_within
from apiroutes.servers.failed_starts import NOT_STARTED, exit_soon
from apiroutes.servers.gunicorn_threads import Threads
from apiroutes.servers.gunicorn_transfer import send_and_receive_at_once
from apiroutes.servers.heap import freeze_heap

__all__ = ["STOP_SIGNALS", "WORKERS", "Worker", "with_life"]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

# Seconds between two signs of life while the App stops.
_TICK = 1.0


class LivingWorker:
    """Starts the App before the first request of a worker, and stops it after the last one."""

    booted: bool
    alive: bool
    has_begun = False  # to start the App

    def load_wsgi(self) -> None:
        """Load the application, and start it."""
        super().load_wsgi()  # type: ignore[misc]
        application = self.wsgi  # type: ignore[attr-defined]
        if isinstance(
            application, App
        ):  # and not gunicorn's application, which reports a SyntaxError with --reload
            self.has_begun = True
            application.cache.serve_with(self.cfg.threads)  # type: ignore[attr-defined]
            try:
                application.start()
            except LifespanError:  # which is logged
                exit_soon()
                sys.exit(NOT_STARTED)

    def run(self) -> None:
        """Answer requests until the worker is told to stop; then stop the App."""
        try:
            super().run()  # type: ignore[misc]
        finally:
            self._stop()

    def _stop(self) -> None:
        application = self.wsgi  # type: ignore[attr-defined]
        if not isinstance(application, App):
            return
        has_stopped = threading.Event()

        def notify() -> None:
            while not has_stopped.wait(_TICK):
                self.notify()  # type: ignore[attr-defined]

        threading.Thread(target=notify, daemon=True).start()
        try:
            application.stop()
        except LifespanError:  # which is logged
            return
        finally:
            has_stopped.set()

    def handle_exit(self, sig: int, frame: object) -> None:
        """Note how much time there is, and stop."""
        end_within(self.cfg.graceful_timeout)  # type: ignore[attr-defined]
        super().handle_exit(sig, frame)  # type: ignore[misc]

    def handle_quit(self, sig: int, frame: object) -> None:
        """Stop at once; if the App is about to start, once it has."""
        end_within(self.cfg.graceful_timeout)  # type: ignore[attr-defined]
        if self.has_begun and not self.booted:
            self.alive = False
        else:
            super().handle_quit(sig, frame)  # type: ignore[misc]


def with_life(worker_class: type[Any]) -> type[Any]:
    """Return a subclass of a worker class, of gunicorn or another package, that starts and stops the App."""
    return type(worker_class.__name__, (LivingWorker, worker_class), {})


class Worker:
    """What our workers share."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.processor: int | None = self.app.processor  # type: ignore[attr-defined]

    def init_process(self) -> None:
        """Run the worker, in a process of its own."""
        if self.processor is not None:
            os.sched_setaffinity(0, {self.processor})
        send_and_receive_at_once()
        super().init_process()  # type: ignore[misc]

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()  # type: ignore[misc]
        freeze_heap()

    def run(self) -> None:
        """Answer requests until the worker is told to stop."""
        _read_settings(self.cfg)  # type: ignore[attr-defined]
        super().run()  # type: ignore[misc]

    def init_signals(self) -> None:
        """Handle signals, including those that the arbiter has blocked since the fork."""
        super().init_signals()  # type: ignore[misc]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def handle_quit(self, sig: int, frame: object) -> None:
        """Stop at once."""
        if not self.booted:  # type: ignore[attr-defined]
            # The project is being imported: an exception would look like a mistake in it.
            os._exit(0)
        super().handle_quit(sig, frame)  # type: ignore[misc]


def _read_settings(config: Any) -> None:
    """Keep the values of gunicorn's settings as attributes; otherwise each look-up calls two functions.

    A request needs twenty look-ups, a sixth of its time. Hooks that change settings have run by now.
    """
    for name, setting in config.settings.items():
        if not hasattr(type(config), name):  # neither a method nor a property
            vars(config)[name] = setting.get()


class _SyncWorker(LivingWorker, Worker, SyncWorker):  # type: ignore[misc]
    """gunicorn's sync worker; it closes a connection whose header takes too long to arrive."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        watch(self, time.monotonic() + self.app.header_timeout, lambda: stop_receiving(client))
        try:
            super().handle(listener, client, addr)
        finally:
            unwatch(self)

    def handle_request(self, *arguments: Any) -> Any:
        unwatch(self)
        return super().handle_request(*arguments)


class _ThreadWorker(LivingWorker, Worker, ThreadWorker):  # type: ignore[misc]
    """The same for gthread."""

    def handle(self, conn: Any) -> Any:
        watch(conn, time.monotonic() + self.app.header_timeout, lambda: stop_receiving(conn.sock))
        try:
            return super().handle(conn)
        finally:
            unwatch(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        unwatch(conn)
        return super().handle_request(req, conn)


class _LingeringWorker(_ThreadWorker):
    """A gthread worker whose threads linger at the connections that they have answered."""

    def get_thread_pool(self) -> Any:
        """Make gunicorn's pool, in which our threads run."""
        pool = super().get_thread_pool()
        self._threads = Threads(self.cfg.threads, pool.submit, self._serve, self._report)
        return pool

    def enqueue_req(self, conn: Any) -> None:
        """Let a thread serve the connection."""
        self._threads.give(conn)

    def _serve(self, conn: Any) -> _Outcome:
        """Answer requests of a connection, in a thread."""
        try:
            result = self.handle(conn)
            while result is True and self._answers_next(conn):
                result = self.handle(conn)
        except BaseException as error:  # the main thread's to raise, as if from a future
            return _Outcome(False, error)
        return _Outcome(result)

    def _report(self, conn: Any, outcome: _Outcome) -> None:
        """Let the main thread go on with the connection."""
        self.method_queue.defer(self.finish_request, conn, outcome)

    def _answers_next(self, conn: Any) -> bool:
        """Return whether this thread is to answer the connection's next request as well."""
        if _holds_more(conn):
            return not self._threads.are_wanted()
        return self.alive and self._threads.linger(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Let the connection wait for its next request, or end it."""
        if fs.is_kept and _holds_more(conn):
            self.enqueue_req(conn)  # nothing more may come to wake the poller
        else:
            super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting connections; the end of the main loop stops it for good."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            self._threads.stop_lingering()


class _Outcome:
    """The outcome of a connection, in place of the future that gunicorn expects."""

    def __init__(self, result: Any, error: BaseException | None = None) -> None:
        self._result = result
        self._error = error
        self.is_kept = result is True

    def cancelled(self) -> bool:
        return False

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


def _holds_more(conn: Any) -> bool:
    """Return whether bytes of the next request have been received, so that its socket may have no others."""
    if conn.parser.unreader.buf.getvalue():
        return True
    pending = getattr(conn.sock, "pending", None)  # of TLS: decrypted already
    return pending is not None and pending() > 0


def _can_linger() -> bool:
    """Return whether the parts of gunicorn that `_LingeringWorker` builds on are there, as in 25.3 to 27."""
    parts = ("get_thread_pool", "enqueue_req", "finish_request", "set_accept_enabled", "handle")
    try:
        return (
            all(map(ThreadWorker.__dict__.__contains__, parts))
            and [*inspect.signature(ThreadWorker.finish_request).parameters] == ["self", "conn", "fs"]
            and callable(gthread.PollableMethodQueue.defer)
            and callable(SocketUnreader(None).buf.getvalue)
            and not hasattr(gthread.TConn, "__slots__")
            and hasattr(select, "poll")
        )
    except AttributeError:
        return False


WORKERS = {"sync": _SyncWorker, "gthread": _LingeringWorker if _can_linger() else _ThreadWorker}
for _name, _worker in WORKERS.items():
    _worker.__name__ = _name  # gunicorn logs it when it starts
