"""Native threads, queues and locks, also where gevent has turned those of `threading` into greenlets.

In: functions to run. Out: native threads, queues and locks between them, and a mailbox on which a
greenlet waits without stopping the others of its thread.
This room uses gevent only after other code has imported it. gevent may replace names of the
standard library before or after this file is imported, so native ones are looked up on each use.
"""

from __future__ import annotations

import queue
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

__all__ = [
    "are_greenlets",
    "frame_finder",
    "get_ident",
    "join_main_thread",
    "mailbox",
    "native_ident",
    "native_lock",
    "native_queue",
    "original",
    "start_last_thread",
    "start_native_thread",
    "start_thread_from_handler",
]


def are_greenlets() -> bool:
    """Return whether `threading` starts greenlets."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def original(module: str, name: str) -> Any:
    """Return the object that a name of the standard library had before gevent replaced it."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return getattr(import_module(module), name) if monkey is None else monkey.get_original(module, name)


def get_ident() -> int:
    """Return the number of the current thread, or greenlet."""
    return threading.get_ident()


def native_ident() -> int:
    """Return the number of the current native thread."""
    ident: int = original("_thread", "get_ident")()
    return ident


def native_queue() -> queue.SimpleQueue[Any]:
    """Return a queue between native threads. Waiting on it stops all greenlets of the thread."""
    simple_queue: queue.SimpleQueue[Any] = original("queue", "SimpleQueue")()
    return simple_queue


def native_lock() -> threading.Lock:
    """Return a lock between native threads, which greenlets of one thread do not share."""
    lock: threading.Lock = original("_thread", "allocate_lock")()
    return lock


def frame_finder() -> Callable[[], FrameType | None]:
    """Return a function with which other threads find the innermost frame of this thread or greenlet."""
    if are_greenlets():
        current = weakref.ref(import_module("greenlet").getcurrent())
        return lambda: getattr(current(), "gr_frame", None)
    ident = threading.get_ident()
    return lambda: sys._current_frames().get(ident)


# -- threads -----------------------------------------------------------------------------------


def start_native_thread(function: Callable[[], object], name: str) -> None:
    """Run a function in a native thread, for which the end of the process does not wait."""
    if not are_greenlets():
        threading.Thread(target=function, name=name, daemon=True).start()
        return

    def run() -> None:
        threading.current_thread().name = name
        function()

    original("_thread", "start_new_thread")(run, ())


def start_thread_from_handler(function: Callable[[], object]) -> None:
    """Run a function in a native thread, also where a signal has interrupted code that holds a lock.

    `threading` itself takes locks to start a thread. Raises RuntimeError if none can start.
    """
    original("_thread", "start_new_thread")(function, ())


def start_last_thread(function: Callable[[], object], name: str) -> bool:
    """Run a function in a thread, or greenlet, for whose end the process waits; return whether it runs."""
    if are_greenlets() and not import_module("gevent").get_hub().main_hub:
        return False  # nobody would run it once the main thread has ended
    threading.Thread(target=function, name=name, daemon=False).start()
    return True


def join_main_thread() -> None:
    """Wait until the main thread has ended."""
    threading.main_thread().join()


# -- mailboxes ---------------------------------------------------------------------------------


def mailbox() -> Any:
    """Return a queue on which a thread, or greenlet, waits for other threads.

    It has `put`, and `get` with a time-out in seconds, which raises `queue.Empty`.
    """
    return _Mailbox() if are_greenlets() else native_queue()


class _Mailbox:
    """A queue on which one greenlet at a time waits, and which any native thread fills."""

    __slots__ = ("_bell", "_items")

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._bell: Any = None  # of the hub of the greenlet that waits

    def put(self, item: Any) -> None:
        self._items.append(item)
        bell = self._bell
        if bell is not None:
            try:
                bell.send()
            except Exception:  # it has just been closed: nobody waits any more
                return

    def get(self, timeout: float | None = None) -> Any:
        items = self._items
        if not items:
            gevent = import_module("gevent")
            hub = gevent.get_hub()
            waiter = gevent.hub.Waiter(hub)
            bell = hub.loop.async_()
            bell.start(waiter.switch, None)
            self._bell = bell  # from here on a `put` rings; earlier items are seen below
            try:
                with gevent.Timeout(timeout, False):
                    while not items:
                        waiter.get()
                        waiter.clear()
            finally:
                self._bell = None
                bell.stop()
                bell.close()
        try:
            return items.popleft()
        except IndexError:
            raise queue.Empty from None
