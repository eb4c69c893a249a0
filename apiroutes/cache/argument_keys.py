"""The arguments of a call as bytes: equal for equal data, and different for different data.

In: the values of a function's parameters. Out: canonical MessagePack. Strings, numbers, bytes, booleans,
None, lists and dicts with strings as keys are MessagePack's own. Everything else is an extension whose code
says which type it is, so no two types become one: `1`, `1.0`, `True` and `"1"` are four keys, a tuple is not
a list, and two classes with equal fields are different. Raises NotData for other values.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from msgspec.msgpack import Encoder, Ext

from apiroutes.code_origin import without_package

__all__ = ["NotData", "encode_arguments", "name_of_class", "name_of_module"]

_encode = Encoder(order="deterministic").encode

# What MessagePack has itself.
_PLAIN = frozenset((str, int, float, bool, bytes, type(None)))

# The codes of extensions. They are stored, so no code may change its meaning.
_TUPLE, _SET, _FROZENSET, _DICT, _BYTEARRAY, _TEXT, _INTEGER = range(1, 8)
_DATE, _DATETIME, _TIME, _TIMEDELTA, _DECIMAL, _UUID = range(8, 14)
_ENUM, _NAMED_TUPLE, _OBJECT = range(14, 17)


class NotData(TypeError):
    """A value that is not data, at a `place` in the whole, with a `reason` and a `remedy`."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(place, reason, remedy)
        self.place = place
        self.reason = reason
        self.remedy = remedy


def encode_arguments(names: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return the values as bytes. Raises NotData, whose place begins with the name of a parameter."""
    if _PLAIN.issuperset(map(type, values)):
        try:
            return _encode(values)
        except (OverflowError, UnicodeEncodeError):  # a large integer, or half a surrogate pair
            pass
    parts = []
    for name, value in zip(names, values):
        try:
            parts.append(_part(value, name))
        except RecursionError:
            raise NotData(name, "contains itself", _REMEDY) from None
    return _encode(parts)


def _part(value: Any, place: str) -> Any:
    """Return what msgspec is to encode for a value."""
    kind = type(value)
    if kind in _PLAIN:
        return _plain(value, kind)
    convert = _CONVERTERS.get(kind)
    if convert is not None:
        return convert(value, place)
    if isinstance(value, Enum):
        # The members of a Flag have values, but not all of them have names.
        number = value.value if isinstance(value.value, int) else None
        return _extension(_ENUM, [name_of_class(kind, place), getattr(value, "_name_", None), number])
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return _extension(_NAMED_TUPLE, [name_of_class(kind, place), *_items(value, place)])
    fields = fields_of(value)
    if fields is None:
        raise NotData(place, f"is {_described(kind)}", _remedy(value))
    parts = {name: _part(part, f"{place}.{name}") for name, part in fields}
    return _extension(_OBJECT, [name_of_class(kind, place), parts])


def _plain(value: Any, kind: type) -> Any:
    if kind is int and not -(2**63) <= value < 2**64:
        return Ext(_INTEGER, str(value).encode())
    if kind is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
    return value


def fields_of(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Return the fields of an instance with their values; None if its class declares none.

    The class is a dataclass, a Struct, an attrs class or a pydantic model.
    """
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    elif issubclass(cls, msgspec.Struct):
        names = list(cls.__struct_fields__)
    elif hasattr(cls, "__attrs_attrs__"):
        names = [attribute.name for attribute in cls.__attrs_attrs__]
    elif hasattr(cls, "__pydantic_validator__"):
        return [*vars(value).items(), *(getattr(value, "__pydantic_extra__", None) or {}).items()]
    else:
        return None
    return [(name, getattr(value, name)) for name in names if hasattr(value, name)]


# -- containers and scalars --------------------------------------------------------------------


def _items(values: Iterable[Any], place: str) -> list[Any]:
    return [_part(value, f"{place}[{index}]") for index, value in enumerate(values)]


def _extension(code: int, content: Any) -> Ext:
    return Ext(code, _encode(content))


def _set(code: int) -> Callable[[Any, str], Ext]:
    return lambda value, place: Ext(
        code, b"".join(sorted(_encode(_part(part, f"{place}{{…}}")) for part in value))
    )


def _dict(value: dict[Any, Any], place: str) -> Any:
    """Return a dict: the order of its items makes no difference, as with `==`."""
    if all(type(key) is str and _plain(key, str) is key for key in value):
        return {key: _part(part, f"{place}[{key!r}]") for key, part in value.items()}
    pairs = [
        (_encode(_part(key, f"a key of {place}")), _encode(_part(part, f"{place}[{key!r}]")))
        for key, part in value.items()
    ]
    return _extension(_DICT, [part for pair in sorted(pairs) for part in pair])


def _zone(zone: tzinfo | None, place: str) -> Any:
    if zone is None:
        return None
    if type(zone) is timezone:
        return repr(zone)
    key = getattr(zone, "key", None)  # of zoneinfo's ZoneInfo
    if isinstance(key, str) and type(zone).__name__ == "ZoneInfo":
        return [key]
    raise NotData(
        place,
        f"has a time zone of the type `{type(zone).__qualname__}`",
        "pass a time of UTC, as `.astimezone(timezone.utc)` returns it, or one with a zone of `zoneinfo`",
    )


def _text(code: int, text: Callable[[Any], str]) -> Callable[[Any, str], Ext]:
    return lambda value, place: Ext(code, text(value).encode())


def _moment(code: int) -> Callable[[Any, str], Ext]:
    return lambda value, place: _extension(
        code, [value.replace(tzinfo=None).isoformat(), value.fold, _zone(value.tzinfo, place)]
    )


_CONVERTERS: dict[type, Callable[[Any, str], Any]] = {
    list: _items,
    tuple: lambda value, place: _extension(_TUPLE, _items(value, place)),
    set: _set(_SET),
    frozenset: _set(_FROZENSET),
    dict: _dict,
    bytearray: lambda value, place: Ext(_BYTEARRAY, bytes(value)),
    date: _text(_DATE, date.isoformat),
    datetime: _moment(_DATETIME),
    time: _moment(_TIME),
    timedelta: lambda value, place: _extension(_TIMEDELTA, [value.days, value.seconds, value.microseconds]),
    Decimal: _text(_DECIMAL, str),
    UUID: lambda value, place: Ext(_UUID, value.bytes),
}


# -- names that are the same in every process --------------------------------------------------


def name_of_class(cls: type, place: str) -> str:
    """Return the name of a class. Raises NotData if other processes may know it by another name."""
    if "<locals>" in cls.__qualname__:
        raise NotData(
            place,
            f"is of the class `{cls.__qualname__}`, which is defined in a function and has no lasting name",
            "define the class at the top of its module",
        )
    return f"{name_of_module(cls.__module__)}:{cls.__qualname__}"


def name_of_module(name: str) -> str:
    """Return the name of a module in every process: a project's by its file, a script's by its path."""
    if name == "__main__":
        main = sys.modules[name]
        spec = getattr(main, "__spec__", None)
        return str(spec.name if spec is not None else getattr(main, "__file__", None) or name)
    return without_package(name)


# -- what is not data --------------------------------------------------------------------------

_REMEDY = (
    "pass what the result depends on as data: strings, numbers, dates, lists, dicts, dataclasses, such as "
    "the id of a record"
)


def _described(kind: type) -> str:
    return f"an object of the type `{kind.__qualname__}`, which is not data"


def _remedy(value: Any) -> str:
    if type(value).__module__.partition(".")[0] == "apiroutes" or type(value).__qualname__ == "Request":
        return "pass what the function needs of it, such as `req.params['id']`"
    for plain in (str, int, float, bytes, dict, list, set):
        if isinstance(value, plain):
            return f"pass it as `{plain.__name__}(…)`"
    return _REMEDY
