"""Questions about annotations that arise when a project starts.

In: a type. Out: its fields, its parts, the values that it accepts. Raises SchemaError for a type that values
cannot be checked against.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from apiroutes.errors import shown
from apiroutes.schemas.messages import public_message, violation_of
from apiroutes.schemas.mismatches import SchemaError

__all__ = [
    "LISTS",
    "fits_any_text",
    "info_of",
    "is_float",
    "is_list",
    "is_single_value",
    "is_union",
    "named",
    "nodes",
    "why_default_does_not_fit",
]

_SINGLE_VALUES = (
    inspect.BoolType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.NoneType,
    inspect.StrType,
    inspect.TimeDeltaType,
    inspect.TimeType,
    inspect.UUIDType,
)
# Where the classes of annotations are that are no classes themselves, such as `list[int]` and `int | None`.
_OF_TYPES = ("types", "typing", "typing_extensions")
LISTS = (inspect.FrozenSetType, inspect.ListType, inspect.SetType, inspect.VarTupleType)


def why_default_does_not_fit(annotation: Any, default: Any) -> str | None:
    """Return why a default does not fit the type, None if it does."""
    try:
        msgspec.convert(msgspec.to_builtins(default), annotation)
    except (TypeError, msgspec.ValidationError) as error:
        return public_message(violation_of(error)[0], info_of(annotation))
    return None


def is_union(annotation: Any) -> bool:
    """Return whether it is a union of types, such as `int | None`."""
    return get_origin(annotation) in (Union, types.UnionType)


def fits_any_text(annotation: Any) -> bool:
    """Return whether a type is a union of str and of numbers, as `int | str` is, so that any text fits."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = {*get_args(annotation)} if is_union(annotation) else set()
    return str in members and not members.isdisjoint((int, float, bool))


def info_of(annotation: Any) -> inspect.Type:
    """Return msgspec's description of a type. Raises SchemaError."""
    try:
        return inspect.type_info(annotation)
    except Exception as error:
        if not _is_type(annotation):  # whose text may show all that an object of the project holds
            raise SchemaError(f"{shown(annotation)} cannot be checked: it is not a type") from None
        raise SchemaError(f"{named(annotation)} cannot be checked: {error}") from error


def _is_type(annotation: Any) -> bool:
    return isinstance(annotation, type) or type(annotation).__module__ in _OF_TYPES


def is_single_value(info: inspect.Type) -> bool:
    """Return whether one or more texts can be converted to it: numbers, dates, enums, and lists of them."""
    allowed = (*_SINGLE_VALUES, *LISTS, inspect.UnionType, inspect.Metadata)
    return all(isinstance(node, allowed) for node in nodes(info))


def is_float(info: inspect.Type) -> bool:
    """Return whether it is a float, a list of floats, or a union with such a type and without str."""
    if not isinstance(info, (inspect.FloatType, inspect.Metadata, inspect.UnionType, *LISTS)):
        return False
    kinds = {type(node) for node in nodes(info)}
    return inspect.FloatType in kinds and not kinds & {inspect.StrType, inspect.EnumType, inspect.LiteralType}


def is_list(info: inspect.Type) -> bool:
    """Return whether it is a list, a set or a tuple, possibly optional."""
    if isinstance(info, inspect.UnionType):
        return any(is_list(member) for member in info.types)
    if isinstance(info, inspect.Metadata):
        return is_list(info.type)
    return isinstance(info, LISTS)


def nodes(info: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the type and all the types that it contains, each once."""
    seen: set[int] = set()
    waiting = [info]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # a type that contains itself
        seen.add(id(node))
        yield node
        waiting += [field.type for field in getattr(node, "fields", ())]
        for name in ("type", "item_type", "key_type", "value_type"):
            part = getattr(node, name, None)
            if part is not None:
                waiting.append(part)
        waiting += [*getattr(node, "types", ()), *getattr(node, "item_types", ())]


def named(annotation: Any) -> str:
    """Return the name of a type for messages."""
    return getattr(annotation, "__name__", None) or str(annotation)
