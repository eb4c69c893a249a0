"""Moments for which threads, greenlets and coroutines wait.

In: the arrival of a moment. Out: the end of the waits for it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable

from apiroutes.threads import native_threads

__all__ = ["Moment"]


class Moment:
    """Something that happens once, in any thread."""

    def __init__(self) -> None:
        self._lock = native_threads.native_lock()
        self._calls: list[Callable[[], object]] = []
        self.has_come = False

    def come(self) -> None:
        """Mark the moment as now; later calls change nothing."""
        with self._lock:
            self.has_come = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def call_then(self, call: Callable[[], object]) -> None:
        """Call a function, which raises nothing and does not wait, at the moment, or now if that is past."""
        with self._lock:
            if not self.has_come:
                self._calls.append(call)
                return
        call()

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds; return whether it has come. Blocks the thread or greenlet."""
        if not self.has_come:
            mailbox = native_threads.mailbox()
            self.call_then(lambda: mailbox.put(None))
            try:
                mailbox.get(timeout=max(0.0, seconds))
            except queue.Empty:
                return self.has_come
        return True
