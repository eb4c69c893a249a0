"""A time limit for a coroutine.

In: seconds, and a coroutine function. Out: its result. Raises TimeoutError.
`asyncio.timeout` does the same from Python 3.11, at twice the cost; each request with content pays for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["within"]

_Result = TypeVar("_Result")


async def within(seconds: float, function: Callable[[], Awaitable[_Result]]) -> _Result:
    """Await `function()` for at most so many seconds. Raises TimeoutError."""
    task: Any = asyncio.current_task()
    is_late = False

    def cancel() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    timer = asyncio.get_running_loop().call_later(max(0.0, seconds), cancel)
    try:
        return await function()
    except asyncio.CancelledError:
        # Python 3.11 counts the requests for a cancellation: another one must not be lost.
        if is_late and (not hasattr(task, "uncancel") or task.uncancel() == 0):
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
