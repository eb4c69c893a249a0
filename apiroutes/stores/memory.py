"""A store in the memory of one process, which knows nothing of what other processes do.

In: limits. Out: a Store that never raises StoreError. After a fork the child has an empty one, of another
epoch.
"""

from __future__ import annotations

import os
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

from apiroutes.stores.clock import now
from apiroutes.stores.records import PART_TO_PRUNE, most_records, record_of
from apiroutes.stores.store import Entry, Lease, Mode
from apiroutes.structs import Struct, replace
from apiroutes.threads import native_threads

__all__ = ["MemoryStore"]

# Bytes that an entry takes besides its content, its key and its names, and that a name takes besides its
# text.
_SIZE_OF_ENTRY, _SIZE_OF_NAME = 500, 60


class MemoryStore:
    """Keeps entries in this process, for all of its threads.

    `max_entries` is a count, and `max_size` is in bytes, approximately. The least recently used entry goes
    first.
    """

    def __init__(self, *, max_entries: int, max_size: int) -> None:
        self._max_entries = max_entries
        self._max_size = max_size
        self._max_records = most_records(max_entries)
        self._contents = _Contents()

    def get(self, key: bytes) -> Entry | None:
        contents = self._current()
        with contents.lock:
            kept = contents.entries.get(key)
            if kept is None:
                return None
            entry, age = kept.entry, now() - kept.time
            if age >= entry.fresh + entry.stale or contents.bumped(entry.names, "expire") > kept.sequence:
                contents.drop(key)
                return None
            contents.entries.move_to_end(key)
            is_revalidated = contents.bumped(entry.names, "stale") > kept.sequence
        return replace(entry, age=age, is_revalidated=is_revalidated)

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        contents = self._current()
        size = _size_of(key, entry)
        if size > self._max_size or self._max_entries < 1:
            return False
        with contents.lock:
            if lease.epoch != contents.epoch or contents.has_bumped(entry.names, lease.sequence):
                return False
            contents.drop(key)
            contents.entries[key] = _Kept(entry, lease.sequence, now(), size)
            contents.size += size
            contents.failures.pop(key, None)
            while len(contents.entries) > self._max_entries or contents.size > self._max_size:
                contents.drop(next(iter(contents.entries)))
        return True

    def remove(self, key: bytes) -> None:
        contents = self._current()
        with contents.lock:
            contents.drop(key)

    def begin(self, key: bytes) -> Lease:
        contents = self._current()
        with contents.lock:
            return Lease(key, contents.sequence, contents.epoch)

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        # Its owner is in this process, and alive: `seconds` makes no difference.
        contents = self._current()
        with contents.lock:
            held = contents.leases.get(key)
            if held is not None and not contents.has_bumped(held.names, held.lease.sequence):
                return None
            failure = contents.failures.get(key)
            if failure is not None and not at_once and now() < failure.retry_at:
                return None
            failures = 0 if failure is None else failure.count
            lease = Lease(key, contents.sequence, contents.epoch, secrets.token_bytes(16), failures)
            contents.leases.pop(key, None)
            contents.leases[key] = _Held(lease, tuple(names))
            if len(contents.leases) > self._max_records:  # the holder of the oldest one has lost it
                del contents.leases[next(iter(contents.leases))]
        return lease

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        contents = self._current()
        with contents.lock:
            held = contents.leases.get(lease.key)
            if held is None or held.lease.token != lease.token:
                return
            del contents.leases[lease.key]
            if retry_after is not None:
                failures = contents.failures
                failures[lease.key] = _Failure(lease.failures + 1, now() + retry_after)
                failures.move_to_end(lease.key)
                if len(failures) > self._max_records:
                    failures.popitem(last=False)

    def bump(self, name: str, mode: Mode) -> None:
        contents = self._current()
        with contents.lock:
            contents.bump(name, mode)
            if len(contents.bumps) > self._max_records:
                contents.prune()

    def generation(self) -> object:
        return self._current().generation

    def known_generation(self) -> object:
        return self.generation()

    def clear(self) -> None:
        contents = self._current()
        with contents.lock:
            contents.clear()

    def stats(self) -> dict[str, Any]:
        contents = self._current()
        with contents.lock:
            return {
                "store": "memory",
                "entries": len(contents.entries),
                "size": contents.size,
                "max_entries": self._max_entries,
                "max_size": self._max_size,
                "revalidations": contents.sequence,
                "revalidated_names": len(contents.bumps),
                "leases": len(contents.leases),
            }

    def close(self) -> None:
        self._contents = _Contents()

    def _current(self) -> _Contents:
        contents = self._contents
        if contents.process != os.getpid():  # another thread of the parent may have had the lock
            contents = self._contents = _Contents()
        return contents


class _Kept(Struct, frozen=True):
    entry: Entry
    sequence: int
    time: float
    size: int


class _Held(Struct, frozen=True):
    lease: Lease
    names: tuple[str, ...]


class _Failure(Struct, frozen=True):
    count: int
    retry_at: float


class _Contents:
    """What one process keeps. All of it is read and changed under the lock, which is held for microseconds.

    The lock is a native one: under gevent too a store may be used by several native threads, and nothing
    under the lock lets another greenlet run.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = native_threads.native_lock()
        self.epoch = secrets.token_bytes(16)
        self.generation = object()
        self.sequence = 0
        self.floor = 0  # what began before it counts as revalidated
        self.bumps: dict[bytes, dict[Mode, int]] = {}  # in the order of the last bump
        self.entries: OrderedDict[bytes, _Kept] = OrderedDict()  # the least recently used one first
        self.size = 0
        self.leases: dict[bytes, _Held] = {}
        self.failures: OrderedDict[bytes, _Failure] = OrderedDict()

    def bumped(self, names: Iterable[str], mode: Mode) -> int:
        """Return the sequence of the last bump of one of the names with a mode."""
        bumps = self.bumps
        last = self.floor if mode == "expire" else 0
        for name in names:
            of_name = bumps.get(record_of(name))
            if of_name is not None:
                last = max(last, of_name.get(mode, 0))
        return last

    def has_bumped(self, names: Sequence[str], sequence: int) -> bool:
        """Return whether one of the names was bumped, in either mode, after a moment."""
        return self.bumped(names, "expire") > sequence or self.bumped(names, "stale") > sequence

    def drop(self, key: bytes) -> None:
        kept = self.entries.pop(key, None)
        if kept is not None:
            self.size -= kept.size

    def bump(self, name: str, mode: Mode) -> None:
        self.sequence += 1
        record = record_of(name)
        self.bumps[record] = {**self.bumps.pop(record, {}), mode: self.sequence}
        self.generation = object()

    def prune(self) -> None:
        """Forget the bumps that are older than all entries, and then the oldest ones.

        The entries that need the latter are dropped with them.
        """
        kept = [kept.sequence for kept in self.entries.values()]
        least = min(kept + [held.lease.sequence for held in self.leases.values()], default=0)
        records = [*self.bumps]
        last = [max(modes.values()) for modes in self.bumps.values()]
        needed = sum(sequence > least for sequence in last)
        count = len(records) - min(needed, len(records) - len(records) // PART_TO_PRUNE - 1)
        for record in records[:count]:
            del self.bumps[record]
        self.floor = max(self.floor, last[count - 1])
        for key in [key for key, kept in self.entries.items() if kept.sequence < self.floor]:
            self.drop(key)

    def clear(self) -> None:
        self.sequence += 1
        self.floor = self.sequence
        self.generation = object()
        self.bumps.clear()
        self.entries.clear()
        self.size = 0
        self.leases.clear()
        self.failures.clear()


def _size_of(key: bytes, entry: Entry) -> int:
    return (
        _SIZE_OF_ENTRY
        + len(key)
        + len(entry.content)
        + sum(_SIZE_OF_NAME + len(name) for name in entry.names)
    )
