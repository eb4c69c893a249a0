"""The values of a session as bytes: MessagePack, after the version of this format and a checksum.

In: values by name, as bytes. Out: bytes; and the same again from bytes that nobody has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import msgspec

__all__ = ["pack_values", "unpack_values"]

_VERSION = b"\x01"
_SIZE_OF_CHECKSUM = 4
_HEAD = len(_VERSION) + _SIZE_OF_CHECKSUM

_encode = msgspec.msgpack.Encoder().encode
# Names are bytes here: some strings that JSON can contain are not valid UTF-8.
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode


def pack_values(values: Mapping[str, bytes]) -> bytes:
    """Return values as bytes."""
    packed = _encode({name.encode("utf-8", "surrogatepass"): value for name, value in values.items()})
    return b"".join((_VERSION, _checksum(packed), packed))


def unpack_values(packed: object) -> dict[str, bytes] | None:
    """Return the values of `pack_values`; None for other bytes."""
    if not isinstance(packed, bytes) or packed[:1] != _VERSION:
        return None
    data = packed[_HEAD:]
    if packed[1:_HEAD] != _checksum(data):
        return None
    try:
        return {name.decode("utf-8", "surrogatepass"): value for name, value in _decode(data).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _checksum(data: bytes) -> bytes:
    return crc32(data).to_bytes(_SIZE_OF_CHECKSUM, "big")
