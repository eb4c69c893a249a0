"""Entries as bytes: MessagePack, after the version of this format and a checksum.

In: entries, with when and under which lease they were put. Out: bytes; and the same again from bytes that
nobody has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import msgspec

from apiroutes.structs import Struct

__all__ = ["PackedEntry", "pack", "pack_names", "unpack", "unpack_names"]

_VERSION = b"\x01"
_SIZE_OF_CHECKSUM = 4
_HEAD = len(_VERSION) + _SIZE_OF_CHECKSUM


class PackedEntry(Struct, frozen=True, array_like=True):
    """What is stored of an entry; `sequence` is its lease's, and `time` is when it was put."""

    content: bytes
    names: tuple[str, ...]
    fresh: float
    stale: float
    sequence: int
    time: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PackedEntry).decode


def pack(key: bytes, entry: PackedEntry) -> bytes:
    """Return an entry as bytes that belong to its key."""
    packed = _encode(entry)
    return b"".join((_VERSION, _checksum(key, packed), packed))


def unpack(key: bytes, packed: object) -> PackedEntry | None:
    """Return the entry of `pack`; None for other bytes, or bytes made for another key."""
    if not isinstance(packed, bytes) or packed[:1] != _VERSION:
        return None
    data = packed[_HEAD:]
    if packed[1:_HEAD] != _checksum(key, data):
        return None
    try:
        return _decode(data)
    except msgspec.MsgspecError:
        return None


def pack_names(names: Iterable[str]) -> bytes:
    """Return names as bytes."""
    return _encode([*names])


def unpack_names(packed: bytes) -> list[str]:
    """Return the names of `pack_names`. Raises ValueError."""
    try:
        return msgspec.msgpack.decode(packed, type=list[str])
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def _checksum(key: bytes, data: bytes) -> bytes:
    return crc32(data, crc32(key)).to_bytes(_SIZE_OF_CHECKSUM, "big")
