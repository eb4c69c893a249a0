"""Locks for `logging` that greenlets share with native threads.

In: nothing. Out: handlers, and the module `logging` itself, with locks that work under gevent.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from apiroutes.threads import native_threads

__all__ = ["share_logging"]


class _SharedLock:
    """A reentrant lock for greenlets of several native threads.

    gevent's own lock wakes greenlets of one thread. Between threads it forgets some, which then wait
    for a lock that nobody holds. So a greenlet waits for the others of its thread on one of gevent's,
    and for the other threads on a native one, which stops its thread for as long as they hold it.
    """

    def __init__(self) -> None:
        self._at_fork_reinit()

    def _at_fork_reinit(self) -> None:  # which `logging` calls
        self._of_threads: dict[int, Any] = {}  # by the number of the native thread
        self._native = native_threads.original("_thread", "RLock")()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        ident = native_threads.native_ident()
        own = self._of_threads.get(ident)
        if own is None:
            own = self._of_threads.setdefault(ident, import_module("gevent.lock").RLock())
        if not own.acquire(blocking, None if timeout < 0 else timeout):
            return False
        is_taken = False
        try:
            is_taken = bool(self._native.acquire(blocking, timeout))
        finally:
            if not is_taken:
                own.release()
        return is_taken

    def release(self) -> None:
        self._native.release()
        self._of_threads[native_threads.native_ident()].release()

    __enter__ = acquire

    def __exit__(self, *exc_info: object) -> None:
        self.release()


def share_logging() -> None:
    """Give `logging` locks that the threads of an event loop can share with greenlets."""
    if not native_threads.are_greenlets():
        return
    if logging.Handler.createLock is not _create_lock:
        logging.Handler.createLock = _create_lock  # type: ignore[method-assign, assignment]
    for handler in [reference() for reference in logging._handlerList]:  # type: ignore[attr-defined]
        if handler is not None:
            _replace_lock(handler, "lock")
    _replace_lock(logging, "_lock")


_create_native_lock = logging.Handler.createLock


def _create_lock(handler: logging.Handler) -> None:
    _create_native_lock(handler)  # which also remembers the handler for a fork
    if native_threads.are_greenlets():
        _replace_lock(handler, "lock")


def _replace_lock(owner: Any, name: str) -> None:
    lock = getattr(owner, name, None)
    if lock is None or isinstance(lock, _SharedLock) or not lock.acquire(blocking=False):
        return
    setattr(owner, name, _SharedLock())
    lock.release()
