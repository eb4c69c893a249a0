"""What a store of the response cache does, whatever keeps its entries. It knows no HTTP.

In: keys and entries, as bytes; names that revalidate them. Out: entries that no later revalidation of one of
their names has ended. A store raises StoreError, within 0.25 s, if it cannot do what it was asked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from apiroutes.structs import Struct

__all__ = ["Entry", "Lease", "Mode", "Store", "StoreError"]

# "expire": nothing made before is served any more. "stale": it is served while a new one is made.
Mode = Literal["expire", "stale"]


class StoreError(Exception):
    """A store could not do what it was asked to: it is slow, gone, full, locked, or broken."""


class Entry(Struct, frozen=True):
    """What is stored under a key.

    `fresh` and `stale` are in seconds from the moment it is put: it is fresh for so long, and may be served
    for so much longer while a new one is made; `math.inf` means until it is revalidated. A bump of any of its
    `names` revalidates it. The store sets the rest in what `get` returns: its `age` in seconds, and whether a
    bump with the mode "stale" has come since.
    """

    content: bytes
    names: tuple[str, ...]
    fresh: float
    stale: float = 0.0
    age: float = 0.0
    is_revalidated: bool = False


class Lease(Struct, frozen=True):
    """The right to compute the entry of a key, or without a `token` only the moment it began.

    `sequence` and `epoch` are the store's at that moment. `failures` counts the computations of this key
    that have failed in a row.
    """

    key: bytes
    sequence: int
    epoch: bytes
    token: bytes = b""
    failures: int = 0


class Store(Protocol):
    """Keeps entries for one worker, one machine or several. Any thread may call its methods."""

    def get(self, key: bytes) -> Entry | None:
        """Return the entry under a key.

        None if there is none, if it is past `fresh` and `stale`, if a bump with the mode "expire" of one of
        its names came after the lease with which it was put, or if it is damaged or of another epoch.
        """
        ...

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        """Keep an entry that was computed under a lease, or after `begin`; return whether it is kept.

        It is not if one of its names was bumped, in either mode, after the lease was given, or if the lease
        is of another epoch. The lease itself stays: it may have been taken over by then.
        """
        ...

    def remove(self, key: bytes) -> None:
        """Forget the entry under a key, if there is one."""
        ...

    def begin(self, key: bytes) -> Lease:
        """Return the moment at which a computation begins that nobody waits for."""
        ...

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        """Give the one lease on a key; return None while somebody else has it, or during `retry_after`.

        With `at_once`, `retry_after` makes no difference.

        It ends by `release`, with its owner's process, and with a later bump of one of `names`: then another
        is given. A live owner keeps it for `seconds`, or longer if the store can tell that it is alive.
        """
        ...

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        """Give a lease back, unless somebody else has taken it over.

        With `retry_after`, in seconds, the computation has failed: nobody else gets the lease before that
        time has passed, and the next lease counts one more failure. `put` under a key ends the count.
        """
        ...

    def bump(self, name: str, mode: Mode) -> None:
        """Revalidate all entries with a name: once it has returned, nobody gets one that was put before.

        The same holds for computations that began before. Raises StoreError if it cannot promise that.
        """
        ...

    def generation(self) -> object:
        """Return what stays equal while nothing is bumped or cleared; None if that is unknown.

        It is called at every hit from a worker's own memory, and must cost next to nothing.
        """
        ...

    def known_generation(self) -> object:
        """Return the generation if it is known without asking another machine, otherwise None.

        It is for event loops, which may not wait for another machine.
        """
        ...

    def clear(self) -> None:
        """Forget everything, with the effect of a bump of all names."""
        ...

    def stats(self) -> dict[str, Any]:
        """Return the number of `entries`, their `size` in bytes, and other figures of the store."""
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...
