"""The time that a coroutine on a server's loop has, in a task that can be abandoned.

In: a coroutine, and seconds. Out: its end, or HandlerTimeout. It imports asyncio, so `on_loop` imports it
with the first request that needs it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from apiroutes.concurrency import HandlerThreads, coroutines
from apiroutes.deadlines.revocation import CLOSING, reject, timeout
from apiroutes.event_loop import AbandonedTask, AsyncChunks, in_request_thread
from apiroutes.response import Response

__all__ = ["Lease"]

_END: Any = object()


class Lease:
    """The time of one request, until its deadline."""

    def __init__(self, threads: HandlerThreads, seconds: float) -> None:
        self._threads = threads
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self.is_over = False

    async def call(self, coroutine: Any) -> None:
        """Await a coroutine in a task of its own. Raises its errors, and HandlerTimeout."""
        task = asyncio.get_running_loop().create_task(_error_of(coroutine))
        try:
            await asyncio.wait((task,), timeout=self._until - time.monotonic())
        except BaseException:  # the server ends the request
            self._abandon(task)
            raise
        # One that has blocked the loop until it ended is late, too.
        if not task.done() or time.monotonic() >= self._until:
            raise self._abandon(task)
        error = task.result()
        if error is not None:
            try:
                raise error
            finally:
                del error  # whose traceback leads here: a cycle would wait for the collector

    def check(self) -> None:
        """Refuse what comes after the deadline."""
        if self.is_over:
            reject(self)

    def _abandon(self, task: asyncio.Task[Any]) -> BaseException:
        self.is_over = True
        abandoned = AbandonedTask(task)
        traceback = abandoned.current_traceback()
        self._threads.abandon(abandoned)
        return timeout(self._seconds).with_traceback(traceback)

    def limit_stream(self, response: Response) -> None:
        """Give a stream of the handler's the same deadline."""
        if response._stream is None or response._sends_file:
            return
        chunks = coroutines.async_chunks_of(response._stream)
        if chunks is None:
            # A plain stream can only be left waiting by a coroutine.
            chunks = AsyncChunks(_from_thread(response._stream))
            response._stream = chunks
        chunks.end_at(self._until, lambda: timeout(self._seconds), CLOSING, self._abandon)


async def _error_of(coroutine: Any) -> BaseException | None:
    """Await a coroutine, and return its error: SystemExit of a task, for example, would end the loop."""
    try:
        await coroutine
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return error
    return None


async def _from_thread(stream: Any) -> AsyncIterator[Any]:
    """Yield the chunks of a plain stream, which is iterated in the request's thread, and close it."""
    try:
        while (chunk := await in_request_thread(next, stream, _END)) is not _END:
            yield chunk
    finally:
        await in_request_thread(stream.close)
