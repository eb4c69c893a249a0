"""Threads, event loops and connections; this room never knows HTTP, a Request or a Response.

In: calls, coroutines and sockets. Out: their results, or their end. Raises ApiError 503, as data, when
no thread or no loop can take a call.
"""

from __future__ import annotations

from apiroutes.concurrency import coroutines
from apiroutes.concurrency.async_streams import AsyncChunks, async_chunks_of
from apiroutes.concurrency.connections import (
    CONNECTION,
    stop_reading,
    stop_receiving,
    unwatch,
    watch,
)
from apiroutes.concurrency.functions import is_async
from apiroutes.concurrency.handler_threads import AbandonedTask, Call, HandlerThread, HandlerThreads
from apiroutes.concurrency.server_loop import (
    RequestThread,
    call_in_pool,
    is_on_server_loop,
    server_loop,
)
from apiroutes.concurrency.thread_pool import ThreadPool
from apiroutes.concurrency.time_limit import within
from apiroutes.concurrency.waiters import current_waiter

__all__ = [
    "CONNECTION",
    "AbandonedTask",
    "AsyncChunks",
    "Call",
    "HandlerThread",
    "HandlerThreads",
    "RequestThread",
    "ThreadPool",
    "async_chunks_of",
    "call_in_pool",
    "coroutines",
    "current_waiter",
    "is_async",
    "is_on_server_loop",
    "server_loop",
    "stop_reading",
    "stop_receiving",
    "unwatch",
    "watch",
    "within",
]
