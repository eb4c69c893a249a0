"""What a server has told this process: when it must end, and what to call after a failed start.

In: seconds, and functions. Out: their calls. A server kills a process that does not end, so its application
ends in time even if its requests do not.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable
from typing import ClassVar, Protocol

from apiroutes.threads import native_threads

__all__ = ["Process", "end_within", "when_not_started"]


class _Lifespan(Protocol):
    def stop_without_requests(self) -> None:
        """Stop, and do not wait for requests any longer. Raises nothing."""

    def forget(self) -> None:
        """Return to the state before the start, in a fork."""


class Process:
    """What is known of this process; a fork knows nothing yet."""

    deadline: float | None = None  # `time.monotonic`
    not_started: Callable[[], object] | None = None
    # Lifespans that have not stopped by the deadline stop then.
    lifespans: ClassVar[weakref.WeakSet[_Lifespan]] = weakref.WeakSet()


def end_within(seconds: float) -> None:
    """Note that a server wants this process to end so many seconds from now; later calls change nothing.

    Requests have that long, and the application ends then whether they have ended or not. Signal handlers
    may call it: it takes no lock.
    """
    if Process.deadline is None:
        Process.deadline = time.monotonic() + seconds
        with contextlib.suppress(RuntimeError):  # Python is ending, and so has the application
            native_threads.start_thread_from_handler(_stop_at_deadline)


def when_not_started(call: Callable[[], object]) -> None:
    """Call a server's function, in any thread, if an App of this process fails to start."""
    Process.not_started = call


def _stop_at_deadline() -> None:
    sleep = native_threads.original("time", "sleep")
    while Process.deadline is not None and (left := Process.deadline - time.monotonic()) > 0:
        sleep(left)
    for lifespan in list(Process.lifespans):
        lifespan.stop_without_requests()


def _forget() -> None:
    Process.deadline = Process.not_started = None
    for lifespan in list(Process.lifespans):
        lifespan.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
