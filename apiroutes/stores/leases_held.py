"""The leases that this process holds, renewed while it lives.

In: leases that expire unless they are renewed. Out: one thread, while there are any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from apiroutes.stores.store import StoreError
from apiroutes.threads import native_threads

__all__ = ["HeldLeases"]


class HeldLeases:
    """What one process holds. `renew` gets the keys by their tokens, and returns the tokens that are lost.

    The thread is a native one, also under gevent, where a handler may stop all greenlets for a while.
    """

    def __init__(self, renew: Callable[[Mapping[bytes, bytes]], Iterable[bytes]], every: float) -> None:
        self._renew = renew
        self._every = every
        self._keys: dict[bytes, bytes] = {}
        self._has_thread = False
        # Held only for a moment, so that no greenlet waits for another one of its thread.
        self._lock = native_threads.native_lock()
        self._end = native_threads.native_lock()  # released to end the thread
        self._end.acquire()

    def add(self, token: bytes, key: bytes) -> None:
        with self._lock:
            self._keys[token] = key
            needs_thread, self._has_thread = not self._has_thread, True
        if needs_thread:
            try:
                native_threads.start_native_thread(self._run, "apiroutes-leases")
            except RuntimeError:  # no thread can start: the lease ends early, which does not harm its owner
                self._has_thread = False

    def discard(self, token: bytes) -> None:
        with self._lock:
            self._keys.pop(token, None)

    def close(self) -> None:
        """Stop renewing."""
        with self._lock:
            self._keys.clear()
            if self._end.locked() and self._has_thread:
                self._end.release()

    def _run(self) -> None:
        while True:
            self._end.acquire(timeout=self._every)
            with self._lock:
                keys = dict(self._keys)
                if not keys:
                    self._end.acquire(blocking=False)
                    self._has_thread = False
                    return
            try:
                lost = [*self._renew(keys)]
            except StoreError:  # it may work the next time, before they have ended
                continue
            for token in lost:
                self.discard(token)
