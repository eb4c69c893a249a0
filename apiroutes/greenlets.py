"""Threads as they really are, also where gevent has made greenlets of them. The only file that
imports gevent, and only where it has patched `threading`.

In: functions to run. Out: native threads, and a mailbox that a greenlet can wait at without stopping
the others of its thread. Raises nothing of its own.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = [
    "are_threads",
    "get_ident",
    "mailbox",
    "main_thread_join",
    "native_event",
    "native_ident",
    "new_event_loop",
    "start_native_thread",
]


def are_threads() -> bool:
    """Whether what `threading` starts are greenlets."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def get_ident() -> int:
    """The number of the current thread, or greenlet."""
    return threading.get_ident()


def native_ident() -> int:
    """The number of the current thread of the system's."""
    return threading.get_ident()


def native_event() -> threading.Event:
    """An event between threads of the system's."""
    return threading.Event()


def start_native_thread(function: Callable[[], object], name: str, *, daemon: bool) -> None:
    """Run a function in a thread of the system's."""
    threading.Thread(target=function, name=name, daemon=daemon).start()


def main_thread_join() -> None:
    """Wait until the main thread has ended."""
    threading.main_thread().join()


def mailbox() -> queue.SimpleQueue[Any]:
    """What a greenlet waits at for a native thread."""
    return queue.SimpleQueue()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop of native sockets and selectors."""
    return asyncio.new_event_loop()
