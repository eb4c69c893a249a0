"""The cache of an App: its store, the hot part of it, and the computations of this process.

In: a function that opens a store, the routes and settings. Out: what requests, functions and revalidations
use.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from apiroutes.after_response import WorkPool
from apiroutes.cache.flight import Flight
from apiroutes.cache.hot import HotMemory
from apiroutes.routing import RouteTree
from apiroutes.stores import Store

__all__ = ["Cache"]

# How many threads answer if nobody says.
_THREADS = 16
_OPENED = ("store", "hot", "flight")


class Cache:
    """What an App's requests have in common; `store` never waits long, and raises only StoreError.

    The store is opened once, when it is first used, because most projects cache nothing. `release` changes
    with each deploy: nothing that another release has stored is served. `hot_size` is in bytes,
    `lock_timeout` in seconds; `threads` is how many answer. Every path begins with `base_path`.
    """

    store: Store
    hot: HotMemory
    flight: Flight

    def __init__(
        self,
        open_store: Callable[[], Store],
        routes: RouteTree,
        release: str,
        *,
        hot_size: int,
        lock_timeout: float,
        threads: int | None = None,
        base_path: str = "",
    ) -> None:
        self.routes = routes
        self.release = release
        self.base_path = base_path
        self._open_store = open_store
        self._hot_size = hot_size
        self._lock_timeout = lock_timeout
        self._threads = threads or _THREADS
        self._are_set = threads is not None
        self._opening = threading.Lock()
        self.work_pool: WorkPool | None = None  # of the App, where the project has `after`

    def __getattr__(self, name: str) -> Any:
        """Open the store; from then on its attributes are found without this function."""
        if name not in _OPENED:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        with self._opening:
            if name not in vars(self):
                store = self._open_store()
                self.hot = HotMemory(self._hot_size, store)
                self.flight = Flight(store, self._lock_timeout, self._threads)
                self.store = store
        return vars(self)[name]

    def serve_with(self, threads: int) -> None:
        """Note how many threads of a server answer, unless the project's settings do."""
        if not self._are_set:
            self._threads = threads
            if "flight" in vars(self):
                self.flight.limit_waiting(threads)

    def clear(self) -> None:
        """Forget everything, if the store was ever used. Raises StoreError."""
        if "store" in vars(self):
            self.store.clear()
