"""A store in Redis or Valkey, for all machines that use the server.

In: a URL, a prefix for all keys, limits. Out: a Store, which raises StoreError within 0.25 s for any
failure. All that the guarantee depends on is in the server: the sequence, the epoch, the records of bumps,
the time. When a replica takes over, or a server was restarted, another epoch begins, because neither may know
of the last bumps.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from apiroutes.stores import redis_scripts as scripts
from apiroutes.stores.leases_held import HeldLeases
from apiroutes.stores.packed_entries import PackedEntry, pack, unpack
from apiroutes.stores.records import most_records
from apiroutes.stores.redis_connections import Connections, DamagedError
from apiroutes.stores.redis_script import Script
from apiroutes.stores.store import Entry, Lease, Mode, StoreError

__all__ = ["RedisStore"]

# For how many seconds the generation is trusted after the question for it, and how long a bump waits until
# nobody trusts the previous one. The difference is for clocks that do not run at the same speed.
_TRUST = 0.05
_WAIT = 0.06
# Seconds without a question about the generation, after one that had no reply.
_PAUSE = 1.0

_LEASE_LASTS = 10_000  # milliseconds
_RENEW_EVERY = 3.0
_LONGEST_LIFE = 10 * 366 * 86_400_000  # milliseconds
# Entries that one script forgets, and seconds for all.
_MOST_CLEARED, _TIME_TO_CLEAR = 5_000, 0.15

_MODES = {"expire": b"x", "stale": b"s"}


class RedisStore:
    """Keeps entries in a Redis or Valkey server, under keys that begin with a prefix.

    `url` is `redis://`, `rediss://` or `unix://`; Redis Cluster is not supported. `max_entries` is a count,
    also of names that are remembered as revalidated. `max_size` is in bytes, approximately. The least
    recently used entry goes first; a use is noted once a second. Raises ValueError for a URL that cannot be
    used. Nothing is connected before the first call.
    """

    def __init__(self, url: str, *, prefix: str, max_entries: int, max_size: int) -> None:
        self._connections = Connections(url, "the cache's Redis")
        self._prefix = f"{prefix}:".encode()
        self._max_entries = max_entries
        self._max_size = max_size
        # Until when a generation is trusted, and the generation: one attribute, so that both match.
        self._trusted: tuple[float, object] = (0.0, None)
        self._next_question = 0.0
        self._held: dict[int, HeldLeases] = {}  # by process: a child of a fork holds nothing

    def get(self, key: bytes) -> Entry | None:
        reply = self._run(scripts.GET, key)
        if reply is None:
            return None
        if not (isinstance(reply, list) and len(reply) == 3 and isinstance(reply[1], int)):
            raise self._connections.nonsense()
        packed, age, is_stale = reply
        entry = unpack(key, packed)
        if entry is None:
            self.remove(key)
            return None
        seconds = age / 1_000_000
        if seconds >= entry.fresh + entry.stale:
            return None
        return Entry(entry.content, entry.names, entry.fresh, entry.stale, seconds, is_stale == 1)

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        # The server decides when it is put.
        packed = pack(
            key, PackedEntry(entry.content, entry.names, entry.fresh, entry.stale, lease.sequence, 0.0)
        )
        names = _digests(entry.names)
        what = (lease.epoch, lease.sequence, names, packed, _life(entry), len(key) + len(names) + len(packed))
        return bool(self._run(scripts.PUT, key, *what, self._max_entries, self._max_size) == 1)

    def remove(self, key: bytes) -> None:
        self._run(scripts.REMOVE, key)

    def begin(self, key: bytes) -> Lease:
        epoch, sequence = self._moment(self._run(scripts.MOMENT, key))
        return Lease(key, sequence, epoch)

    def lease(
        self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False
    ) -> Lease | None:
        # While its owner lives, it is renewed: `seconds` make no difference.
        token = os.urandom(16)
        reply = self._run(scripts.LEASE, key, _digests(names), token, _LEASE_LASTS, int(at_once))
        if reply is None:
            return None
        epoch, sequence, *rest = self._moment(reply, 3)
        self._leases_of_process().add(token, key)
        return Lease(key, sequence, epoch, token, rest[0])

    def release(self, lease: Lease, retry_after: float | None = None) -> None:
        if not lease.token:
            return
        self._leases_of_process().discard(lease.token)
        pause = -1 if retry_after is None else math.ceil(retry_after * 1_000_000)
        self._run(
            scripts.RELEASE, lease.key, lease.token, lease.epoch, pause, most_records(self._max_entries)
        )

    def bump(self, name: str, mode: Mode) -> None:
        member = _MODES[mode] + _digests((name,))
        self._moment(self._run(scripts.BUMP, member, most_records(self._max_entries)))
        self._wait()

    def generation(self) -> object:
        until, generation = self._trusted
        return generation if time.monotonic() < until else self._ask()

    def known_generation(self) -> object:
        until, generation = self._trusted
        return generation if time.monotonic() < until else None

    def clear(self) -> None:
        end = time.monotonic() + _TIME_TO_CLEAR
        *_, left = self._moment(self._run(scripts.CLEAR, 1, _MOST_CLEARED), 3)
        # Whatever is left belongs to a past epoch, and goes as the least recently used.
        while left > 0 and time.monotonic() < end:
            *_, left = self._moment(self._run(scripts.CLEAR, 0, _MOST_CLEARED), 3)
        self._wait()

    def stats(self) -> dict[str, Any]:
        reply = self._run(scripts.STATS, b"")
        if not (isinstance(reply, list) and len(reply) == 4):
            raise self._connections.nonsense()
        entries, size, sequence, bumps = reply
        return {
            "store": "redis",
            "entries": entries,
            "size": size,
            "max_entries": self._max_entries,
            "max_size": self._max_size,
            "revalidations": sequence,
            "remembered_revalidations": bumps,
        }

    def close(self) -> None:
        held = self._held.pop(os.getpid(), None)
        if held is not None:
            held.close()
        self._connections.close()

    def _run(self, script: Script, *arguments: object) -> Any:
        # An epoch that begins here gets these bytes, so that it differs from all earlier ones.
        arguments = (os.urandom(16), *arguments)
        try:
            return self._connections.run(script, self._prefix, *arguments)
        except DamagedError:
            self._connections.run(scripts.RESET, self._prefix, *arguments)
            return self._connections.run(script, self._prefix, *arguments)

    def _moment(self, reply: Any, length: int = 2) -> list[Any]:
        is_moment = isinstance(reply, list) and len(reply) == length and isinstance(reply[0], bytes)
        if not is_moment or not all(isinstance(number, int) for number in reply[1:]):
            raise self._connections.nonsense()
        moment: list[Any] = reply
        return moment

    def _ask(self) -> object:
        """Ask for the generation, unless another thread does; return it while it is to be trusted."""
        sent = time.monotonic()
        if sent < self._next_question:
            return None
        self._next_question = sent + _TRUST
        try:
            epoch, sequence = self._moment(self._run(scripts.MOMENT, b""))
        except StoreError:
            self._next_question = time.monotonic() + _PAUSE
            return None
        if sent + _TRUST > self._trusted[0]:  # a reply may arrive after the reply to a later question
            self._trusted = (sent + _TRUST, (epoch, sequence))
        until, generation = self._trusted
        return generation if time.monotonic() < until else None

    def _wait(self) -> None:
        """Wait until no worker of any machine trusts the previous generation."""
        self._trusted, self._next_question = (0.0, None), 0.0
        time.sleep(_WAIT)

    def _leases_of_process(self) -> HeldLeases:
        process = os.getpid()
        held = self._held.get(process)
        if held is None:
            held = self._held.setdefault(process, HeldLeases(self._renew, _RENEW_EVERY))
        return held

    def _renew(self, keys: Mapping[bytes, bytes]) -> Iterable[bytes]:
        pairs = [part for token, key in keys.items() for part in (key, token)]
        lost: Iterable[bytes] = self._run(scripts.RENEW, _LEASE_LASTS, *pairs)
        return lost


def _digests(names: Iterable[str]) -> bytes:
    return b"".join(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest() for name in names)


def _life(entry: Entry) -> int:
    """Return the lifetime in milliseconds, or 0 if it has no end."""
    life = (entry.fresh + entry.stale) * 1000
    return 0 if life > _LONGEST_LIFE else max(1, math.ceil(life))
