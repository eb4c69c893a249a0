"""JSON Schemas as types, for the modules that write clients.

In: schemas (2020-12) of an OpenAPI document. Out: types, which each language writes in its own way. Rules of
a schema beyond types, such as the largest number, are left to the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Union

from apiroutes.structs import Struct

__all__ = [
    "BINARY",
    "NEVER",
    "NULL",
    "TEXT",
    "UNKNOWN",
    "AllOf",
    "AnyOf",
    "Field",
    "ListOf",
    "Literals",
    "ObjectOf",
    "Primitive",
    "Reference",
    "TupleOf",
    "Type",
    "any_of",
    "description_of",
    "read_type",
]


class Primitive(Struct, frozen=True):
    """A type without parts.

    `name` is a type of JSON, a format of strings that has a type in some languages (`date-time`, `base64`),
    or `binary` (a file of a form), `unknown` or `never`.
    """

    name: str


class Literals(Struct, frozen=True):
    """One of some values of JSON."""

    values: tuple[Any, ...]


class Reference(Struct, frozen=True):
    """A type of the document, by its name there."""

    name: str


class ListOf(Struct, frozen=True):
    item: Type


class TupleOf(Struct, frozen=True):
    """Items with a type each, the last of which may be absent; `rest` is the type of further items."""

    items: tuple[Type, ...]
    required: int
    rest: Type | None


class Field(Struct, frozen=True):
    name: str
    type: Type
    is_required: bool
    description: str = ""


class ObjectOf(Struct, frozen=True):
    """An object; `rest` is the type of members with other names, None if the schema does not mention any."""

    fields: tuple[Field, ...]
    rest: Type | None


class AnyOf(Struct, frozen=True):
    parts: tuple[Type, ...]


class AllOf(Struct, frozen=True):
    parts: tuple[Type, ...]


Type = Union[Primitive, Literals, Reference, ListOf, TupleOf, ObjectOf, AnyOf, AllOf]

UNKNOWN = Primitive("unknown")
NEVER = Primitive("never")
NULL = Primitive("null")
TEXT = Primitive("string")
BINARY = Primitive("binary")

_SCHEMAS = "#/components/schemas/"
_FORMATS = frozenset({"date-time", "date", "time", "duration", "uuid", "decimal"})


def read_type(schema: Any) -> Type:
    """Return the type of the values that a schema accepts; UNKNOWN if it does not restrict their type."""
    if not isinstance(schema, Mapping):
        return UNKNOWN if schema in (None, True) else NEVER
    if "const" in schema or "enum" in schema:
        values = (schema["const"],) if "const" in schema else tuple(schema["enum"])
        return UNKNOWN if any(isinstance(value, (dict, list)) for value in values) else Literals(values)
    parts = [*_parts(schema)]
    if not parts:
        return UNKNOWN
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def description_of(schema: Any) -> str:
    """Return the description in a schema, which may be True or False; "" for none."""
    return schema.get("description", "") if isinstance(schema, Mapping) else ""


def any_of(types: Iterator[Type] | tuple[Type, ...] | list[Type]) -> Type:
    """Return the union of types, each once; UNKNOWN if it includes that, and NEVER for no types."""
    parts = dict.fromkeys(
        part for type_ in types for part in (type_.parts if isinstance(type_, AnyOf) else (type_,))
    )
    if UNKNOWN in parts:
        return UNKNOWN
    alternatives = tuple(part for part in parts if part != NEVER)
    if not alternatives:
        return NEVER
    return alternatives[0] if len(alternatives) == 1 else AnyOf(alternatives)


def _parts(schema: Mapping[str, Any]) -> Iterator[Type]:
    """Yield the types that a value must satisfy, all of them."""
    if "$ref" in schema:
        reference = schema["$ref"]
        yield Reference(_unescaped(reference)) if reference.startswith(_SCHEMAS) else UNKNOWN
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            yield any_of([read_type(part) for part in schema[keyword]])
    for part in schema.get("allOf", ()):
        yield read_type(part)
    is_applied = any(keyword in schema for keyword in ("$ref", "anyOf", "oneOf", "allOf"))
    if "properties" in schema or ("type" in schema and not is_applied):
        names = schema.get("type", "object")
        yield any_of([_typed(name, schema) for name in (names if isinstance(names, list) else [names])])


def _unescaped(reference: str) -> str:
    # JSON Pointer (RFC 6901 section 3).
    return reference[len(_SCHEMAS) :].replace("~1", "/").replace("~0", "~")


def _typed(name: str, schema: Mapping[str, Any]) -> Type:
    if name == "string":
        return Primitive(_format(schema))
    if name == "array":
        return _tuple(schema) if "prefixItems" in schema else ListOf(read_type(schema.get("items")))
    if name == "object":
        return _object(schema)
    return Primitive(name) if name in ("integer", "number", "boolean", "null") else UNKNOWN


def _format(schema: Mapping[str, Any]) -> str:
    if schema.get("contentEncoding") == "base64":
        return "base64"
    # A file is marked by its media type in OpenAPI 3.1, and by the format in 3.0. Text that contains JSON or
    # the like declares its content with `contentSchema`.
    is_binary = "contentMediaType" in schema and "contentSchema" not in schema
    if schema.get("format") == "binary" or (is_binary and "contentEncoding" not in schema):
        return "binary"
    return schema["format"] if schema.get("format") in _FORMATS else "string"


def _tuple(schema: Mapping[str, Any]) -> TupleOf:
    items = tuple(map(read_type, schema["prefixItems"]))
    # `items` describes further items, up to the length; a tuple with neither has no further items.
    length = schema.get("maxItems", len(items) + (schema.get("items", False) is not False))
    is_open = length > len(items) and schema.get("items") is not False
    required = min(schema.get("minItems", len(items)), len(items))
    return TupleOf(items, required, read_type(schema.get("items")) if is_open else None)


def _object(schema: Mapping[str, Any]) -> ObjectOf:
    required = schema.get("required", ())
    fields = tuple(
        Field(name, read_type(part), name in required, description_of(part))
        for name, part in schema.get("properties", {}).items()
    )
    rest = schema.get("additionalProperties", None if fields else True)
    return ObjectOf(fields, None if rest in (None, False) else read_type(rest))
