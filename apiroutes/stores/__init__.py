"""What the response cache keeps, and rate limits count: in memory, in SQLite's file, or in Redis."""

from apiroutes.stores.counters import Counters, Use, Window
from apiroutes.stores.nothing import NothingStore
from apiroutes.stores.opening import open_counters, open_store, why_store_fails
from apiroutes.stores.store import Entry, Lease, Mode, Store, StoreError

__all__ = [
    "Counters",
    "Entry",
    "Lease",
    "Mode",
    "NothingStore",
    "Store",
    "StoreError",
    "Use",
    "Window",
    "open_counters",
    "open_store",
    "why_store_fails",
]
