"""The ends of dependencies in a coroutine, and the task that lasts until they have ended.

In: the coroutine function of a plan. Out: a coroutine function that ends when the response can be sent.
Raises what the plan raises. The task that has entered an async generator also leaves it, as time limits, task
groups and context variables require, even if a stream is sent in between. The request's thread leaves a plain
generator, in the context in which it was entered.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from types import CoroutineType
from typing import Any, NoReturn

from apiroutes.concurrency import coroutines
from apiroutes.event_loop import AsyncChunks, end_or_event, in_request_thread
from apiroutes.exits.generators import (
    END,
    ClientLeft,
    did_not_yield,
    is_new,
    log_second,
    refuse_second,
    stands_for,
)
from apiroutes.exits.open_streams import drop_unsent, has_stream, hold, is_sent_later
from apiroutes.response import Response
from apiroutes.streams import Begun, close
from apiroutes.threads import current_waiter, waiting

__all__ = ["async_names", "in_task"]

_ABSENT: Any = object()

# (request, response, stay)
HeldPlan = Callable[[Any, Any, "Stay"], Coroutine[Any, Any, None]]


def async_names() -> dict[str, Any]:
    """Return the names that the source of an async plan uses."""
    return {
        "END": END,
        "Coroutine": CoroutineType,
        "ThreadGenerator": _ThreadGenerator,
        "anext": anext,
        "begin": _begin,
        "did_not_yield": did_not_yield,
        "handle_in_thread": _handle_in_thread,
        "in_thread": _in_thread,
        "unwind": _unwind,
        "when_arrived": _when_arrived,
        "yielded_twice": _yielded_twice,
    }


# -- plain functions ---------------------------------------------------------------------------


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in the request's thread; context variables that it sets are set here as well."""
    return await _in_context(contextvars.copy_context(), function, *arguments)


async def _handle_in_thread(response: Response, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a handler in the same way. A cancellation closes its response at once."""
    states: list[int] = []
    context = contextvars.copy_context()
    try:
        return await _in_context(
            context, function, *arguments, on_cancel=lambda: states.append(response._close())
        )
    finally:
        if states:
            response._reopen(states[0])


async def _in_context(
    context: contextvars.Context,
    function: Callable[..., Any],
    *arguments: Any,
    on_cancel: Callable[[], object] | None = None,
) -> Any:
    try:
        return await in_request_thread(context.run, function, *arguments, on_cancel=on_cancel)
    finally:
        _adopt(context)


def _adopt(context: contextvars.Context) -> None:
    for variable, value in context.items():
        if variable.get(_ABSENT) is not value:
            variable.set(value)


async def _when_arrived(request: Any, read: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that reads the request's content: here, once all of the content has arrived."""
    if request._body is not None or not request._pending or request._has_arrived():
        return read(*arguments)
    return await in_request_thread(read, *arguments)


class _ThreadGenerator:
    """A plain generator as an async one; it runs in the request's thread, in one context."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._context: contextvars.Context | None = None

    async def advance(self) -> Any:
        """Run it to its next value and return that, or to its end and return END."""
        if self._context is not None:
            return await in_request_thread(self._context.run, next, self._generator, END)
        self._context = contextvars.copy_context()
        return await _in_context(self._context, next, self._generator, END)

    async def athrow(self, error: BaseException) -> Any:
        assert self._context is not None
        outcome = await in_request_thread(self._context.run, _throw, self._generator, error)
        if isinstance(outcome, BaseException):
            try:
                raise outcome
            finally:
                del outcome  # whose traceback leads here: a cycle would wait for the collector
        return None

    async def aclose(self) -> None:
        if self._context is not None:
            await in_request_thread(self._context.run, self._generator.close)


def _throw(generator: Any, error: BaseException) -> BaseException | None:
    """Throw an error into a plain generator; return what it raises, None if it yields again.

    A StopIteration could not be raised through a coroutine.
    """
    try:
        generator.throw(error)
    except StopIteration as raised:
        return raised if raised is error else StopAsyncIteration()
    except BaseException as raised:
        return raised
    return None


# -- the ends of generators --------------------------------------------------------------------


async def _unwind(generators: Sequence[Any], error: BaseException, request: Any) -> None:
    """Throw an exception into generators, the last first, or close them if the client has left.

    A time limit or a task group may replace a cancellation by another exception, and a generator may turn a
    fault into an HTTP error: then that is raised, and any other is logged. Every generator is ended.
    """
    first = error
    for generator in reversed(generators):
        traceback = error.__traceback__
        is_unwanted = isinstance(error, ClientLeft)
        raised = await _outcome_of(generator.aclose() if is_unwanted else _thrown(generator, error))
        error.__traceback__ = traceback
        if raised is None or not is_new(raised, error):
            continue
        is_cancelled = isinstance(error, asyncio.CancelledError)
        if (is_cancelled and not isinstance(raised, asyncio.CancelledError)) or stands_for(raised, error):
            error = raised
        elif not isinstance(raised, asyncio.CancelledError):
            log_second(raised, request)
    if error is not first:
        raise error


async def _thrown(generator: Any, error: BaseException) -> None:
    try:
        await generator.athrow(error)
    except StopAsyncIteration as raised:
        if raised is error:
            raise
    else:
        await generator.aclose()  # it has yielded again


async def _outcome_of(coroutine: Any) -> BaseException | None:
    """Await a coroutine, and return its error: SystemExit of a task, for example, would end the loop."""
    try:
        await coroutine
    except GeneratorExit:
        raise
    except BaseException as error:
        return error
    return None


async def _yielded_twice(generator: Any, place: str) -> NoReturn:
    await _outcome_of(generator.aclose())
    refuse_second(place)


async def _begin(response: Response) -> None:
    """Run an application that the handler returned to its first chunk."""
    if response._application is not None:
        await response._start_streaming_on_loop()


# -- the task of a plan ------------------------------------------------------------------------


def in_task(plan: HeldPlan) -> Callable[[Any, Any], Coroutine[Any, Any, None]]:
    """Return the plan as a coroutine function, which runs it in a task that lasts as long as a stream."""

    async def run(request: Any, response: Any) -> None:
        stay = Stay()
        await stay.run(plan(request, response, stay), response)

    return run


class Stay:
    """The task of a plan, which stays in its generators while a stream is sent."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_begun: asyncio.Future[None] = self._loop.create_future()
        # What has ended the stream: an error, or None.
        self._ended: asyncio.Future[BaseException | None] = self._loop.create_future()
        self._task: asyncio.Task[BaseException | None] | None = None
        self._waiter: Any = None

    async def run(self, coroutine: Coroutine[Any, Any, None], response: Response) -> None:
        """Run the plan until it ends, or until a stream can be sent. Raises its error."""
        task = self._task = self._loop.create_task(_outcome_of(coroutine))
        error: BaseException | None = None
        cancellation = await end_or_event(task, self._has_begun)
        try:
            if task.done():
                error, self._task = task.result(), None
                if isinstance(error, asyncio.CancelledError):
                    error = cancellation or error
                if error is not None:
                    raise error
            elif cancellation is not None:
                raise cancellation
            else:
                await response._start_streaming_on_loop()
        except BaseException:
            self.end_soon()
            raise
        finally:
            del cancellation, error, task  # tracebacks lead here: a cycle would wait for the collector

    # In the plan.

    async def keeps(self, response: Response) -> bool:
        """Keep the generators open for a stream, unless it is whole already; return whether they are open."""
        if not has_stream(response):
            await in_request_thread(drop_unsent, response)
            return False
        await response._start_streaming_on_loop()
        if not is_sent_later(response):
            return False
        chunks = coroutines.async_chunks_of(response._stream)
        if chunks is not None and coroutines.is_on_server_loop():
            begun: Any = response._stream
            length = response._announced_length()
            response._stream = AsyncChunks(self._passed_on(begun, chunks, length))
        else:
            hold(response, _Exits(self))
        return True

    async def sent(self) -> None:
        """Wait until the stream has ended. Raises its error, and ClientLeft."""
        self._has_begun.set_result(None)
        error = await self._ended
        self._ended = self._loop.create_future()  # without the error, whose traceback will lead here
        self._ended.set_result(None)
        if self._waiter is not None:  # the thread that waits now, if the first one no longer waits
            current_waiter.set(self._waiter)
        if error is not None:
            try:
                raise error
            finally:
                del error  # whose traceback leads here: a cycle would wait for the collector

    # At the end of the stream.

    async def end(self, error: BaseException | None) -> None:
        """Resume the plan, and wait for its end. Raises the plan's error, once."""
        if not self._ended.done():
            self._waiter = current_waiter.get(None)
            self._ended.set_result(error)
        task, self._task = self._task, None
        if task is None:
            return
        await asyncio.wait((task,))
        outcome = task.result()
        try:
            if outcome is not None and outcome is not error:
                raise outcome
        finally:
            del outcome, error, task  # tracebacks lead here: a cycle would wait for the collector

    def end_soon(self) -> None:
        """Close the generators soon: the response is no longer wanted."""
        if not self._ended.done():
            self._ended.set_result(ClientLeft())

    def end_soon_from_thread(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.end_soon)

    async def _passed_on(
        self, begun: Begun, chunks: AsyncChunks[Any], left: int | None
    ) -> AsyncIterator[bytes]:
        """Yield the chunks of an async stream on the server's loop; the plan goes on with the last one."""
        error: BaseException | None = ClientLeft()
        try:
            chunk: Any = next(begun, END)
            while chunk is not END:
                left = None if left is None else left - len(chunk)
                if left is not None and left <= 0:
                    await _close(begun, chunks)
                    await self.end(None)
                    error = None
                yield chunk
                await chunks.arrive()
                chunk = next(begun, END)
            error = None
            await self.end(None)
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as raised:
            error = raised
            raise
        finally:
            await _close(begun, chunks)
            await _outcome_of(self.end(error))
            del error  # whose traceback leads here: a cycle would wait for the collector


async def _close(begun: Begun, chunks: AsyncChunks[Any]) -> None:
    try:
        await chunks.aclose()
    finally:
        close(begun)


class _Exits:
    """The end of a plan for a stream that a thread sends."""

    def __init__(self, stay: Stay) -> None:
        self._stay = stay
        self._is_over = False

    def finish(self) -> None:
        """Let the generators go on. Raises what the first of them raises."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """Throw an exception into the generators, which is what ended the stream."""
        try:
            self._end(error)
        except BaseException as raised:
            if is_new(raised, error):
                raise

    def leave(self) -> None:
        """Close the generators: the client has left."""
        with contextlib.suppress(ClientLeft):
            self._end(ClientLeft())

    def _end(self, error: BaseException | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if waiting.is_on_loop():
            self._stay.end_soon()
        else:
            coroutines.run(self._stay.end(error))

    def __del__(self) -> None:  # by a server that does not close
        if not self._is_over:
            self._stay.end_soon_from_thread()
