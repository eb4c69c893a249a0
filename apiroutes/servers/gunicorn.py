"""gunicorn with settings from the project's configuration. The only file that imports gunicorn.

In: settings and gunicorn's own flags. Out: nothing; runs until it is stopped. Precedence is
gunicorn's: what the project sets is a default, then gunicorn.conf.py, GUNICORN_CMD_ARGS, and
the flags. `PORT` and `WEB_CONCURRENCY` hold where the project sets nothing. On HUP the project is
checked before a worker is replaced; on TERM the readiness path says so before anything stops.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from gunicorn.app import base
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from apiroutes.body import shut, unwatch, watch
from apiroutes.readiness import announce_stop
from apiroutes.servers.defaults import THREADS, processors
from apiroutes.servers.reloading import NOT_RELOADED, mistakes_of_new_code
from apiroutes.settings import Settings

__all__ = ["run"]


def run(settings: Settings, flags: Sequence[str]) -> None:
    """Serve the project in the current directory until SIGTERM or SIGINT."""
    # gunicorn reads its flags from the command line, and only from there.
    sys.argv = ["apiroutes", *flags, "apiroutes:create_app()"]
    _Gunicorn(settings, "apiroutes start -- [GUNICORN FLAGS]").run()


class _Arbiter(Arbiter):  # type: ignore[misc]
    def handle_hup(self) -> None:
        """Reload, unless the new code would not start: gunicorn ends when its workers do not."""
        report = mistakes_of_new_code()
        if report is None:
            super().handle_hup()
        else:
            self.log.error(NOT_RELOADED, report)

    def handle_term(self) -> None:
        """Say that we are not ready, and stop when whoever asks has had the time to notice.

        A second SIGTERM stops at once.
        """
        announce_stop()
        delay = self.app.shutdown_delay
        if not delay or self._is_stopping:
            super().handle_term()
        self._is_stopping = True
        self.log.info("Stopping in %g s", delay)
        again = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGTERM))
        again.daemon = True
        again.start()

    _is_stopping = False

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


_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class _Worker:
    """What both of ours have."""

    def init_signals(self) -> None:
        """Handle signals, those included that have waited since the fork."""
        super().init_signals()  # type: ignore[misc]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


class _SyncWorker(_Worker, SyncWorker):  # type: ignore[misc]
    """gunicorn's, which ends a connection whose request takes too long to begin."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        watch(self, time.monotonic() + self.app.header_timeout, lambda: shut(client))
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
        watch(conn, time.monotonic() + self.app.header_timeout, lambda: shut(conn.sock))
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
        super().run()

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


def _defaults(settings: Settings) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        # gunicorn's own default is where it was imported, and it goes there.
        "chdir": os.getcwd(),
        "worker_class": "gthread",
        "threads": settings.threads or THREADS,
        "timeout": settings.timeout,
        "graceful_timeout": settings.graceful_timeout,
        "keepalive": settings.keepalive,
        # A socket for gunicorn's own control commands, which nobody asked for.
        "control_socket_disable": True,
    }
    if settings.max_headers is not None:
        defaults["limit_request_fields"] = settings.max_headers
    if settings.max_header_size is not None:
        defaults["limit_request_field_size"] = settings.max_header_size.bytes
    if settings.workers is not None or "WEB_CONCURRENCY" not in os.environ:
        defaults["workers"] = settings.workers or processors()
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
