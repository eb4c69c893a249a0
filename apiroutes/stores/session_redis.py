"""Sessions in Redis or Valkey, for all machines that use the server.

In: a URL, a prefix for all keys. Out: a SessionStore, which raises StoreError within 0.25 s for any
failure. Time is that of the server's clock. Each method is one round trip.

Whether a session outlives the server's restart depends on the server, and so does its end: a server that goes
back to an older snapshot, or a replica that takes over, may not know of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any

from apiroutes.stores import session_scripts as scripts
from apiroutes.stores.redis_connections import Connections, DamagedError
from apiroutes.stores.redis_script import Script
from apiroutes.stores.session_store import MOST_BYTES, Lifetime, SessionTooLarge, StoredSession
from apiroutes.stores.session_times import checked_size, note_step

__all__ = ["RedisSessionStore"]

_LONGEST_LIFE = 100 * 366 * 86_400_000  # milliseconds
# How many sessions one script removes at once.
_MOST_REMOVED = 10_000


class RedisSessionStore:
    """Keeps sessions in a Redis or Valkey server, under keys that begin with a prefix.

    `url` is `redis://`, `rediss://` or `unix://`; Redis Cluster is not supported. Raises ValueError for a URL
    that cannot be used. Nothing is connected before the first call.
    """

    def __init__(self, url: str, *, prefix: str) -> None:
        self._connections = Connections(url, "the sessions' Redis")
        self._prefix = f"{prefix}:".encode()

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        step = math.ceil(note_step(lifetime) * 1000)
        reply = self._run(scripts.LOAD, key, *_times(lifetime), step)
        if reply is None:
            return None
        try:
            kept = self._fields(reply)
            values = {_text(field[1:]): content for field, content in kept.items() if field[:1] == b"="}
            owner = _text(kept[b"owner"]) if b"owner" in kept else None
        except ValueError:
            raise self._connections.nonsense() from None
        return StoredSession(values, self._moment(kept.get(b"begun")), owner)

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        size, fields = checked_size(values), _fields_of(values)
        reply = self._run(scripts.BEGIN, key, *_times(lifetime), *_named(owner), size, *fields, owner=owner)
        return self._moment(reply)

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        gone, fields = [_field(name) for name in {*removed}.difference(changed)], _fields_of(changed)
        reply = self._run(scripts.MERGE, key, *_times(lifetime), MOST_BYTES, len(gone), *gone, *fields)
        if reply == -1:
            raise SessionTooLarge
        return self._is_done(reply)

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        reply = self._run(scripts.RENAME, key, *_times(lifetime), *_named(owner), new_key, owner=owner)
        return self._is_done(reply)

    def end(self, key: bytes) -> None:
        if not self._is_done(self._run(scripts.END, key)):
            raise self._connections.nonsense()

    def end_all(self, owner: str) -> int:
        reply = self._run(scripts.END_ALL, b"", _digest(owner), _MOST_REMOVED, owner=owner)
        if not isinstance(reply, int) or reply < 0:
            raise self._connections.nonsense()
        return reply

    def close(self) -> None:
        self._connections.close()

    def _run(self, script: Script, key: bytes, *arguments: object, owner: str | None = None) -> Any:
        try:
            return self._connections.run(script, self._prefix, key, *arguments)
        except DamagedError:
            digest = b"" if owner is None else _digest(owner)
            self._connections.run(scripts.RESET, self._prefix, key, digest)
            return self._connections.run(script, self._prefix, key, *arguments)

    def _fields(self, reply: Any) -> dict[bytes, bytes]:
        """Return a hash. Raises ValueError for any other reply."""
        if not (isinstance(reply, list) and all(isinstance(part, bytes) for part in reply)):
            raise self._connections.nonsense()
        return dict(zip(reply[::2], reply[1::2], strict=True))

    def _moment(self, reply: Any) -> float:
        """Return seconds since the epoch."""
        if not (isinstance(reply, bytes) and reply.isdigit()):
            raise self._connections.nonsense()
        return int(reply) / 1000

    def _is_done(self, reply: Any) -> bool:
        if reply not in (0, 1):
            raise self._connections.nonsense()
        return bool(reply == 1)


def _times(lifetime: Lifetime) -> tuple[int, int]:
    """Return a lifetime in milliseconds; -1 for no idle time."""
    idle = -1 if lifetime.idle is None else _milliseconds(lifetime.idle)
    return _milliseconds(lifetime.whole), idle


def _milliseconds(seconds: float) -> int:
    return math.ceil(min(seconds * 1000, _LONGEST_LIFE))


def _named(owner: str | None) -> tuple[bytes, bytes]:
    """Return what represents an owner in the name of a key, and the owner; both empty without an owner."""
    return (b"", b"") if owner is None else (_digest(owner), owner.encode("utf-8", "surrogatepass"))


def _digest(owner: str) -> bytes:
    return blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _fields_of(values: Mapping[str, bytes]) -> list[bytes]:
    return [part for name, value in values.items() for part in (_field(name), value)]


def _field(name: str) -> bytes:
    return b"=" + name.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
