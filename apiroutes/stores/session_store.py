"""What a store of sessions does, whatever keeps them. It knows neither HTTP nor what is in a session.

In: keys, which are digests of what clients have, and values by name, as bytes. Out: sessions that have not
ended. A store raises StoreError, within 0.25 s, if it cannot do what it was asked to, and SessionTooLarge for
a session that it does not keep.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from apiroutes.structs import Struct

__all__ = ["MOST_BYTES", "Lifetime", "SessionStore", "SessionTooLarge", "StoredSession"]

# For all values of a session, with their names.
MOST_BYTES = 1024 * 1024


class SessionTooLarge(Exception):
    """The values of a session, with their names in UTF-8, would take more than MOST_BYTES."""

    def __init__(self, size: int | None = None) -> None:
        found = "" if size is None else f", not {size:,} bytes"
        super().__init__(
            f"A session holds values of 1 MiB at most{found}: keep the rest elsewhere, and in the session "
            "only what finds it"
        )


class Lifetime(Struct, frozen=True):
    """How long a session lasts, in seconds: from its beginning, and without a request that reads it.

    A session has the lifetime with which it was begun or last renamed, but ends earlier if a later call names
    a shorter one. Its `idle` time is that of the last call.
    """

    whole: float
    idle: float | None = None


class StoredSession(Struct, frozen=True):
    """A session as it is stored. `begun` is in seconds since the epoch, `owner` who is signed in with it."""

    values: Mapping[str, bytes]
    begun: float
    owner: str | None = None


class SessionStore(Protocol):
    """Keeps sessions for the workers of one machine, or of several. Any thread may call its methods.

    Time is the wall clock's, or the store's own: a session outlives the machine's restart, unless the store
    is one process's memory. If that clock is set back by some seconds, a session lasts at most that much
    longer, however often it is set forward and back again; if it is set forward, that much shorter.

    Each method is one atomic step, before or after the steps of others. Names of values and owners are any
    strings.
    """

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        """Return the session under a key, which counts as used now; None if there is none, or it has ended.

        A use is noted when a tenth of the idle time has passed since the last note, at least a second (but
        half of a shorter idle time), and never without an idle time: most reads write nothing. So a session
        may end that much earlier than its idle time after the last request. If a note cannot be written, one
        of the next reads writes it.
        """
        ...

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        """Keep a new session under a key that nobody has; return when it has begun.

        Raises SessionTooLarge.
        """
        ...

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        """Write some values of a session and remove others, whatever other requests do with the rest.

        It counts as used now. A name that is in both is written. False if the session no longer exists: then
        nothing is written, because a session that has ended does not come back. Raises SessionTooLarge, with
        nothing written, if all values together would be too large.
        """
        ...

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        """Move a session to a new key that nobody has, and with an `owner` to another one.

        The old key no longer has it. Its lifetime starts again. False if the session no longer exists.
        """
        ...

    def end(self, key: bytes) -> None:
        """End the session under a key, if there is one."""
        ...

    def end_all(self, owner: str) -> int:
        """End every session of an owner, of which there may be many; return how many there were.

        Once it has returned, no worker loads one of them. A session that is begun, or renamed to this owner,
        at the same time is either one of them, or comes entirely after the call.
        """
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...
