"""JSON text to values and back (RFC 8259), strictly.

In: UTF-8 bytes for `decode_json`, the values that handlers send for `encode_json`. Out: dict, list, str, int,
float, bool or None; and compact UTF-8 bytes. `decode_json` raises ApiError 400 for content that is not JSON,
not UTF-8 or nested too deeply, or contains a number that is not finite. Half a surrogate pair, which RFC 8259
section 8.2 leaves open, becomes U+FFFD, because text cannot contain one. `encode_json` raises TypeError,
ValueError or RecursionError for a value that JSON cannot represent; it never writes half a document.

The encoder knows datetime, UUID, Decimal, Enum, set, dataclasses, attrs and Structs, and calls `_as_plain`
for everything else, which imports no library: it recognizes a value by its methods.
"""

from __future__ import annotations

import datetime
import decimal
import inspect
import ipaddress
import os
import re
import sys
from array import array
from collections import abc
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from typing import Any

import msgspec

from apiroutes.errors import ApiError

__all__ = ["decode_json", "encode_json", "shallow_decoder"]

# -- text to values ---------------------------------------------------------------------------

_decode = msgspec.json.Decoder().decode
# The levels of `shallow_decoder`. One more level takes twice the time to make.
_SHALLOW = 7
# A bracket adds 1 or -1 to the depth, as a signed byte.
_STEPS = bytes.maketrans(b"[]", b"\x01\xff")
_LEVELS = 8  # that are removed one by one; most documents have no more
_ARRAYS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))

_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))


def decode_json(content: bytes, max_depth: int, decode: Callable[[bytes], object] = _decode) -> object:
    """Return the value of `content`, whose arrays and objects may nest at most `max_depth` deep.

    `decode` may be another msgspec decoder, which returns a value of its type.
    """
    # The decoder recurses, and Python versions stop it differently: from 3.12 on it runs past the
    # end of a small thread's stack, which ends the process. So the depth is checked first. Each
    # level of a whole document takes two brackets, so a short document needs no check.
    if len(content) > 2 * max_depth and _may_be_deeper(content, max_depth):
        raise ApiError(400, "Invalid JSON")
    try:
        try:
            return decode(content)
        except msgspec.DecodeError:
            repaired = _replace_lone_surrogates(content)
            if repaired == content:
                raise
            return decode(repaired)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        # Up to version 0.22, msgspec has its own exception for invalid UTF-8; later it is a JSON error.
        raise ApiError(400, "Invalid JSON" if _is_utf8(content) else "Invalid body") from error


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@cache  # made for the first document, because it takes 1 to 2 ms
def shallow_decoder(max_depth: int) -> Callable[[bytes], object]:
    """Return a decoder for most documents: those that nest no deeper than `max_depth` and seven levels.

    They need no other check of their depth, because a decoder does not recurse past its type. It returns the
    same value as `decode_json`, or raises an exception; then `decode_json` decides about the document.
    """
    scalar = int | float | str | bool | None
    nested: Any = scalar
    for _ in range(min(max_depth, _SHALLOW)):
        nested = scalar | list[nested] | dict[str, nested]
    return msgspec.json.Decoder(nested).decode


def _replace_lone_surrogates(content: bytes) -> bytes:
    """Replace escapes of half a surrogate pair with escapes of U+FFFD."""
    if b"\0" in content:  # JSON cannot contain it, so it can represent a backslash below
        return content
    escaped = content.replace(b"\\\\", b"\0\0")
    return _LONE_SURROGATE.sub(rb"\\ufffd", escaped).replace(b"\0\0", b"\\\\")


def _may_be_deeper(content: bytes, depth: int) -> bool:
    """Return whether a decoder would nest deeper, without a step in Python for each bracket.

    True for JSON that nests deeper. Content that is not JSON may give either result: up to the first error,
    strings and brackets are distinguished correctly, and a decoder stops there.
    """
    brackets = _brackets(content)
    for level in range(_LEVELS):
        if level + len(brackets) <= depth:
            return False
        brackets = brackets.replace(b"[]", b"")  # removes the innermost level
    # The remaining brackets are added up, in a time that does not depend on their depth.
    steps = array("b", brackets.translate(_STEPS))
    return _LEVELS + max(accumulate(steps), default=0) > depth


def _brackets(content: bytes) -> bytes:
    """Return the brackets outside the strings of JSON, all of them as square ones."""
    # Searching for one byte is fast, for two it is not.
    if b"\\" not in content or b'\\"' not in content:
        # A string without a bracket leaves nothing between its quotes; if this holds for all of
        # them, no string has a bracket.
        marks = content.translate(_ARRAYS, _NOT_MARKS)
        if 2 * marks.count(b'""') == marks.count(b'"'):
            return marks.translate(None, b'"')
    # Backslashes occur only in strings. Without escaped quotes, every second piece is outside a string.
    pieces = content.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    return b"".join(pieces[::2]).translate(_ARRAYS, _NOT_BRACKETS)


# -- values to text ---------------------------------------------------------------------------

# The encoder does not take subclasses of these.
_PLAIN: tuple[type[Any], ...] = (str, int, float, bytes, decimal.Decimal)
# Types that the encoder writes itself, but not as keys.
_NATIVE = frozenset((list, tuple, dict, set, frozenset, type(None)))
_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Address,
    ipaddress.IPv6Interface,
    ipaddress.IPv6Network,
)


def _as_plain(value: Any) -> Any:
    """Return a value that the encoder knows, for a value of a type that it does not know."""
    kind = type(value)
    dump = getattr(kind, "model_dump", None)
    if dump is not None:
        # By alias, as in the OpenAPI document, and as FastAPI does.
        by_alias = {"by_alias": True} if hasattr(kind, "__pydantic_serializer__") else {}
        return dump(value, mode="json", **by_alias)
    for plain in _PLAIN:
        if isinstance(value, plain):
            return plain(value)
    if kind in _NATIVE:
        # The encoder would have written it as a value, so it is a key, and would come back here forever.
        raise TypeError(f"a key of a JSON object must be a str, not a {kind.__name__}")
    if isinstance(value, abc.Mapping) or _is_row(value):
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


def _is_row(value: Any) -> bool:
    """Return whether it is a database row that knows its columns, such as a row of sqlite3."""
    return isinstance(value, abc.Sequence) and hasattr(type(value), "keys")


def _of_array(value: Any) -> Any:
    """Return an array, a scalar or a column of NumPy, pandas and the like as plain values."""
    kind, unit = getattr(value.dtype, "kind", ""), getattr(value.dtype, "str", "")
    if kind in ("m", "M") and unit.endswith(("[ns]", "[ps]", "[fs]", "[as]")):
        # Python's times are less precise: `tolist` would turn these into numbers.
        value = value.astype(f"{unit[:3]}[us]")
    plain = value.tolist()
    if type(plain) is type(value):  # a long double is returned as it is
        return float(value) if kind == "f" else _refuse(value)
    return plain


def _of_time(value: Any) -> str | None:
    """Return another library's date or time in ISO 8601; None for pandas's "not a time"."""
    if value != value:
        return None
    text: str = value.isoformat()
    return text[: -len("+00:00")] + "Z" if text.endswith("+00:00") else text


def _of_library(value: Any) -> Any:
    """Return the plain value of an object that only its library can convert."""
    library = type(value).__module__.partition(".")[0]
    if library in ("pydantic", "pydantic_core"):  # an address, a secret
        return sys.modules["pydantic_core"].to_jsonable_python(value)
    if library == "pandas" and value is getattr(sys.modules["pandas"], "NA", ...):
        return None
    return _refuse(value)


def _refuse(value: Any) -> Any:
    """Raise an error that names the class of the value, and a remedy."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    remedy = "send a dict, a list, a dataclass, a Struct or a pydantic model made from it"
    if inspect.isawaitable(value):
        remedy = "did you forget `await`?"
        if inspect.iscoroutine(value):
            name = f"the coroutine `{value.__qualname__}()`"
            value.close()  # or Python would warn about it again
    elif hasattr(kind, "__aiter__"):
        remedy = "collect it first, as in `[item async for item in items]`"
    elif inspect.isroutine(value):
        name, remedy = f"the function `{value.__qualname__}`", "is a call, `()`, missing?"
    elif hasattr(kind, "__mapper__") or hasattr(value, "_sa_instance_state"):
        remedy = (
            'send the part you need, such as {"id": it.id}, or a dataclass or pydantic model made from it'
        )
    elif hasattr(kind, "to_dict"):
        remedy = "send the result of its `to_dict()`"
    raise TypeError(f"{name} cannot be written as JSON: {remedy}")


# NaN becomes null.
encode_json = msgspec.json.Encoder(enc_hook=_as_plain).encode
