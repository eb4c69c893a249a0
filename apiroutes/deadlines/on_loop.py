"""A deadline for a coroutine on a server's loop: the client gets a response by then.

In: the coroutine function that answers a route's requests, and its seconds. Out: one that runs it in a task
that can be abandoned. Raises HandlerTimeout at the deadline, and ApiError 503 while too many abandoned
handlers still run. The task is cancelled, and gets MaxDurationExceeded from each use of its request or
response. A call that blocks the loop itself holds up the deadline as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from apiroutes.concurrency import (
    AbandonedTask,
    AsyncChunks,
    HandlerThreads,
    async_chunks_of,
    coroutines,
)
from apiroutes.deadlines.revocation import adopt, adopt_before_handler, copy_of, refuse_late, reject, revoke
from apiroutes.errors import HandlerTimeout
from apiroutes.response import Response

__all__ = ["with_deadline_on_loop"]

# Seconds for a stream to clean up, even after the deadline.
_CLOSING = 1.0

_END: Any = object()


def with_deadline_on_loop(
    run: Callable[[Any], Awaitable[None]], seconds: float, threads: HandlerThreads
) -> Callable[[Any], Awaitable[None]]:
    """Return `run` with a deadline, which also covers the stream that it answers with."""

    async def run_and_begin(response: Response) -> None:
        await run(response)
        is_head = response.req.environ.get("REQUEST_METHOD") == "HEAD"
        if response._application is not None or (response._stream is not None and not is_head):
            await response._start_streaming_on_loop()

    async def run_until(response: Response) -> None:
        threads.require_room()
        request = copy_of(response.req)
        lease = _Lease(threads, seconds)
        inner = type(response)(request, refuse_late(response._start_response, lease.check))
        try:
            await lease.call(run_and_begin(inner))
        except BaseException:
            if lease.is_over:
                revoke(request)
                adopt_before_handler(response, revoke(inner))
            else:
                adopt(response, inner)
            raise
        finally:
            # Its body, to be closed. A revoked request can still be read like this.
            vars(response.req).update(object.__getattribute__(request, "__dict__"))
        adopt(response, inner)
        lease.limit_stream(response)

    return run_until


class _Lease:
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
        if not task.done():
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
        return self._timeout().with_traceback(traceback)

    def _timeout(self) -> HandlerTimeout:
        return HandlerTimeout(f"the handler did not finish within its maxDuration, {self._seconds:g} s")

    def limit_stream(self, response: Response) -> None:
        """Give a stream of the handler's the same deadline."""
        if response._stream is None or response._sends_file:
            return
        chunks = async_chunks_of(response._stream)
        if chunks is None:
            # A plain stream can only be left waiting by a coroutine.
            chunks = AsyncChunks(_from_thread(response._stream))
            response._stream = chunks
        chunks.end_at(self._until, self._timeout, _CLOSING, self._abandon)


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
        while (chunk := await coroutines.in_request_thread(next, stream, _END)) is not _END:
            yield chunk
    finally:
        await coroutines.in_request_thread(stream.close)
