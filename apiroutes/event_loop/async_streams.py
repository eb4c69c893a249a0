"""Async iterables as plain ones, for a thread that sends them, or for a coroutine on the same loop.

In: an async iterable. Out: its chunks. Raises its errors, and ApiError 503 while the loop is blocked.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import time
from collections.abc import AsyncIterable, Callable
from typing import Any, Generic, TypeVar, Union

from apiroutes.errors import ResponseAborted
from apiroutes.event_loop.calls import run
from apiroutes.event_loop.server_loop import is_task_of_request
from apiroutes.event_loop.takers import Answer, DirectTaker, Limit, Source, TakingTask, raise_of_closing
from apiroutes.event_loop.time_limit import within
from apiroutes.event_loop.waiters import Waiter, running_loop
from apiroutes.threads import waiting

__all__ = ["AsyncChunks"]

_Chunk = TypeVar("_Chunk")

Taker = Union[DirectTaker, TakingTask]


class AsyncChunks(Generic[_Chunk]):
    """A plain iterator over an async iterable.

    One task takes all chunks, each when it is asked for, so that what the iterable enters meanwhile (a
    task group, a time limit, a context variable) is entered and left in one task.
    A thread calls `next` and `close`. On the loop itself, `await arrive()` comes before each `next`, which
    then does not wait, and `await aclose()` before `close`.
    """

    def __init__(self, chunks: AsyncIterable[_Chunk]) -> None:
        self._chunks = chunks
        self._source = Source(chunks)
        self._waiter: Waiter | None = None
        self._taker: Taker | None = None  # on the loop itself
        self._arrived: list[Answer] = []
        self._limit: Limit | None = None
        self._context: contextvars.Context | None = None
        self._has_ended = False
        self._is_stopped = False
        self._is_closed = False  # on the loop itself

    @property
    def iterable(self) -> AsyncIterable[_Chunk]:
        """The async iterable that the chunks come from."""
        return self._chunks

    @property
    def async_chunks(self) -> AsyncChunks[_Chunk]:
        """This object. An iterator around it has the same attribute."""
        return self

    def __iter__(self) -> AsyncChunks[_Chunk]:
        return self

    def __next__(self) -> _Chunk:
        if self._has_ended:
            raise StopIteration
        result, error = self._arrived.pop() if self._arrived else self._ask()
        if error is not None:
            self._has_ended = True
            try:
                if isinstance(error, StopAsyncIteration):
                    raise StopIteration
                if self._is_stopped and isinstance(error, asyncio.CancelledError):
                    raise ResponseAborted(errno.ECONNRESET, "the client left")
                raise error
            finally:
                del error
        chunk: _Chunk = result
        return chunk

    async def arrive(self) -> None:
        """Wait on the loop for the next chunk, or for the end."""
        if self._has_ended or self._arrived:
            return
        limit = self._limit
        if self._taker is None:
            # The task that answers the request takes all chunks itself, if it takes the first.
            is_direct = limit is None and self._context is None and is_task_of_request()
            self._taker = DirectTaker(self._chunks) if is_direct else self._taking_task()
        if limit is None:
            self._arrived.append(await self._taker.ask())
            return
        try:
            answer = await within(limit.until - time.monotonic(), self._taker.ask)
        except TimeoutError:
            answer = None, limit.error()
        self._arrived.append(answer)

    def _taking_task(self) -> TakingTask:
        if self._context is not None:  # which is older than the thread that this task has
            self._context.run(waiting.current_waiter.set, waiting.current_waiter.get(None))
        return TakingTask(self._source, self._context)

    def run_in(self, context: contextvars.Context) -> None:
        """Have the iterable run in a copy of a context, before its first chunk is taken."""
        self._context = context

    def end_at(
        self,
        until: float,
        error: Callable[[], BaseException],
        closing: float,
        abandon: Callable[[asyncio.Task[Any]], object],
    ) -> None:
        """Raise `error()` instead of a chunk that comes after the monotonic time `until`.

        After `aclose`, `abandon` is given a task that has not ended within `closing` seconds.
        """
        self._limit = Limit(until, error, closing, abandon)

    def stop_waiting(self) -> None:
        """End the wait for a chunk, on the loop; that chunk is lost. A thread gets ResponseAborted."""
        self._is_stopped = True
        if self._taker is not None:
            self._taker.stop()
        elif self._waiter is not None:
            self._waiter.cancel()

    async def aclose(self) -> None:
        """Close the iterable on the loop, even while it makes a chunk. Raises its errors."""
        self._has_ended = self._is_closed = True
        if self._taker is not None:
            await self._taker.end(self._limit)

    def close(self) -> None:
        """Close the iterable, in the task that took its chunks."""
        if self._taker is not None:
            self._close_on_loop(self._taker)
            return
        if self._waiter is None or self._has_ended:
            return
        self._has_ended = self._source.is_closing = True
        raise_of_closing(self._ask()[1])

    def _close_on_loop(self, taker: Taker) -> None:
        if self._is_closed:
            return
        self._has_ended = self._is_closed = True
        if waiting.is_on_loop():
            taker.end_soon()
        else:
            run(taker.end(self._limit))

    def __del__(self) -> None:
        if self._waiter is not None and not self._has_ended:  # by a server that does not close
            self._waiter.cancel()

    def _ask(self) -> Answer:
        loop = running_loop()
        waiter, source = self._waiter, self._source
        if waiter is None:
            waiter = self._waiter = Waiter()
            call: tuple[Any, ...] = waiter.start_with, source.take
            if self._context is not None:
                call = self._context.run, *call
        else:
            call = (source.want,)
        try:
            return waiter.wait_for(loop, *call)
        except BaseException:
            self._has_ended = True
            raise
