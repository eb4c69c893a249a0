"""Calls that one thread makes, one after another: as they arrive, or when they are due.

In: calls, from any thread and from signal handlers. Out: nothing.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Hashable

__all__ = ["Agenda"]

# Seconds. A signal that another thread was given is noticed between two waits.
_LONGEST_WAIT = 0.25


class Agenda:
    """The calls that are to be made. Only `put` may be called from any thread, and from signal handlers."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._later: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    def put(self, call: Callable[[], None]) -> None:
        """Have a call made as soon as it is its turn."""
        self._calls.put(call)

    def put_later(self, seconds: float, key: Hashable, call: Callable[[], None]) -> None:
        """Have a call made in so many seconds, instead of the one that has the same key."""
        self._later[key] = (time.monotonic() + seconds, call)

    def remove(self, key: Hashable) -> None:
        """Do not make the later call that has this key, if there is one."""
        self._later.pop(key, None)

    def clear(self) -> None:
        """Drop all later calls."""
        self._later.clear()

    def make_next(self) -> None:
        """Wait a moment for the next call, and make it if it comes."""
        now = time.monotonic()
        first = min(self._later, key=lambda key: self._later[key][0], default=None)
        when = now + _LONGEST_WAIT if first is None else self._later[first][0]
        try:
            call = self._calls.get(timeout=min(max(0.0, when - now), _LONGEST_WAIT))
        except queue.Empty:
            if first is None or time.monotonic() < when:
                return
            _, call = self._later.pop(first)
        call()
