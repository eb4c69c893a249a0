"""Handlers' threads, coroutines and connections; this room never knows HTTP, a Request or a Response.

In: calls, coroutines and sockets. Out: their results, or their end. Raises ApiError 503, as data, when
no thread or no loop can take a call.
"""

from __future__ import annotations

from apiroutes.concurrency import coroutines
from apiroutes.concurrency.connections import (
    CONNECTION,
    stop_reading,
    stop_receiving,
    unwatch,
    watch,
)
from apiroutes.concurrency.functions import is_async
from apiroutes.concurrency.handler_threads import Call, HandlerThread, HandlerThreads, watch_abandoned

__all__ = [
    "CONNECTION",
    "Call",
    "HandlerThread",
    "HandlerThreads",
    "coroutines",
    "is_async",
    "stop_reading",
    "stop_receiving",
    "unwatch",
    "watch",
    "watch_abandoned",
]
