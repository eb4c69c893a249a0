"""Defaults of dataclasses, put into the instances that a decoder creates.

In: a type, and a value of it. Out: the same value, in which every instance has all of its fields.

msgspec leaves a default in the class, and so does not send it when the instance is encoded: an instance that
a handler has made would be sent with the field, but an instance that it has received without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, get_origin

from msgspec import inspect

from apiroutes.schemas.annotations import nodes

__all__ = ["filler_of"]

# For a class: the defaults that it contains, and the fields that contain more instances.
_Classes = Mapping[type, "tuple[dict[str, Any], tuple[str, ...]]"]


def filler_of(info: inspect.Type) -> Callable[[Any], Any] | None:
    """Return a function that completes a value of the type and returns it; None if nothing can be missing."""
    classes = {}
    for node in nodes(info):
        cls = getattr(node, "cls", None)
        cls = get_origin(cls) or cls
        if isinstance(node, (inspect.DataclassType, inspect.StructType)) and isinstance(cls, type):
            inner = tuple(field.name for field in node.fields if _may_lack(field.type))
            defaults = _defaults_in(cls) if isinstance(node, inspect.DataclassType) else {}
            if inner or defaults:
                classes[cls] = defaults, inner
    if not _may_lack(info):
        return None

    def fill(value: Any) -> Any:
        _fill(value, classes)
        return value

    return fill


def _may_lack(info: inspect.Type) -> bool:
    return any(
        _defaults_in(get_origin(node.cls) or node.cls)
        for node in nodes(info)
        if isinstance(node, inspect.DataclassType)
    )


def _defaults_in(cls: Any) -> dict[str, Any]:
    """Return the defaults of a dataclass that are attributes of the class; none for a class with slots."""
    if not dataclasses.is_dataclass(cls):
        return {}  # a class of attrs
    return {
        field.name: field.default
        for field in dataclasses.fields(cls)
        if field.default is not dataclasses.MISSING and getattr(cls, field.name, None) is field.default
    }


def _fill(value: Any, classes: _Classes) -> None:
    known = classes.get(type(value))
    if known is not None:
        defaults, inner = known
        if defaults:
            fields = value.__dict__
            for name, default in defaults.items():
                if name not in fields:
                    fields[name] = default
        for name in inner:
            _fill(getattr(value, name), classes)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            _fill(part, classes)
    elif isinstance(value, dict):
        for part in value.values():
            _fill(part, classes)
