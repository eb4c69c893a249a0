"""The threads that wait for coroutines, as far as code without coroutines has to know.

In: a thread. Out: its waiters; there are none before the room `event_loop` is imported.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["current_waiter", "is_on_loop", "settings", "waiters", "waiters_of"]

# The waiters of each thread, the outermost first: sync middleware may wait inside an async one.
waiters: dict[int, list[Any]] = {}
# The waiter of the request that the current coroutine belongs to, or a thread that stands in for one.
current_waiter: contextvars.ContextVar[Any] = contextvars.ContextVar("apiroutes.waiter")


def waiters_of(thread: int) -> list[Any]:
    """Return the waiters of a thread, the outermost first."""
    return list(waiters.get(thread, ()))


def is_on_loop() -> bool:
    """Return whether this code runs on an event loop."""
    running = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    return running is not None and running() is not None


class _Settings:
    """Settings of the Apps of the process: the last App's time-out; any App can turn reports on."""

    abandon_timeout = 30.0  # seconds
    reports_blocking = False
    # Called with a reason when the loop has not moved for `abandon_timeout`.
    on_blocked: Callable[[str], object] | None = None
    # Called when they have changed, once there may be a loop.
    on_change: Callable[[], object] | None = None


settings = _Settings()
