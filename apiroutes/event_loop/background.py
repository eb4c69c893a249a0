"""A coroutine on the event loop that no thread waits for.

In: a coroutine function. Out: its end, told to a function. Raises RuntimeError where no loop can run it.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from apiroutes.event_loop.loop import AwaitedLoop
from apiroutes.event_loop.tasks import AbandonedTask
from apiroutes.event_loop.waiters import loop_of_context
from apiroutes.threads import Ending, waiting

__all__ = ["BackgroundTask"]


class BackgroundTask(Ending):
    """A call of a coroutine function, in a context, on that context's loop.

    `on_end` is called on the loop, with the error or None, and raises nothing. It can be abandoned, as a
    handler's thread can.
    """

    def __init__(
        self,
        context: contextvars.Context,
        function: Callable[[], Awaitable[object]],
        on_end: Callable[[BaseException | None], object],
    ) -> None:
        super().__init__()
        self._context = context
        self._function = function
        self._on_end = on_end
        self._loop: AwaitedLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_told_to_end = False
        self.is_lost = False  # whether others have cancelled it, as a loop does that ends

    def start(self) -> None:
        """Have it begin soon, from any thread. Raises RuntimeError."""
        self._loop = self._context.run(loop_of_context)
        self._loop.call_now(self._begin, context=self._context)

    def _begin(self) -> None:
        waiting.current_waiter.set(None)  # the request's thread no longer waits
        self._task = asyncio.get_running_loop().create_task(self._main())

    async def _main(self) -> None:
        """Await it. Raises nothing: SystemExit, for example, would end the loop."""
        error: BaseException | None = None
        try:
            await self._function()
        except BaseException as raised:
            error = raised
            self.is_lost = isinstance(raised, asyncio.CancelledError) and self._was_cancelled()
        self.note_end()
        self._task = None  # a cycle would wait for the collector
        self._on_end(error)
        del error

    def _was_cancelled(self) -> bool:
        """Return whether another than `end` has cancelled the task, and not the function itself ended so."""
        # Python 3.10 does not tell one from the other.
        count = getattr(self._task, "cancelling", lambda: 1)()
        return not self._is_told_to_end and count > 0

    def current_traceback(self) -> TracebackType | None:
        """Return where it waits, as a traceback from its coroutine inward; None before it begins."""
        task = self._task
        return None if task is None else AbandonedTask(task).current_traceback()

    def end(self) -> None:
        """Cancel it, from any thread."""
        self._is_told_to_end = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the task with it
                self._loop.call_now(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
