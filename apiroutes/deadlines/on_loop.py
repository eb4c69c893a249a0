"""A deadline for a coroutine on a server's loop: the client gets a response by then.

In: the coroutine function that answers a route's requests, and its seconds. Out: one that runs it in a task
that can be abandoned. Raises HandlerTimeout at the deadline, and ApiError 503 while too many abandoned
handlers still run. The task is cancelled, and gets MaxDurationExceeded from each use of its request or
response. A call that blocks the loop itself holds up the deadline as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from apiroutes.concurrency import HandlerThreads
from apiroutes.deadlines.revocation import copy_of, give_back, has_stream, refuse_late
from apiroutes.response import Response

__all__ = ["with_deadline_on_loop"]


def with_deadline_on_loop(
    run: Callable[[Any], Awaitable[None]], seconds: float, threads: HandlerThreads
) -> Callable[[Any], Awaitable[None]]:
    """Return `run` with a deadline, which also covers the stream that it answers with."""

    async def run_and_begin(response: Response) -> None:
        await run(response)
        if has_stream(response):
            await response._start_streaming_on_loop()

    async def run_until(response: Response) -> None:
        from apiroutes.deadlines.loop_lease import Lease

        threads.require_room()
        request = copy_of(response.req)
        lease = Lease(threads, seconds)
        inner = type(response)(request, refuse_late(response._start_response, lease.check))
        inner._end_with(response)
        try:
            await lease.call(run_and_begin(inner))
        finally:
            give_back(response, request, inner, lease.is_over)
        lease.limit_stream(response)

    return run_until
