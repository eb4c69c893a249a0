"""A store that keeps nothing, for a project that turns its cache off: every request computes its own answer.

In: keys and entries. Out: no entries. It never raises StoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiroutes.stores.store import Entry, Lease, Mode

__all__ = ["NothingStore"]


class NothingStore:
    """Keeps nothing. Everybody gets a lease, so nobody waits for another computation."""

    def get(self, key: bytes) -> Entry | None:
        return None

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        return False

    def remove(self, key: bytes) -> None:
        """Do nothing."""

    def begin(self, key: bytes) -> Lease:
        return Lease(key, 0, b"")

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        return Lease(key, 0, b"")

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        """Do nothing."""

    def bump(self, name: str, mode: Mode) -> None:
        """Do nothing: nothing is served that was computed before."""

    def generation(self) -> object:
        return None

    def known_generation(self) -> object:
        return None

    def clear(self) -> None:
        """Do nothing."""

    def stats(self) -> dict[str, Any]:
        return {"store": "none", "entries": 0, "size": 0}

    def close(self) -> None:
        """Do nothing."""
