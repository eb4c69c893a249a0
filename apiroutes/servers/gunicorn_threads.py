"""A worker's threads: each serves one connection after another, and lingers at a connection after a response.

In: connections. Out: calls of `serve` with each connection, in a thread. A client that sends its next request
at once is answered by the same thread, which saves a detour through the main thread. No thread lingers while
a connection waits for a thread: the thread that has lingered longest is called away.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Threads"]

# Seconds that a thread lingers: time for a client on the same network to send its next request.
LINGERING = 0.005
# Lingering in vain costs twice what it saves. After that, threads do not linger for so many requests of the
# connection.
_LEFT_OUT = 16
# Seconds without lingering after a thread was called away: there are more busy connections than threads.
_CROWDED = 0.05


class Threads:
    """At most `count` threads, started by `start`; a lock guards what they share with the main thread.

    A connection has a socket `sock`, and gets our attribute `left_out`. The result of `serve` is passed to
    `report`, with the connection.
    """

    def __init__(
        self,
        count: int,
        start: Callable[[Callable[[], None]], object],
        serve: Callable[[Any], Any],
        report: Callable[[Any, Any], None],
    ) -> None:
        self._start = start
        self._serve = serve
        self._report = report
        self._lock = threading.Lock()
        self._left = count  # threads that may be started
        self._waiting: deque[Any] = deque()  # connections that no thread has taken yet
        self._lingering: deque[_Seat] = deque()
        self._free_seats: list[_Seat] = []
        self._lingers_from = 0.0  # monotonic time in seconds

    def give(self, connection: Any) -> None:
        """Let a thread serve the connection: a new one, or the first that is free or can be called away."""
        seat = None
        with self._lock:
            self._waiting.append(connection)
            must_start = self._left > 0
            if must_start:
                self._left -= 1
            elif self._lingering:
                seat = self._lingering.popleft()
                self._lingers_from = time.monotonic() + _CROWDED
        if must_start:
            self._start(self._work)
        elif seat is not None:
            seat.call()

    def _work(self) -> None:
        """Serve connections until none waits."""
        connection = self._next()
        while connection is not None:
            outcome = self._serve(connection)
            # Before the report: the connection's next request must not call another thread away for this one.
            served, connection = connection, self._next()
            self._report(served, outcome)
            del served, outcome  # the next one may be long in coming

    def _next(self) -> Any | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._left += 1
            return None

    def are_wanted(self) -> bool:
        """Return whether a connection waits for a thread."""
        return bool(self._waiting)

    def linger(self, connection: Any) -> bool:
        """Wait a moment for the connection's next request. Return whether this thread is to answer it."""
        left_out: int = getattr(connection, "left_out", 0)
        if left_out:
            connection.left_out = left_out - 1
            return False
        with self._lock:
            if self._waiting or time.monotonic() < self._lingers_from:
                return False
            seat = self._free_seats.pop() if self._free_seats else _Seat()
            self._lingering.append(seat)
        has_begun = seat.wait(connection.sock)
        with self._lock:
            is_called = seat not in self._lingering
            if not is_called:
                self._lingering.remove(seat)
        if is_called:
            seat.leave()
        elif not has_begun:
            connection.left_out = _LEFT_OUT
        self._free_seats.append(seat)
        return has_begun and not is_called

    def stop_lingering(self) -> None:
        """Call away all threads that linger, and let no thread linger again."""
        with self._lock:
            self._lingers_from = float("inf")
            seats = list(self._lingering)
            self._lingering.clear()
        for seat in seats:
            seat.call()


class _Seat:
    """A place where a thread waits for a connection, and from which it can be called away."""

    def __init__(self) -> None:
        self._called, self._call = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._called, select.POLLIN)

    def wait(self, connection: Any) -> bool:
        """Wait for at most `LINGERING` seconds. Return whether the connection can be read, or has ended."""
        try:
            self._poll.register(connection, select.POLLIN)
        except (OSError, ValueError):  # the application has closed it
            return False
        try:
            ready = self._poll.poll(LINGERING * 1000)
        finally:
            self._poll.unregister(connection)
        return any(descriptor != self._called for descriptor, _ in ready)

    def call(self) -> None:
        """End `wait`, now or when it begins. `leave` must follow."""
        os.write(self._call, b"\0")

    def leave(self) -> None:
        """Take note of the call, which may still be on its way."""
        os.read(self._called, 1)
