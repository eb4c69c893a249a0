"""The native threads in which an event loop runs blocking functions.

In: functions and their arguments. Out: futures. Raises RuntimeError after the end, or when no thread
can start.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import Any, TypeVar

from apiroutes.threads import native_threads

__all__ = ["ThreadPool"]

_Result = TypeVar("_Result")


class ThreadPool(ThreadPoolExecutor):
    """An executor of native threads, for which the end of the process does not wait.

    The standard executor rejects work as soon as the main thread ends, when background tasks have
    yet to clean up, and starts greenlets under gevent. At most `most` threads run, by default as many as
    in the standard one.
    """

    def __init__(self, most: int | None = None, name: str = "apiroutes-loop-thread") -> None:
        super().__init__(most)
        self._calls = native_threads.native_queue()
        self._lock = native_threads.native_lock()
        self._most = self._max_workers
        self._name = name
        self._idle = 0
        self._working = 0  # threads
        self._is_over = False
        self._ended = native_threads.native_queue()

    def submit(self, function: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Run a function with arguments. Raises RuntimeError after the end, or without threads."""
        future: Future[_Result] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.post(call)
        return future

    def post(self, call: Callable[[], object]) -> None:
        """Make a call that raises nothing. Raises RuntimeError after the end, or without threads."""
        with self._lock:
            if self._is_over:
                raise RuntimeError("the event loop has ended, and its threads with it")
            is_taken = self._idle > 0
            if is_taken:
                self._idle -= 1
            elif self._working < self._most:
                self._start()
            self._calls.put(call)

    def _start(self) -> None:
        """Start a thread, with the lock held. Raises RuntimeError if there is no other one."""
        try:
            native_threads.start_native_thread(lambda: self._work(is_idle=False), self._name)
        except RuntimeError:  # too many threads, or the process ends
            if not self._working:
                raise
        else:
            self._working += 1

    @contextlib.contextmanager
    def one_more(self) -> Iterator[None]:
        """Let one more thread run for as long as the thread that calls this is busy with something long."""
        with self._lock:
            self._most += 1
            if not self._calls.empty():
                self._start()
        try:
            yield
        finally:
            with self._lock:
                self._most -= 1

    def expect(self) -> None:
        """Count on one more thread, which will call `work`: by then no other may be able to start."""
        with self._lock:
            self._working += 1
            self._idle += 1

    def work(self) -> None:
        """Be that thread, until the end."""
        self._work(is_idle=False)

    def _work(self, *, is_idle: bool) -> None:
        while True:
            if is_idle:
                with self._lock:
                    self._idle += 1
            is_idle = True
            call = self._calls.get()
            if call is None:
                break
            call()
            del call  # or its arguments would live until the next one comes
            _let_hub_run()
        self._ended.put(None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end the threads when they have made those they have."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                for _ in range(self._working):
                    self._calls.put(None)
        super().shutdown(wait=False)

    def join(self, seconds: float) -> None:
        """Wait at most so many seconds for the end of the threads."""
        until = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            for _ in range(self._working):
                self._ended.get(timeout=max(0.0, until - time.monotonic()))


def _let_hub_run() -> None:
    """Let a gevent hub that a call has created in this native thread wake its waiters in others."""
    local: Any = sys.modules.get("gevent._hub_local")
    if local is not None and local.get_hub_if_exists() is not None:
        import_module("gevent").sleep(0)
