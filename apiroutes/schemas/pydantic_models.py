"""pydantic's models as types. pydantic is never imported here: a project that has models has imported it.

In: a type that contains a model. Out: a schema that checks values, and its JSON Schema. Raises
SchemaError at start; the schema raises DoesNotFit.
"""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, get_args, get_origin

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import info_of, named, nodes
from apiroutes.schemas.memory import collecting_paused, is_dense, is_small
from apiroutes.schemas.mismatches import (
    MOST_MISMATCHES,
    DoesNotFit,
    Mismatch,
    SchemaError,
    bounded,
    place_of,
)

__all__ = ["ModelSchema", "has_model", "model_schemas"]

# pydantic collects all mismatches of a value that can have at most this many: as many as the value has
# parts, times the nodes of its type.
_FEW_MISMATCHES = 100_000
# The keys of pydantic's core schemas under which further schemas stand.
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
_BY_NAME = {"choices", "fields"}  # those of the parts that may be mappings
_LIBRARIES = ("annotated_types", "pydantic")  # pydantic enforces their metadata, and msgspec ignores it
_CONTAINERS = ("dict", "frozenset", "list", "set", "tuple")


def _is_model(annotation: Any) -> bool:
    """Return whether it is a model or a dataclass of pydantic's."""
    return isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__")


def has_model(annotation: Any) -> bool:
    """Return whether pydantic must check a type: it contains a model, at any depth, or a `Field`."""
    if _is_model(annotation) or _is_model(get_origin(annotation)):
        return True
    if "pydantic" not in sys.modules:
        return False
    if any(type(item).__module__.partition(".")[0] in _LIBRARIES for item in _metadata(annotation)):
        return True
    if any(has_model(part) for part in get_args(annotation) if not isinstance(part, enum.Enum)):
        return True
    try:
        parts = [*nodes(info_of(annotation))]
    except SchemaError:
        return False
    return any(_is_model(getattr(part, "cls", None)) for part in parts) and not any(
        isinstance(part, inspect.StructType) for part in parts
    )


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return annotation.__metadata__ if get_origin(annotation) is Annotated else ()


class ModelSchema:
    """Checks values by pydantic against a type that contains a model."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        pydantic = sys.modules["pydantic"]
        self._error: type[Exception] = pydantic.ValidationError
        try:
            self._adapter = pydantic.TypeAdapter(annotation)
            self._schema = self._adapter.core_schema
        except Exception as error:
            raise SchemaError(f"{named(annotation)} cannot be checked: {error}") from error
        fast = _with_fail_fast(self._schema)
        self._first = _compiled(fast) or self._adapter
        self._dry = None if _calls_functions(self._schema) else _compiled(_without_parts(fast))
        self._most = _FEW_MISMATCHES // max(1, _size(self._schema))

    def decode(self, content: bytes, place: str = "body") -> Any:
        msgspec.json.decode(content)  # one decoder decides what is valid JSON
        if len(content) <= self._most:
            return self._checked(self._adapter.validate_json, content, place)
        with collecting_paused():
            if self._dry is not None and is_dense(content):
                self._checked(self._dry.validate_json, content, place)
            return self._checked(self._first.validate_json, content, place)

    def convert(self, value: Any, place: str) -> Any:
        if is_small(value, self._most):
            return self._checked(self._adapter.validate_python, value, place)
        with collecting_paused():
            return self._checked(self._first.validate_python, value, place)

    def fits(self, value: Any) -> bool:
        """Return whether a value is of the type as it is, such as a model's instance, however it is sent."""
        try:
            self._adapter.validate_python(value)
        except self._error:
            return False
        return True

    def _checked(self, validate: Any, value: Any, place: str) -> Any:
        try:
            return validate(value)
        except self._error as error:
            mismatches = bounded(_mismatches(error, place))
        raise DoesNotFit(mismatches)


def _compiled(schema: Any) -> Any:
    """Return pydantic's SchemaValidator for a changed core schema, None if it cannot make one."""
    try:
        # The False keeps pydantic from using the model's own SchemaValidator, of the unchanged schema.
        return sys.modules["pydantic_core"].SchemaValidator(schema, None, False)
    except Exception:  # an older pydantic
        return None


def _with_fail_fast(schema: Any) -> Any:
    """Return a schema that stops at the first part of a container that does not fit.

    pydantic makes all errors before any can be read, about 250 bytes each, and a list of a
    megabyte has a third of a million parts. pydantic's `FailFast` does this for one container.
    """
    changed = _in_each(_with_fail_fast, schema)
    if isinstance(schema, dict) and schema.get("type") in _CONTAINERS:
        return {**changed, "fail_fast": True}
    return changed


def _without_parts(schema: Any) -> Any:
    """Return a schema that checks the parts of lists and dicts, and keeps None for each.

    An instance of a model takes half a kilobyte even when empty, and all those before the first part
    that does not fit would be made.
    """
    changed = _in_each(_without_parts, schema)
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


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the schema and all the schemas that it is made of."""
    if isinstance(schema, (list, tuple)):
        for member in schema:
            yield from _nodes(member)
    elif isinstance(schema, dict):
        yield schema
        for key, part in _parts(schema):
            by_name = key in _BY_NAME and isinstance(part, dict)
            yield from _nodes(list(part.values()) if by_name else part)


def _size(schema: Any) -> int:
    """Return how many mismatches one value can have: one for each node of its type."""
    return sum(1 for _ in _nodes(schema))


def _calls_functions(schema: Any) -> bool:
    """Return whether the project's own code sees parts of a value before all of it has been made."""
    return any(
        str(node.get("type")).startswith("function")
        or any(node.get(name) for name in ("custom_init", "post_init", "default_factory_takes_data"))
        for node in _nodes(schema)
    )


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, part) for key, part in schema.items() if key in _PARTS)


def _mismatches(error: Any, place: str) -> Iterator[Mismatch]:
    """Yield the first mismatches. Many errors are read from JSON, one by one, to spare an object for each."""
    if error.error_count() <= MOST_MISMATCHES:
        errors = iter(error.errors(include_input=False, include_url=False, include_context=False))
    else:
        errors = _items(error.json(include_input=False, include_url=False, include_context=False))
    for item in islice(errors, MOST_MISMATCHES):
        yield place_of(place, item["loc"]), item["msg"]


def _items(text: str) -> Iterator[Any]:
    """Yield the items of a JSON array, one at a time."""
    decode, at = json.JSONDecoder().raw_decode, 1
    while text[at : at + 1] == "{":
        item, at = decode(text, at)
        yield item
        at += 1  # the comma


# -- as JSON Schema ----------------------------------------------------------------------------


def model_schemas(
    wanted: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the JSON Schema of each type as it is sent (True) or received, and by name those they refer to.

    A model that is sent in another form than it is received in has two schemas, which pydantic names
    `M-Output` and `M-Input`.
    """
    if not wanted:
        return [], {}
    adapter = sys.modules["pydantic"].TypeAdapter
    keys: list[tuple[int, str]] = [
        (index, "serialization" if is_sent else "validation") for index, (_, is_sent) in enumerate(wanted)
    ]
    schemas, definitions = adapter.json_schemas(
        [(*key, adapter(annotation)) for key, (annotation, _) in zip(keys, wanted)],
        ref_template=reference.replace("{name}", "{model}"),
    )
    return [schemas[key] for key in keys], definitions.get("$defs", {})
