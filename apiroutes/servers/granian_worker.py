"""A worker of granian: it loads the application, starts and stops it, and loses no signal.

In: a loader, and the signals that end the worker. Out: the application, and messages to the main process.
granian sets its own handlers after the application has loaded; until then, a worker would have the handlers
of the main process, which receive a signal and stop nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing.util
import os
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from granian import _signals
from granian._granian import WorkerSignal

from apiroutes.app import App
from apiroutes.errors import LifespanError
from apiroutes.lifespan import end_within, when_not_started
from apiroutes.readiness import replace_by
from apiroutes.servers.defaults import GRANIAN_THREADS
from apiroutes.servers.failed_starts import NOT_STARTED, exit_soon
from apiroutes.servers.heap import freeze_heap
from apiroutes.threads import native_threads

__all__ = ["HAS_LOADED", "HAS_NOT_STARTED", "REPLACE_ME", "load_in_worker", "with_signals_held_back"]

# Messages from workers to the main process.
REPLACE_ME = "replace me"
HAS_LOADED = "has loaded"
HAS_NOT_STARTED = "not started"

_granian: Any = _signals  # the module has no types

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def load_in_worker(to_main: Connection, seconds: float, load: Callable[[], Any]) -> Any:
    """Load the application in a worker; tell the main process so, and when the worker must be replaced.

    After the signal to end, a worker has so many seconds.
    """

    def send(message: str) -> None:
        to_main.send((message, os.getpid()))

    def give_up() -> None:
        send(HAS_NOT_STARTED)
        exit_soon()

    signals = _Signals(seconds)
    replace_by(lambda: send(REPLACE_ME))
    when_not_started(give_up)
    application = load()
    signals.has_loaded = True
    if isinstance(application, App):
        application.cache.serve_with(GRANIAN_THREADS)
        _start(application)
    freeze_heap()
    send(HAS_LOADED)
    return application


def _start(application: App) -> None:
    """Start an App that is called through WSGI, and arrange its stop: granian has no hook for that."""
    # This is called in the main thread when the worker has answered its last request.
    multiprocessing.util.Finalize(None, _stop, args=(application,), exitpriority=100)
    try:
        application.start()
    except LifespanError:  # which is logged
        sys.exit(NOT_STARTED)


def _stop(application: App) -> None:
    with contextlib.suppress(LifespanError):  # which is logged
        application.stop()


class _Signals:
    """The signals that end a worker: at once while it loads the project; afterwards, once it has started."""

    def __init__(self, seconds: float) -> None:
        self.has_loaded = False
        self._seconds = seconds
        self._is_told_to_stop = False
        # The event that granian waits for. Setting it twice would block.
        self._events: list[Any] = []
        _granian.set_main_signals(self._handle)
        self._hear_those_of_other_threads()
        # granian's workers read them here when they begin to serve.
        _granian.set_sync_signals = self._make_event
        _granian.set_loop_signals = self._make_event
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)

    def _hear_those_of_other_threads(self) -> None:
        """Handle signals in a thread, too, until a loop in the main thread receives them.

        If two signals come at once, as with Ctrl-C, another thread may receive both. The main thread, which
        runs Python's handlers, then keeps waiting, because nothing wakes it.
        """
        hears, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)

        def handle() -> None:
            with hears, wakes:
                while numbers := hears.recv(64):
                    if not set(_STOP_SIGNALS).isdisjoint(numbers):
                        self._handle()

        native_threads.start_native_thread(handle, "apiroutes-signals")
        if hasattr(os, "register_at_fork"):  # or a signal to a fork would end its parent
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))

    def _make_event(self, loop: Any = None) -> Any:
        """Return the event that ends the worker; signals wake the loop, if there is one."""
        event = WorkerSignal()
        self._events.append(event)
        if loop is not None:
            with contextlib.suppress(NotImplementedError):  # on Windows
                for number in _granian._get_signals():
                    loop.add_signal_handler(number, self._handle)
        self._set_event()
        return event

    def _handle(self, *signal_and_frame: Any) -> None:
        if not self.has_loaded:
            # An exception would look like a mistake in the project, which is being imported.
            os._exit(0)
        end_within(self._seconds)
        self._is_told_to_stop = True
        self._set_event()

    def _set_event(self) -> None:
        if self._is_told_to_stop and self._events:
            with contextlib.suppress(IndexError):  # a signal has come in between
                self._events.pop().set()


# -- in the main process -----------------------------------------------------------------------


def with_signals_held_back(start: Callable[[], object]) -> None:
    """Start a worker that receives signals sent meanwhile as soon as it handles them itself."""
    if not hasattr(signal, "pthread_sigmask"):
        start()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
