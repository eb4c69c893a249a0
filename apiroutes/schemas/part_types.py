"""The types of a value's parts, which are looked up once for each annotation.

In: an annotation, and a value for it. Out: msgspec's description of the type, the member of a union that the
value represents, the types of fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import inspect

from apiroutes.schemas.annotations import LISTS, info_of, is_union

__all__ = ["PartTypes", "is_array_like"]


class PartTypes:
    """A cache of types.

    It is keyed by identity, because an annotation may be unhashable, and keeps each annotation, so that no
    other object can get its identity.
    """

    def __init__(self) -> None:
        self._infos: dict[int, tuple[Any, inspect.Type]] = {}
        self._fields: dict[int, tuple[Any, list[Any]]] = {}

    def info(self, annotation: Any) -> inspect.Type:
        known = self._infos.get(id(annotation))
        if known is None:
            known = self._infos[id(annotation)] = (annotation, info_of(annotation))
        return known[1]

    def resolve(self, annotation: Any, value: Any) -> Any:
        """Return an annotation without Annotated and NewType; for a union, the only member for the value."""
        while True:
            if get_origin(annotation) is Annotated:
                annotation = get_args(annotation)[0]
            elif hasattr(annotation, "__supertype__"):  # a NewType
                annotation = annotation.__supertype__
            elif is_union(annotation):
                members = [part for part in get_args(annotation) if self._may_be(self.info(part), value)]
                if len(members) != 1:
                    return annotation
                annotation = members[0]
            else:
                return annotation

    def _may_be(self, info: inspect.Type, value: Any) -> bool:
        """Return whether a container may be meant as the type, judging by its kind and tag."""
        if isinstance(info, inspect.Metadata):
            return self._may_be(info.type, value)
        if isinstance(info, inspect.UnionType):
            return any(self._may_be(member, value) for member in info.types)
        if not isinstance(value, Mapping):
            return isinstance(info, (*LISTS, inspect.TupleType)) or is_array_like(info)
        if isinstance(info, inspect.DictType):
            return True
        if not hasattr(info, "fields") or is_array_like(info):
            return False
        tag_field = getattr(info, "tag_field", None)
        return tag_field is None or value.get(tag_field) == getattr(info, "tag", None)

    def fields(self, annotation: Any, info: Any) -> list[Any]:
        """Return the annotations of the fields, in their order."""
        known = self._fields.get(id(annotation))
        if known is None:
            owner = get_origin(annotation) or annotation
            hints = get_type_hints(owner, include_extras=True)
            arguments = dict(zip(getattr(owner, "__parameters__", ()), get_args(annotation)))
            fields = [_with_arguments(_bare(hints[field.name]), arguments) for field in info.fields]
            known = self._fields[id(annotation)] = (annotation, fields)
        return known[1]


def is_array_like(info: inspect.Type) -> bool:
    """Return whether a type with named fields is written as an array."""
    return isinstance(info, inspect.NamedTupleType) or getattr(info, "array_like", False)


def _bare(hint: Any) -> Any:
    """Return a TypedDict's hint without Required, NotRequired and ReadOnly."""
    while getattr(get_origin(hint), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        hint = get_args(hint)[0]
    return hint


def _with_arguments(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return the hint of a generic type's field, with the type's arguments in place of its variables."""
    if hint in arguments:
        return arguments[hint]
    parameters = getattr(hint, "__parameters__", ())
    if not arguments or get_origin(hint) is None or not parameters:
        return hint
    return hint[tuple(arguments.get(parameter, parameter) for parameter in parameters)]
