"""A time limit for a coroutine.

In: seconds, and a coroutine function. Out: its result. Raises TimeoutError.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["within"]

_Result = TypeVar("_Result")

# Of Python 3.11. `asyncio.wait_for` made a task for each call before 3.12.
_timeout: Any = getattr(asyncio, "timeout", None)


async def within(seconds: float, function: Callable[[], Awaitable[_Result]]) -> _Result:
    """Await `function()` for at most so many seconds. Raises TimeoutError."""
    if _timeout is not None:
        async with _timeout(max(0.0, seconds)):
            return await function()
    try:
        return await asyncio.wait_for(function(), max(0.0, seconds))
    except asyncio.TimeoutError as error:  # another class before Python 3.11
        raise TimeoutError(str(error)) from error
