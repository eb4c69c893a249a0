"""Threads, and who waits in them for coroutines; this room never imports asyncio."""

from __future__ import annotations

from apiroutes.threads import native_threads, process_end, waiting
from apiroutes.threads.endings import Ending
from apiroutes.threads.tracebacks import traceback_of
from apiroutes.threads.waiting import current_waiter

__all__ = ["Ending", "current_waiter", "native_threads", "process_end", "traceback_of", "waiting"]
