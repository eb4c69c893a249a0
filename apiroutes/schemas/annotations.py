"""Questions about annotations that are asked when a project starts.

In: a type. Out: what can stand for it. Raises SchemaError for one that cannot be checked.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_origin

import msgspec
from msgspec import inspect

from apiroutes.schemas.messages import complaint, said
from apiroutes.schemas.mismatches import SchemaError

__all__ = [
    "LISTS",
    "info_of",
    "is_list",
    "is_simple",
    "is_union",
    "named",
    "nodes",
    "required_fields",
    "takes_list",
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
LISTS = (inspect.FrozenSetType, inspect.ListType, inspect.SetType, inspect.VarTupleType)


def required_fields(annotation: Any) -> list[str]:
    """The names that a mapping must have to be the type."""
    fields = getattr(inspect.type_info(annotation), "fields", ())
    return [field.encode_name for field in fields if field.required]


def why_default_does_not_fit(annotation: Any, default: Any) -> str | None:
    """What keeps a default from being of the type; None when nothing does."""
    try:
        msgspec.convert(msgspec.to_builtins(default), annotation)
    except (TypeError, msgspec.ValidationError) as error:
        return said(complaint(error)[0], info_of(annotation))
    return None


def is_simple(annotation: Any) -> bool:
    """Whether a text, or several, can stand for it: numbers, dates, enums, and lists of them."""
    allowed = (*_SINGLE_VALUES, *LISTS, inspect.UnionType, inspect.Metadata)
    return all(isinstance(node, allowed) for node in nodes(info_of(annotation)))


def is_union(annotation: Any) -> bool:
    """Whether it is one of several types, as `int | None` is."""
    return get_origin(annotation) in (Union, types.UnionType)


def takes_list(annotation: Any) -> bool:
    """Whether it is a list, a set or a tuple, also an optional one."""
    return is_list(info_of(annotation))


def info_of(annotation: Any) -> inspect.Type:
    """What msgspec makes of a type. Raises SchemaError."""
    try:
        return inspect.type_info(annotation)
    except Exception as error:
        raise SchemaError(f"{named(annotation)} cannot be checked: {error}") from error


def is_list(info: inspect.Type) -> bool:
    """Whether it is a list, a set or a tuple, also an optional one."""
    if isinstance(info, inspect.UnionType):
        return any(is_list(each) for each in info.types)
    if isinstance(info, inspect.Metadata):
        return is_list(info.type)
    return isinstance(info, LISTS)


def nodes(info: inspect.Type) -> Iterator[inspect.Type]:
    """The type and all that it is made of, each once."""
    seen: set[int] = set()
    waiting = [info]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # a type that has itself as a part
        seen.add(id(node))
        yield node
        waiting += [field.type for field in getattr(node, "fields", ())]
        for name in ("type", "item_type", "key_type", "value_type"):
            part = getattr(node, name, None)
            if part is not None:
                waiting.append(part)
        waiting += [*getattr(node, "types", ()), *getattr(node, "item_types", ())]


def named(annotation: Any) -> str:
    """What a message calls a type."""
    return getattr(annotation, "__name__", None) or str(annotation)
