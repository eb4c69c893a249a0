"""The stores of the sessions of each App: one for all steps that keep them in the same place.

In: the project's directory and settings. Out: a store.
"""

from __future__ import annotations

import logging
import weakref
from pathlib import Path

from apiroutes.settings import Settings, StoreURL
from apiroutes.stores import SessionStore, open_session_store, why_sessions_fail

__all__ = ["OpenedSessions", "forget_sessions", "sessions_at"]

_log = logging.getLogger("apiroutes")

_MEMORY = "memory"


class OpenedSessions:
    """The sessions of one App in one place. `is_memory`: whether they are this process's own."""

    def __init__(self, store: SessionStore, is_memory: bool, settings: Settings) -> None:
        self.store = store
        self.is_memory = is_memory
        self._settings = settings  # so that their id is not reused


_opened: weakref.WeakValueDictionary[tuple[int, Path, str | StoreURL], OpenedSessions] = (
    weakref.WeakValueDictionary()
)


def sessions_at(place: str | StoreURL, root: Path, settings: Settings) -> OpenedSessions:
    """Return the sessions of an App at a place, which are in memory if the App is being tested."""
    key = id(settings), root, place
    opened = _opened.get(key)
    if opened is None:
        name = place if isinstance(place, str) else place.reveal()
        is_memory = settings.testing or name == _MEMORY
        name = _MEMORY if is_memory else name
        store = open_session_store(name, root, prefix=f"{settings.cache_prefix}:sessions")
        reason = why_sessions_fail(name, root)
        if reason is not None:
            # Record: The file of sessions cannot be written; requests that use a session get a 503.
            _log.warning("sessions cannot be kept: %s. Make it writable, or choose another `store`.", reason)
        opened = _opened[key] = OpenedSessions(store, is_memory, settings)
    return opened


def forget_sessions(root: Path) -> None:
    """Forget the sessions that Apps of the project in a directory keep in memory."""
    for (_, of_root, _), opened in [*_opened.items()]:
        if of_root == root and opened.is_memory:
            opened.store.close()
