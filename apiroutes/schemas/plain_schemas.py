"""msgspec's types as JSON Schema: the result of its own generator, and what that leaves out.

In: types, and whether each is sent or received. Out: their schemas, and by name the schemas that they refer
to. For a type without a schema, raises msgspec's exception.

msgspec describes a value as it is received. A value that is sent has all of its fields, also fields with
defaults, so a class that is both sent and received may need two schemas.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import LISTS, info_of, nodes
from apiroutes.schemas.references import names_in, with_references

__all__ = ["plain_schemas"]

_CLASSES = (inspect.DataclassType, inspect.NamedTupleType, inspect.StructType, inspect.TypedDictType)
_TYPE_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean"}

# Schemas by name.
Definitions = dict[str, dict[str, Any]]


def plain_schemas(
    wanted: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], Definitions]:
    """Return the JSON Schema of each type as it is sent (True) or received, and the schemas they refer to.

    `reference` is the form of a reference, and contains `{name}`. A class that is sent in a different form
    than it is received has two schemas, `C-Output` and `C-Input`.
    """
    infos = [info_of(annotation) for annotation, _ in wanted]
    classes: dict[Any, inspect.Type] = {
        node.cls: node
        for info in infos
        for node in nodes(info)
        if isinstance(node, (*_CLASSES, inspect.EnumType))
    }
    types = [annotation for annotation, _ in wanted]
    described, definitions = msgspec.json.schema_components([*types, *classes], ref_template=reference)
    schemas = copy.deepcopy(list(described))  # these may share parts with the project's own `Meta`
    definitions = copy.deepcopy(definitions)
    for info, schema in zip(infos, schemas):
        _complete(schema, info)
    sent = {}
    for node, referring in zip(classes.values(), schemas[len(infos) :]):
        [name] = names_in(referring, reference)
        _complete_definition(definitions[name], node)
        sent[name] = _as_sent(definitions[name], node)
    return _split(list(zip(schemas, (is_sent for _, is_sent in wanted))), definitions, sent, reference)


def _split(
    schemas: Sequence[tuple[dict[str, Any], bool]], received: Definitions, sent: Definitions, reference: str
) -> tuple[list[dict[str, Any]], Definitions]:
    """Return the schemas and definitions, with two names for a class that is used in two forms."""
    forms = {False: (received, "-Input"), True: (sent, "-Output")}
    used = {
        direction: _reachable(
            [schema for schema, is_sent in schemas if is_sent is direction], form, reference
        )
        for direction, (form, _) in forms.items()
    }
    both = used[False] & used[True]
    changed = {name for name in both if received[name] != sent[name]}
    differing = {
        name
        for name in both
        if changed & _reachable([{"$ref": reference.format(name=name)}], received, reference)
    }
    definitions: Definitions = {}
    references: dict[bool, dict[str, str]] = {}
    for is_sent, (form, suffix) in forms.items():
        new = {name: name + suffix if name in differing else name for name in used[is_sent]}
        references[is_sent] = {reference.format(name=old): reference.format(name=new[old]) for old in new}
        for name in form:
            if name in new:
                definitions[new[name]] = with_references(form[name], references[is_sent])
    return [with_references(schema, references[is_sent]) for schema, is_sent in schemas], definitions


def _reachable(schemas: Iterable[Any], definitions: Definitions, reference: str) -> set[str]:
    """Return the names to which schemas refer, directly or through others."""
    reached: set[str] = set()
    waiting = [name for schema in schemas for name in names_in(schema, reference)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += names_in(definitions[name], reference)
    return reached


# -- what msgspec leaves out -------------------------------------------------------------------


def _complete(schema: dict[str, Any], info: inspect.Type) -> None:
    """Add to a schema what client generators expect: formats of dates, types of enums."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if "$ref" in schema:
        return
    if isinstance(info, inspect.DateTimeType):
        # A time without a zone is accepted too, which the format does not allow; clients need the format
        # anyway.
        schema.setdefault("format", "date-time")
    elif isinstance(info, inspect.TimeType):
        schema.setdefault("format", "time")
    elif isinstance(info, LISTS) and "items" in schema:
        _complete(schema["items"], info.item_type)
    elif isinstance(info, inspect.TupleType):
        for part, item_type in zip(schema.get("prefixItems", ()), info.item_types):
            _complete(part, item_type)
    elif isinstance(info, inspect.DictType):
        # Client generators treat an object without this as empty.
        values = schema.setdefault("additionalProperties", True)
        if values is not True:
            _complete(values, info.value_type)
    elif isinstance(info, inspect.UnionType):
        _complete_union(schema, info)
    elif isinstance(info, inspect.LiteralType):
        _add_type(schema)


def _complete_union(schema: dict[str, Any], info: inspect.UnionType) -> None:
    # Structs are references, which come after the other members; None has no fixed position.
    members = [part for part in info.types if not isinstance(part, inspect.NoneType) and not _is_object(part)]
    parts = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    for part, member in zip(parts, members):
        _complete(part, member)


def _is_object(info: inspect.Type) -> bool:
    while isinstance(info, inspect.Metadata):
        info = info.type
    return isinstance(info, inspect.StructType) and not info.array_like


def _complete_definition(schema: dict[str, Any], info: Any) -> None:
    """Complete the fields in the schema of a class."""
    if isinstance(info, inspect.EnumType):
        schema["enum"] = [
            member.value for member in info.cls
        ]  # in the order of their definition, as in pydantic
        _add_type(schema)
        return
    tag_field = getattr(info, "tag_field", None)
    if "properties" in schema:
        parts = [schema["properties"][field.encode_name] for field in info.fields]
        if tag_field is not None:
            schema["properties"][tag_field] = _const(info.tag)
    else:
        parts = schema["prefixItems"][0 if tag_field is None else 1 :]
    for part, field in zip(parts, info.fields):
        _complete(part, field.type)
    if not schema.get("required", True):
        del schema["required"]


def _const(value: Any) -> dict[str, Any]:
    return {"type": _TYPE_NAMES[type(value)], "const": value}


def _add_type(schema: dict[str, Any]) -> None:
    """Add the type of an enum's values, if all have the same type."""
    kinds = {type(value) for value in schema["enum"]}
    if len(kinds) == 1 and kinds <= _TYPE_NAMES.keys():
        schema.setdefault("type", _TYPE_NAMES[kinds.pop()])


# -- values that are sent ----------------------------------------------------------------------


def _as_sent(schema: dict[str, Any], info: Any) -> dict[str, Any]:
    """Return the schema of a class as its instances are sent: with all fields that are always sent."""
    if isinstance(info, inspect.EnumType):
        return schema
    if "properties" not in schema:
        return {**schema, "minItems": len(schema["prefixItems"])}
    always = {field.encode_name for field in _always_sent(info)}
    required = [name for name in schema["properties"] if name in always or name in schema.get("required", ())]
    return {**schema, "required": required} if required else schema


def _always_sent(info: Any) -> Iterator[inspect.Field]:
    cls = get_origin(info.cls) or info.cls
    omits_defaults = getattr(getattr(cls, "__struct_config__", None), "omit_defaults", False)
    hints: Mapping[str, Any] = get_type_hints(cls)
    for field in info.fields:
        may_lack = isinstance(info, inspect.TypedDictType) or omits_defaults
        if field.required or not (may_lack or msgspec.UnsetType in get_args(hints.get(field.name))):
            yield field
