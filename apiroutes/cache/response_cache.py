"""The cache of an App: its store, what is hot of it, and the computations of this process.

In: a store, the project's routes and settings. Out: what requests, functions and revalidations use.
"""

from __future__ import annotations

from apiroutes.after_response import WorkPool
from apiroutes.cache.flight import Flight
from apiroutes.cache.hot import HotMemory
from apiroutes.routing import RouteTree
from apiroutes.stores import Store

__all__ = ["Cache"]

# How many threads answer where nobody says so.
_THREADS = 8


class Cache:
    """What an App's requests have in common; `store` never waits long, and raises StoreError alone.

    `release` is what a deploy changes: nothing that another release has stored is served. `hot_size` is in
    bytes, `lock_timeout` in seconds; `threads` is how many answer. Every path begins with `base_path`.
    """

    def __init__(
        self,
        store: Store,
        routes: RouteTree,
        release: str,
        *,
        hot_size: int,
        lock_timeout: float,
        threads: int | None = None,
        base_path: str = "",
    ) -> None:
        self.store = store
        self.routes = routes
        self.release = release
        self.base_path = base_path
        self.hot = HotMemory(hot_size, store)
        self.work_pool: WorkPool | None = None  # of the App, where the project has `after`
        self.flight = Flight(store, lock_timeout, threads or _THREADS)
