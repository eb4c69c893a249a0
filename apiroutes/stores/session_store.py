"""What a store of sessions does, whatever keeps them. It knows no HTTP, and not what is in a session.

In: keys, which are digests of what clients have, and values by name, as bytes. Out: sessions that have not
ended. A store raises StoreError, within 0.25 s, where it cannot do what it was asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from apiroutes.structs import Struct

__all__ = ["Lifetime", "SessionStore", "StoredSession"]


class Lifetime(Struct, frozen=True):
    """How long a session lasts, in seconds: from its beginning, and without a request that reads it."""

    whole: float
    idle: float | None = None


class StoredSession(Struct, frozen=True):
    """A session as it is kept. `begun` is in seconds since the epoch, `owner` who is signed in with it."""

    values: Mapping[str, bytes]
    begun: float
    owner: str | None = None


class SessionStore(Protocol):
    """Keeps sessions for the workers of one machine, or of several. Any thread may call its methods.

    Time goes by the wall clock, or by the store's own: a session outlives the machine's restart, unless the
    store is one process's memory.
    """

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        """Return the session under a key, which counts as used now; None if there is none, or it has ended.

        That it was used is noted when a tenth of its idle time has passed since the last note, at least a
        second, and never without an idle time: most reads write nothing.
        """
        ...

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        """Keep a new session under a key that nobody has; return when it has begun."""
        ...

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        """Write some values of a session and remove others, whatever other requests do with the rest.

        False if there is none any more: nothing is written then, as a session that has ended stays so.
        """
        ...

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        """Move a session to a new key, and with an `owner` to another one; the old key has none any more.

        Its life begins anew. False if there is none any more.
        """
        ...

    def end(self, key: bytes) -> None:
        """End the session under a key, if there is one."""
        ...

    def end_all(self, owner: str) -> int:
        """End every session of an owner, of which there may be many; return how many there were.

        Once it has returned, no worker loads one of them.
        """
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
