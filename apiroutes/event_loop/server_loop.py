"""The event loop of a server that calls through ASGI, and the threads beside it.

In: coroutines that the server awaits, and functions that may wait. Out: the functions' results. Raises
their errors. The server's loop is then the loop of the process: threads wait for it, and it is watched,
as the process's own would be.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from apiroutes.event_loop.calls import Call, in_request_thread
from apiroutes.event_loop.loop import AwaitedLoop
from apiroutes.event_loop.thread_pool import ThreadPool
from apiroutes.event_loop.waiters import caller, refuse_waiters_of
from apiroutes.event_loop.watchdog import watch_while
from apiroutes.threads import native_threads, waiting

__all__ = [
    "RequestThread",
    "ServerLoop",
    "call_before_head",
    "call_in_pool",
    "is_in_server_request",
    "is_task_of_request",
    "server_loop",
]

_Result = TypeVar("_Result")


class ServerLoop(AwaitedLoop):
    """A server's loop. `requests` is the number of requests in progress, while which it is watched."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(refuse_waiters_of)
        self.loop = loop
        self.thread = native_threads.native_ident()
        self.call_now = loop.call_soon_threadsafe
        self.requests = 0

    def watch(self) -> None:
        self.is_watched = True
        watch_while(self, lambda: self.requests > 0)

    def has_ended(self) -> bool:
        return self.loop.is_closed()


class _Local(threading.local):
    loop: ServerLoop | None = None


_local = _Local()


def server_loop() -> ServerLoop:
    """Return the loop that runs in this thread, and have coroutines of this context run on it."""
    running = asyncio.get_running_loop()
    loop = _local.loop
    if loop is None or loop.loop is not running:
        loop = _local.loop = ServerLoop(running)
    caller.set(loop)
    return loop


def is_in_server_request() -> bool:
    """Return whether the current request is answered on a server's loop, and no thread waits for it."""
    return isinstance(waiting.current_waiter.get(None), RequestThread)


def is_task_of_request() -> bool:
    """Return whether the current task is the one that answers the request on a server's loop."""
    thread = waiting.current_waiter.get(None)
    if not isinstance(thread, RequestThread) or asyncio._get_running_loop() is None:
        return False
    return thread.task is asyncio.current_task()


# -- threads -----------------------------------------------------------------------------------


async def call_in_pool(pool: ThreadPool, function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call a function in a thread of the pool, in a copy of this context.

    When this is cancelled the function runs on, and nobody learns its result.
    """
    call = Call(contextvars.copy_context(), function, arguments)
    pool.post(call)
    await call.ended
    result: _Result = call.result()
    return result


class RequestThread:
    """A thread for one request that is answered on a server's loop, as soon as it needs one.

    Everything in it is called in one context, one call after the other. It never waits for the threads
    that answer other requests.
    """

    __slots__ = ("_calls", "_context", "_has_more", "_ident", "_is_over", "before_head", "task")

    def __init__(self) -> None:
        self.task = asyncio.current_task()  # that answers the request
        self._calls: queue.SimpleQueue[Callable[[], object] | None] | None = None
        self._context: contextvars.Context | None = None
        self._ident = 0
        self._is_over = False
        self._has_more = False  # calls that nobody has waited for
        self.before_head: Callable[[], object] | None = None  # to call before a head that `write` sends

    # On the loop, as the same methods of `Waiter` are called.

    def context(self) -> contextvars.Context:
        """Return the context for a function to call: the same one for all."""
        if self._context is None:
            self._context = contextvars.copy_context()
        return self._context

    def post(self, call: Callable[[], object]) -> bool:
        """Make a call that raises nothing; return False when the request has ended."""
        if self._is_over:
            return False
        if self._calls is None:
            self._calls = native_threads.native_queue()
            _threads.post(functools.partial(self._work, self._calls))
        self._calls.put(call)
        return True

    def post_in_context(self, function: Callable[[], object]) -> bool:
        """Make a call, which raises nothing, that `finish` waits for."""
        self._has_more = True
        return self.post(functools.partial(self.context().run, function))

    async def finish(self) -> None:
        """Wait for the calls of `post_in_context`."""
        if self._has_more:
            await in_request_thread(_do_nothing)

    def cancel_inside(self) -> None:
        """Cancel the coroutines that the thread waits for."""
        for waiter in waiting.waiters_of(self._ident):
            waiter.cancel()

    def end(self) -> None:
        """Give the thread back, after the calls that it has been given."""
        self._is_over = True
        self._context = None  # which refers to this
        if self._calls is not None:
            self._calls.put(None)

    def _work(self, calls: queue.SimpleQueue[Callable[[], object] | None]) -> None:
        self._ident = native_threads.get_ident()
        while (call := calls.get()) is not None:
            call()
            del call


async def call_before_head() -> None:
    """Call what has to be done before the head of the current request's response leaves, in its thread."""
    thread = waiting.current_waiter.get(None)
    if isinstance(thread, RequestThread) and thread.before_head is not None:
        function, thread.before_head = thread.before_head, None
        await in_request_thread(function)


def _do_nothing() -> None:
    return


_threads = ThreadPool(sys.maxsize, "apiroutes-request")


def _forget() -> None:
    """Forget threads that a fork does not take along."""
    global _threads
    _threads = ThreadPool(sys.maxsize, "apiroutes-request")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
