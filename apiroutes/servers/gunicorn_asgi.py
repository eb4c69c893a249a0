"""gunicorn's asgi worker, with a time limit for the header and signals that are not lost.

In: connections and signals. Out: calls of the application. The time limit comes from the application
object (`header_timeout`, in seconds).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import base, gasgi

from apiroutes.errors import LifespanError
from apiroutes.lifespan import end_within, when_not_started
from apiroutes.readiness import unready_when
from apiroutes.servers.failed_starts import NOT_STARTED, exit_soon
from apiroutes.servers.gunicorn_workers import STOP_SIGNALS, Worker

__all__ = ["ASGIWorker"]


class ASGIWorker(Worker, gasgi.ASGIWorker):  # type: ignore[misc]
    """gunicorn's asgi worker; signals reach it before its event loop runs, too."""

    def init_signals(self) -> None:
        """Handle signals as other workers do until the loop runs: the import may take long."""
        base.Worker.init_signals(self)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        unready_when(lambda: not self.alive)

    def run(self) -> None:
        """Serve until a signal comes; from here on, the loop handles signals."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        gasgi.ASGIWorker.init_signals(self)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        when_not_started(exit_soon)
        lifespan = self.asgi.app._lifespan
        try:
            # With the lifespan protocol, gunicorn would wait for half a minute, and then serve.
            self.loop.run_until_complete(lifespan.start_on_loop())
        except LifespanError:  # which is logged
            sys.exit(NOT_STARTED)
        super().run()

    def handle_exit_signal(self) -> None:
        """Note how much time there is, and stop."""
        end_within(self.cfg.graceful_timeout)
        super().handle_exit_signal()


class _Protocol(ASGIProtocol):  # type: ignore[misc]
    """gunicorn's connection; it ends when a header takes too long to arrive."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._is_between_requests = True
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self._callback_parser is not None:  # HTTP/1
            self._begin_header()

    def data_received(self, data: bytes) -> None:
        if self._is_between_requests and self._header_timer is None and self._callback_parser is not None:
            self._begin_header()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_header()
        super().connection_lost(exc)

    def _begin_header(self) -> None:
        loop, seconds = self.worker.loop, self.worker.app.header_timeout
        self._header_timer = loop.call_later(seconds, self.transport.close)

    def _end_header(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _on_headers_complete(self) -> Any:
        self._is_between_requests = False
        self._end_header()
        return super()._on_headers_complete()

    def _arm_keepalive_timer(self) -> None:  # after a response
        self._is_between_requests = True
        super()._arm_keepalive_timer()


gasgi.ASGIProtocol = _Protocol  # the worker takes it from there
ASGIWorker.__name__ = "asgi"  # gunicorn logs it when it starts
