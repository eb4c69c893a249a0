"""What takes the chunks of an async iterable, on its loop: the task that answers the request, or one more.

In: an async iterable. Out: its chunks, each when it is asked for, with the errors as data. Nothing is raised
but the cancellation of the task that asks, and what closing the iterable raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, Union

from apiroutes.event_loop.tasks import is_being_cancelled

__all__ = ["Answer", "DirectTaker", "Limit", "Source", "TakingTask", "raise_of_closing"]

_Chunk = TypeVar("_Chunk")
# A chunk, or the error that ends the chunks; StopAsyncIteration is their regular end.
Answer = tuple[Any, Union[BaseException, None]]


def raise_of_closing(error: BaseException | None) -> None:
    """Raise the error with which an iterable was closed, unless that is its regular end."""
    if error is not None and not isinstance(error, (StopAsyncIteration, asyncio.CancelledError)):
        try:
            raise error
        finally:
            del error  # whose traceback leads here: a cycle would wait for the collector


class Limit(NamedTuple):
    """What `AsyncChunks.end_at` was given."""

    until: float
    error: Callable[[], BaseException]
    closing: float
    abandon: Callable[[asyncio.Task[Any]], object]


class DirectTaker:
    """Takes the chunks in the task that asks, which is the same for all of them."""

    def __init__(self, chunks: AsyncIterable[Any]) -> None:
        self._iterator = aiter(chunks)
        self._loop = asyncio.get_running_loop()
        self._task: Any = asyncio.current_task()
        self._is_asking = False
        self._is_stopped = False
        self._closing: asyncio.Task[None] | None = None

    async def ask(self) -> Answer:
        """Return the next chunk, or the error that ends them."""
        if self._is_stopped:
            return None, StopAsyncIteration()
        self._is_asking = True
        try:
            return await anext(self._iterator), None
        except GeneratorExit:
            raise
        except asyncio.CancelledError as error:
            if self._is_stopped:
                if hasattr(self._task, "uncancel"):
                    self._task.uncancel()
                return None, StopAsyncIteration()
            if is_being_cancelled():
                raise
            return None, error  # of something that the iterable awaited
        except BaseException as error:
            return None, error
        finally:
            self._is_asking = False

    def stop(self) -> None:
        """End the wait of `ask`, and cancel the iterable where it waits."""
        self._is_stopped = True
        if self._is_asking:
            self._task.cancel()

    async def end(self, limit: Limit | None) -> None:
        """Close the iterable. Raises what it raises then."""
        if hasattr(self._iterator, "aclose"):
            await self._iterator.aclose()

    def end_soon(self) -> None:
        """Have the iterable closed, from any thread."""
        self._loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        self._closing = self._loop.create_task(self._end_quietly())

    async def _end_quietly(self) -> None:
        with contextlib.suppress(Exception):
            await self.end(None)


class TakingTask:
    """A task that takes the chunks, for coroutines of any task on the same loop."""

    def __init__(self, source: Source[Any], context: contextvars.Context | None = None) -> None:
        self._source = source
        self._context = context  # of which the task has a copy
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[Answer] = self._loop.create_future()

    async def ask(self) -> Answer:
        """Return the next chunk, or the error that ends them."""
        if self._task is None:
            create, coroutine = self._loop.create_task, self._take()
            self._task = create(coroutine) if self._context is None else self._context.run(create, coroutine)
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

    def post(self, answer: Answer) -> None:
        if not self._answer.done():
            self._answer.set_result(answer)

    def stop(self) -> None:
        """End the wait of `ask`; the chunk that it waits for is lost."""
        self.post((None, StopAsyncIteration()))

    async def end(self, limit: Limit | None) -> None:
        """End the task, and wait for its end. Raises what the iterable raises when it is closed."""
        self._end()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=None if limit is None else limit.closing)
            if limit is not None and not self._task.done():
                limit.abandon(self._task)
        answer = self._answer
        if answer.done() and not answer.cancelled():
            raise_of_closing(answer.result()[1])

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
    def post(self, answer: Answer) -> object: ...


class Source(Generic[_Chunk]):
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
