"""Recomputations while old values are served, in a few threads of this process.

In: functions. Out: their calls, soon, in a context of their own; a line in the log for what they raise. The
process does not wait for them: the next one computes what is lost.
"""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from apiroutes.threads import native_threads

__all__ = ["Background", "background"]

_log = logging.getLogger("apiroutes")


class Background:
    """At most `threads` threads, which end when nothing is left; at most `waiting` functions wait."""

    def __init__(self, threads: int = 8, waiting: int = 100) -> None:
        self._most_threads = threads
        self._most_waiting = waiting
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        # Native, also under gevent; nothing that may let another greenlet run is done inside.
        self._lock = native_threads.native_lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._threads = 0

    def submit(self, function: Callable[[], object]) -> bool:
        """Have a function called soon, in an empty context; return False if it never will be.

        That is so if too many wait already, or no thread can start.
        """
        if self._process != os.getpid():  # a fork takes no threads along
            self._begin()
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                return False
            self._waiting.append(function)
            if self._threads >= self._most_threads:
                return True
            self._threads += 1
        return self._start(function)

    def _start(self, function: Callable[[], object]) -> bool:
        try:
            if _is_in_native_thread_beside_hub():
                native_threads.start_native_thread(self._run, "apiroutes-cache")
            else:
                threading.Thread(target=self._run, name="apiroutes-cache", daemon=True).start()
        except RuntimeError:  # too many threads, or the process ends
            with self._lock:
                self._threads -= 1
                if self._threads or function not in self._waiting:
                    return True  # another thread calls it, or has
                self._waiting.remove(function)
            return False
        return True

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                function = self._waiting.popleft()
            try:
                contextvars.Context().run(function)
            except BaseException as error:
                # Record: A value of `cached`, or an answer, was stale, and its computation in the background
                # raised; the stale one stays.
                _log.error("a cached value could not be recomputed", exc_info=error)
            del function  # or what it refers to would live until the next function ends


def _is_in_native_thread_beside_hub() -> bool:
    """Return whether a greenlet that is started here would never run, in a thread without a hub."""
    if not native_threads.are_greenlets():
        return False
    local: Any = sys.modules.get("gevent._hub_local")
    hub = None if local is None else local.get_hub_if_exists()
    return hub is None or not hub.main_hub


# Of this process: for responses and for values of functions.
background = Background()
