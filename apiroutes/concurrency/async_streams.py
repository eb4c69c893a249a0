"""Async iterables as plain ones, for a thread that sends them.

In: an async iterable. Out: its chunks. Raises its errors, and ApiError 503 while the loop is blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from apiroutes.concurrency.waiters import Waiter, running_loop

__all__ = ["iterate"]

_Chunk = TypeVar("_Chunk")


def iterate(chunks: AsyncIterable[_Chunk]) -> Iterator[_Chunk]:
    """Return a plain iterator over an async iterable; closing it closes the iterable.

    One task takes all chunks, each when it is asked for, so that what the iterable enters meanwhile (a
    task group, a time limit, a context variable) is entered and left in one task.
    """
    return _PlainIterator(chunks)


class _PlainIterator(Generic[_Chunk]):
    def __init__(self, chunks: AsyncIterable[_Chunk]) -> None:
        self._source = _Source(chunks)
        self._waiter: Waiter | None = None
        self._has_ended = False

    def __iter__(self) -> _PlainIterator[_Chunk]:
        return self

    def __next__(self) -> _Chunk:
        if self._has_ended:
            raise StopIteration
        result, error = self._ask()
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

    def close(self) -> None:
        """Close the iterable, in the task that took its chunks."""
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


class _Source(Generic[_Chunk]):
    """The loop's side of an iterator. It does not refer to the iterator, which may be dropped unclosed."""

    def __init__(self, chunks: AsyncIterable[_Chunk]) -> None:
        self._chunks = chunks
        self._is_wanted: asyncio.Event | None = None
        self.is_closing = False

    def want(self) -> None:
        """Take one more chunk, or close if `is_closing`."""
        if self._is_wanted is not None:
            self._is_wanted.set()

    async def take(self, waiter: Waiter) -> None:
        """Give the waiter chunks as they are wanted, and StopAsyncIteration at their end."""
        self._is_wanted = wanted = asyncio.Event()
        iterator = aiter(self._chunks)
        try:
            while not self.is_closing:
                waiter.post((await anext(iterator), None))
                await wanted.wait()
                wanted.clear()
        except StopAsyncIteration:
            pass
        finally:
            if isinstance(iterator, AsyncIterator) and hasattr(iterator, "aclose"):
                await iterator.aclose()
        waiter.post((None, StopAsyncIteration()))
