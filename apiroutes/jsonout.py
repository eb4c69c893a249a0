"""Values to JSON text, for `res.json` and returned values.

In: what handlers send. Out: compact UTF-8 bytes. Raises TypeError, ValueError or
RecursionError for what JSON has no word for; never half a document.
"""

from __future__ import annotations

from collections import abc
from typing import Any

import msgspec

__all__ = ["encode_json"]


def _as_plain(value: Any) -> Any:
    """What the encoder asks for when it does not know a type; pydantic is never imported."""
    dump = getattr(type(value), "model_dump", None)
    if dump is not None:
        return dump(value, mode="json")
    for plain in (str, int, float):  # subclasses, which the encoder leaves to us
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, abc.Mapping):
        return dict(value)
    if isinstance(value, (abc.Sequence, abc.Set, abc.ValuesView)):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


# Knows datetime, UUID, Decimal, Enum, set, dataclasses, attrs and Structs; NaN is null.
encode_json = msgspec.json.Encoder(enc_hook=_as_plain).encode
