"""The event loop, and what crosses between it and threads; this room never knows HTTP or a request.

In: coroutines and functions. Out: their results, or their end. Raises ApiError 503, as data, when no thread
or no loop can take a call. Importing this room imports asyncio, so code without coroutines never does:
`apiroutes.concurrency.coroutines` imports it for a project under WSGI, and the files that only ASGI needs
import it at their top.
"""

from __future__ import annotations

from apiroutes.event_loop.async_streams import AsyncChunks
from apiroutes.event_loop.background import BackgroundTask
from apiroutes.event_loop.calls import call_soon_in_thread, in_request_thread, run
from apiroutes.event_loop.server_loop import (
    RequestThread,
    call_before_head,
    call_in_pool,
    is_in_server_request,
    is_task_of_request,
    server_loop,
)
from apiroutes.event_loop.tasks import AbandonedTask, end_or_event, frames_awaited_by, is_being_cancelled
from apiroutes.event_loop.thread_pool import ThreadPool
from apiroutes.event_loop.time_limit import within
from apiroutes.event_loop.waiters import running_loop

__all__ = [
    "AbandonedTask",
    "AsyncChunks",
    "BackgroundTask",
    "RequestThread",
    "ThreadPool",
    "call_before_head",
    "call_in_pool",
    "call_soon_in_thread",
    "end_or_event",
    "frames_awaited_by",
    "in_request_thread",
    "is_being_cancelled",
    "is_in_server_request",
    "is_task_of_request",
    "run",
    "running_loop",
    "server_loop",
    "within",
]
