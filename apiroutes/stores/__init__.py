"""What the response cache and sessions keep, and rate limits count: in memory, in SQLite, or in Redis."""

from apiroutes.stores.counters import Counters, Use, Window
from apiroutes.stores.nothing import NothingStore
from apiroutes.stores.opening import open_counters, open_store, why_counters_fail, why_store_fails
from apiroutes.stores.session_opening import open_session_store, why_sessions_fail
from apiroutes.stores.session_store import Lifetime, SessionStore, StoredSession
from apiroutes.stores.store import Entry, Lease, Mode, Store, StoreError

__all__ = [
    "Counters",
    "Entry",
    "Lease",
    "Lifetime",
    "Mode",
    "NothingStore",
    "SessionStore",
    "Store",
    "StoreError",
    "StoredSession",
    "Use",
    "Window",
    "open_counters",
    "open_session_store",
    "open_store",
    "why_counters_fail",
    "why_sessions_fail",
    "why_store_fails",
]
