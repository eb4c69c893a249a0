"""Async iterables as plain ones, for a thread that sends them, or for a coroutine on the same loop.

In: an async iterable. Out: its chunks. Raises its errors, and ApiError 503 while the loop is blocked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from apiroutes.concurrency.time_limit import within
from apiroutes.concurrency.waiters import Waiter, running_loop

__all__ = ["AsyncChunks", "async_chunks_of", "iterate"]

_Chunk = TypeVar("_Chunk")


def iterate(chunks: AsyncIterable[_Chunk]) -> Iterator[_Chunk]:
    """Return a plain iterator over an async iterable; closing it closes the iterable."""
    return AsyncChunks(chunks)


class AsyncChunks(Generic[_Chunk]):
    """A plain iterator over an async iterable.

    One task takes all chunks, each when it is asked for, so that what the iterable enters meanwhile (a
    task group, a time limit, a context variable) is entered and left in one task.
    A thread calls `next` and `close`. On the loop itself, `await arrive()` comes before each `next`, which
    then does not wait, and `await aclose()` before `close`.
    """

    def __init__(self, chunks: AsyncIterable[_Chunk]) -> None:
        self._source = _Source(chunks)
        self._waiter: Waiter | None = None
        self._task: _Task | None = None  # on the loop itself
        self._arrived: list[tuple[Any, BaseException | None]] = []
        self._limit: _Limit | None = None
        self._has_ended = False

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
                raise error
            finally:
                del error
        chunk: _Chunk = result
        return chunk

    async def arrive(self) -> None:
        """Wait on the loop for the next chunk, or for the end."""
        if self._has_ended or self._arrived:
            return
        if self._task is None:
            self._task = _Task(self._source)
        limit = self._limit
        if limit is None:
            self._arrived.append(await self._task.ask())
            return
        try:
            answer = await within(limit.until - time.monotonic(), self._task.ask)
        except TimeoutError:
            answer = None, limit.error()
        self._arrived.append(answer)

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
        self._limit = _Limit(until, error, closing, abandon)

    def stop_waiting(self) -> None:
        """End the wait of `arrive`, on the loop; the chunk that it waits for is lost."""
        if self._task is not None:
            self._task.post((None, StopAsyncIteration()))

    async def aclose(self) -> None:
        """Close the iterable on the loop, even while it makes a chunk. Raises its errors."""
        self._has_ended = True
        if self._task is not None:
            await self._task.end(self._limit)

    def close(self) -> None:
        """Close the iterable, in the task that took its chunks."""
        if self._task is not None:
            self._has_ended = True
            self._task.end_soon()
            return
        if self._waiter is None or self._has_ended:
            return
        self._has_ended = self._source.is_closing = True
        _, error = self._ask()
        if error is not None and not isinstance(error, (StopAsyncIteration, asyncio.CancelledError)):
            try:
                raise error
            finally:
                del error

    def __del__(self) -> None:
        if self._waiter is not None and not self._has_ended:  # by a server that does not close
            self._waiter.cancel()

    def _ask(self) -> tuple[Any, BaseException | None]:
        loop = running_loop()
        waiter, source = self._waiter, self._source
        if waiter is None:
            waiter = self._waiter = Waiter()
            call: tuple[Any, ...] = waiter.start_with, source.take
        else:
            call = (source.want,)
        try:
            return waiter.wait_for(loop, *call)
        except BaseException:
            self._has_ended = True
            raise


def async_chunks_of(stream: object) -> AsyncChunks[Any] | None:
    """Return what a stream takes its chunks from, if that is an async iterable."""
    chunks = getattr(stream, "async_chunks", None)
    return chunks if isinstance(chunks, AsyncChunks) else None


class _Limit(NamedTuple):
    """What `AsyncChunks.end_at` was given."""

    until: float
    error: Callable[[], BaseException]
    closing: float
    abandon: Callable[[asyncio.Task[Any]], object]


class _Task:
    """The task that takes the chunks for a coroutine on the same loop."""

    def __init__(self, source: _Source[Any]) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[tuple[Any, BaseException | None]] = self._loop.create_future()

    async def ask(self) -> tuple[Any, BaseException | None]:
        """Return the next chunk, or the error that ends them."""
        if self._task is None:
            self._task = self._loop.create_task(self._take())
        else:
            self._source.want()
        answer = await self._answer
        self._answer = self._loop.create_future()
        return answer

    async def _take(self) -> None:
        try:
            await self._source.take(self)
        except BaseException as error:  # of the iterable, for the coroutine that asked
            self.post((None, error))

    def post(self, answer: tuple[Any, BaseException | None]) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)

    async def end(self, limit: _Limit | None) -> None:
        """End the task, and wait for its end. Raises what the iterable raises when it is closed."""
        self._end()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=None if limit is None else limit.closing)
            if limit is not None and not self._task.done():
                limit.abandon(self._task)
        answer = self._answer
        _, error = answer.result() if answer.done() and not answer.cancelled() else (None, None)
        if error is not None and not isinstance(error, (StopAsyncIteration, asyncio.CancelledError)):
            try:
                raise error
            finally:
                del error

    def end_soon(self) -> None:
        """Have the task end, from any thread."""
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        is_waiting = self._source.is_waiting
        self._source.is_closing = True
        if is_waiting:
            self._source.want()
        elif self._task is not None:
            self._task.cancel()


class _Poster(Protocol):
    def post(self, answer: tuple[Any, BaseException | None]) -> object: ...


class _Source(Generic[_Chunk]):
    """The loop's side of an iterator. It does not refer to the iterator, which may be dropped unclosed."""

    def __init__(self, chunks: AsyncIterable[_Chunk]) -> None:
        self._chunks = chunks
        self._is_wanted: asyncio.Event | None = None
        self.is_closing = False
        self.is_waiting = False  # for the next chunk to be wanted

    def want(self) -> None:
        """Take one more chunk, or close if `is_closing`."""
        if self._is_wanted is not None:
            self._is_wanted.set()

    async def take(self, waiter: _Poster) -> None:
        """Give the waiter chunks as they are wanted, and StopAsyncIteration at their end."""
        self._is_wanted = wanted = asyncio.Event()
        iterator = aiter(self._chunks)
        try:
            while not self.is_closing:
                waiter.post((await anext(iterator), None))
                self.is_waiting = True
                await wanted.wait()
                self.is_waiting = False
                wanted.clear()
        except StopAsyncIteration:
            pass
        finally:
            if isinstance(iterator, AsyncIterator) and hasattr(iterator, "aclose"):
                await iterator.aclose()
        waiter.post((None, StopAsyncIteration()))
