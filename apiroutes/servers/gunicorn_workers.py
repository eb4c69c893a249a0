"""gunicorn's workers, with a time limit for the header and signals that are not lost.

In: connections and signals. Out: requests to the application. The time limit comes from the application
object (`header_timeout`, in seconds).
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker
from gunicorn.workers.sync import SyncWorker

from apiroutes.concurrency import stop_receiving, unwatch, watch

__all__ = ["STOP_SIGNALS", "WORKERS", "Worker"]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Worker:
    """Shared by our two workers."""

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


class _SyncWorker(Worker, SyncWorker):  # type: ignore[misc]
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


class _ThreadWorker(Worker, ThreadWorker):  # type: ignore[misc]
    """`_SyncWorker`, for gthread."""

    def handle(self, conn: Any) -> Any:
        watch(conn, time.monotonic() + self.app.header_timeout, lambda: stop_receiving(conn.sock))
        try:
            return super().handle(conn)
        finally:
            unwatch(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        unwatch(conn)
        return super().handle_request(req, conn)


WORKERS = {"sync": _SyncWorker, "gthread": _ThreadWorker}
for _name, _worker in WORKERS.items():
    _worker.__name__ = _name  # gunicorn logs it when it starts
