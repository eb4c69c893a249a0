"""Where the response cache keeps what it has: in memory, in SQLite's file, or in Redis."""

from apiroutes.stores.nothing import NothingStore
from apiroutes.stores.opening import open_store, why_store_fails
from apiroutes.stores.session_store import Lifetime
from apiroutes.stores.store import Entry, Lease, Mode, Store, StoreError

__all__ = [
    "Entry",
    "Lease",
    "Lifetime",
    "Mode",
    "NothingStore",
    "Store",
    "StoreError",
    "open_store",
    "why_store_fails",
]
