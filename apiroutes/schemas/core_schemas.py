"""pydantic's core schemas: facts about types, and changed schemas that cost less.

In: a core schema, which is data. Out: facts about it, and schemas that stop early or keep nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "calls_functions",
    "is_single_value",
    "list_names",
    "object_names",
    "names_of_fields",
    "required_names",
    "size_of",
    "takes_list",
    "with_fail_fast",
    "without_parts",
]

_CONTAINERS = ("dict", "frozenset", "list", "set", "tuple")
# The keys of pydantic's core schemas that contain further schemas.
_PARTS = {
    "arguments_schema",
    "choices",
    "definitions",
    "extras_schema",
    "fields",
    "items_schema",
    "json_schema",
    "keys_schema",
    "lax_schema",
    "python_schema",
    "schema",
    "steps",
    "strict_schema",
    "values_schema",
}
# Turns any value into None.
_NOTHING = {"type": "default", "schema": {"type": "none"}, "default": None, "on_error": "default"}
_BY_NAME = {"choices", "fields"}  # the keys whose values may be mappings


def with_fail_fast(schema: Any) -> Any:
    """Return a schema that stops at the first part of a container that does not fit.

    pydantic makes all errors before any can be read, about 250 bytes each, and a list of a
    megabyte has a third of a million parts. pydantic's `FailFast` does this for one container.
    """
    changed = _in_each(with_fail_fast, schema)
    if isinstance(schema, dict) and schema.get("type") in _CONTAINERS:
        return {**changed, "fail_fast": True}
    return changed


def without_parts(schema: Any) -> Any:
    """Return a schema that checks the parts of lists and dicts, and keeps None for each.

    An instance of a model takes half a kilobyte even when empty, and all instances before the first part that
    does not fit would be created.
    """
    changed = _in_each(without_parts, schema)
    if isinstance(changed, dict):
        name = {"list": "items_schema", "dict": "values_schema"}.get(str(schema.get("type")))
        if name in changed:
            changed[name] = {"type": "chain", "steps": [changed[name], _NOTHING]}
    return changed


def _in_each(change: Callable[[Any], Any], schema: Any) -> Any:
    """Return a schema, or several, with each part changed."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(map(change, schema))
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    for key, part in _parts(schema):
        by_name = key in _BY_NAME and isinstance(part, dict)
        changed[key] = {name: change(value) for name, value in part.items()} if by_name else change(part)
    return changed


def nodes_of(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the schema and all the schemas that it contains."""
    if isinstance(schema, (list, tuple)):
        for member in schema:
            yield from nodes_of(member)
    elif isinstance(schema, dict):
        yield schema
        for key, part in _parts(schema):
            by_name = key in _BY_NAME and isinstance(part, dict)
            yield from nodes_of(list(part.values()) if by_name else part)


def size_of(schema: Any) -> int:
    """Return how many mismatches one value can have: one for each node of its type."""
    return sum(1 for _ in nodes_of(schema))


def calls_functions(schema: Any) -> bool:
    """Return whether code of the project sees parts of a value before the whole value is complete."""
    return any(
        str(node.get("type")).startswith("function")
        or any(node.get(name) for name in ("custom_init", "post_init", "default_factory_takes_data"))
        for node in nodes_of(schema)
    )


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, part) for key, part in schema.items() if key in _PARTS)


# -- what texts can become ---------------------------------------------------------------------

_LISTS = ("frozenset", "generator", "list", "set", "tuple")
_OBJECTS = ("arguments", "call", "dataclass", "dict", "model", "typed-dict")
_WITH_FIELDS = ("dataclass-args", "model-fields", "typed-dict")


def is_single_value(schema: Any) -> bool:
    """Return whether one or more texts can become a value of the type: it contains no objects."""
    if isinstance(schema, (list, tuple)):
        return all(is_single_value(member) for member in schema)
    if not isinstance(schema, dict) or schema.get("type") == "json":  # a text, whatever it contains
        return True
    if schema.get("type") in _OBJECTS:
        return False
    return all(is_single_value(part) for _, part in _parts(schema))


def takes_list(schema: Any) -> bool:
    """Return whether the type is a list, a set or a tuple, possibly optional."""
    return any(node["type"] in _LISTS for node in _alternatives(schema, schema))


def list_names(schema: Any) -> tuple[str, ...]:
    """Return the names under which an object of the type takes lists."""
    return tuple(
        name
        for names, field in _fields(schema)
        if any(node["type"] in _LISTS for node in _alternatives(field["schema"], schema))
        for name in names
    )


def object_names(schema: Any) -> tuple[str, ...]:
    """Return the names under which an object of the type takes objects, which texts cannot become."""
    return tuple(
        name for names, field in _fields(schema) if not is_single_value(field["schema"]) for name in names
    )


def names_of_fields(schema: Any) -> tuple[Sequence[str], ...]:
    """Return the names of each field of an object of the type: aliases, and its own."""
    return tuple(names for names, _ in _fields(schema))


def required_names(schema: Any) -> tuple[str, ...]:
    """Return the names that an object of the type must have."""
    return tuple(names[0] for names, field in _fields(schema) if not _has_default(field))


def _has_default(schema: Any) -> bool:
    while isinstance(schema, dict) and schema.get("type") != "default":
        schema = schema.get("schema")
    return isinstance(schema, dict)


def _alternatives(schema: Any, root: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the types that a value may have, without wrappers; `root` contains definitions."""
    if not isinstance(schema, dict):
        return
    kind = schema["type"]
    if kind == "definition-ref":
        schemas = [node for node in nodes_of(root) if node.get("ref") == schema["schema_ref"]][:1]
    elif kind in ("union", "tagged-union"):
        choices = schema["choices"]
        parts = choices.values() if isinstance(choices, dict) else choices
        schemas = [part[0] if isinstance(part, tuple) else part for part in parts]
    elif kind == "chain":
        schemas = schema["steps"][:1]
    elif kind in ("json-or-python", "lax-or-strict"):
        schemas = [schema["python_schema" if kind == "json-or-python" else "lax_schema"]]
    elif kind not in (*_OBJECTS, "json") and "schema" in schema:
        schemas = [schema["schema"]]
    else:
        yield schema
        return
    for part in schemas:
        yield from _alternatives(part, root)


def _fields(schema: Any) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """Yield the fields of each object type that a value may have, each with its names."""
    for node in _alternatives(schema, schema):
        inner: Any = node
        while isinstance(inner, dict) and inner["type"] not in _WITH_FIELDS:
            inner = inner.get("schema")
        if isinstance(inner, dict):
            fields = inner["fields"]
            by_name = fields.items() if isinstance(fields, dict) else ((it["name"], it) for it in fields)
            yield from ((_names(field, name), field) for name, field in by_name)


def _names(field: Mapping[str, Any], name: str) -> list[str]:
    """Return the aliases of a field and its own name, without aliases that are paths into other names."""
    alias = field.get("validation_alias", name)
    choices = [[alias]] if isinstance(alias, str) else alias if isinstance(alias[0], list) else [alias]
    return [*dict.fromkeys([*(path[0] for path in choices if len(path) == 1), name])]
