"""Values to JSON text, for `res.json` and returned values.

In: what handlers send. Out: compact UTF-8 bytes. Raises TypeError, ValueError or
RecursionError for what JSON has no word for; never half a document.

The encoder knows datetime, UUID, Decimal, Enum, set, dataclasses, attrs and Structs, and asks for
everything else. No library is imported for that: a value is known by what it can do.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
import ipaddress
import os
import sys
from collections import abc
from typing import Any

import msgspec

__all__ = ["encode_json"]

# The encoder leaves subclasses to us.
_PLAIN: tuple[type[Any], ...] = (str, int, float, bytes, decimal.Decimal)
_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Address,
    ipaddress.IPv6Interface,
    ipaddress.IPv6Network,
)


def _as_plain(value: Any) -> Any:
    """What the encoder asks for when it does not know a type."""
    kind = type(value)
    dump = getattr(kind, "model_dump", None)
    if dump is not None:
        # By alias, as the document says, and as FastAPI does.
        by_alias = {"by_alias": True} if hasattr(kind, "__pydantic_serializer__") else {}
        return dump(value, mode="json", **by_alias)
    for plain in _PLAIN:
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, abc.Mapping):
        return dict(value)
    if isinstance(value, (abc.Sequence, abc.Set, abc.ValuesView)):
        return list(value)
    if hasattr(kind, "tolist") and hasattr(value, "dtype"):
        return _of_array(value)
    if hasattr(kind, "isoformat"):
        return _of_time(value)
    if isinstance(value, datetime.timedelta):
        return datetime.timedelta(value.days, value.seconds, value.microseconds)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, _ADDRESSES):
        return str(value)
    if isinstance(value, abc.Iterator) and not hasattr(kind, "read"):
        return list(value)
    return _of_library(value)


def _of_array(value: Any) -> Any:
    """An array, a scalar or a column of NumPy, pandas and the like."""
    kind, unit = getattr(value.dtype, "kind", ""), getattr(value.dtype, "str", "")
    if kind in ("m", "M") and unit.endswith(("[ns]", "[ps]", "[fs]", "[as]")):
        # Python's times are not as fine: `tolist` would make numbers of them.
        value = value.astype(f"{unit[:3]}[us]")
    found = value.tolist()
    if type(found) is type(value):  # a long double is its own
        return float(value) if kind == "f" else _refuse(value)
    return found


def _of_time(value: Any) -> str | None:
    """A date or a time of a class of its own, in ISO 8601; None for pandas's "not a time"."""
    if value != value:
        return None
    text: str = value.isoformat()
    return text[: -len("+00:00")] + "Z" if text.endswith("+00:00") else text


def _of_library(value: Any) -> Any:
    """What is known by the library that made it, if there is one."""
    library = type(value).__module__.partition(".")[0]
    if library in ("pydantic", "pydantic_core"):  # an address, a secret
        return sys.modules["pydantic_core"].to_jsonable_python(value)
    if library == "pandas" and value is getattr(sys.modules["pandas"], "NA", ...):
        return None
    return _refuse(value)


def _refuse(value: Any) -> Any:
    """Raise what says of which class it is, and what to do."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    remedy = "send a dict, a list, a dataclass, a Struct or a pydantic model made of it"
    if inspect.isawaitable(value):
        remedy = "an `await` is missing"
        if inspect.iscoroutine(value):
            name = f"the coroutine `{value.__qualname__}()`"
            value.close()  # else Python says the same once more
    elif hasattr(kind, "__aiter__"):
        remedy = "collect it first, as in `[item async for item in items]`"
    elif inspect.isroutine(value):
        name, remedy = f"the function `{value.__qualname__}`", "is a call, `()`, missing?"
    elif hasattr(kind, "__mapper__") or hasattr(value, "_sa_instance_state"):
        remedy = (
            'send what you mean of it, such as {"id": it.id}, or a dataclass or pydantic model made of it'
        )
    elif hasattr(kind, "to_dict"):
        remedy = "send what its `to_dict()` makes of it"
    raise TypeError(f"{name} cannot be written as JSON: {remedy}")


# NaN is null.
encode_json = msgspec.json.Encoder(enc_hook=_as_plain).encode
