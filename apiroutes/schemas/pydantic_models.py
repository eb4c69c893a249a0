"""pydantic's models as types. pydantic is never imported: who has a model has imported it.

In: a type that has a model in it. Out: what checks values against it, and its JSON Schema. Raises
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
from apiroutes.schemas.mismatches import (
    MOST_FAULTS,
    DoesNotFit,
    Mismatch,
    SchemaError,
    bounded,
    collecting_paused,
    is_dense,
    is_small,
    place_of,
)

__all__ = ["ModelSchema", "has_model", "is_model", "model_schemas"]

# Problems that one value may have and still be gone through whole: a value of that many parts is
# checked against a type of one node, or a value of fewer against one of more.
_FEW_PROBLEMS = 100_000
# What pydantic's own schema calls the parts of a schema that are schemas, or hold some.
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
# What becomes None, whatever it was.
_NOTHING = {"type": "default", "schema": {"type": "none"}, "default": None, "on_error": "default"}
_BY_NAME = {"choices", "fields"}  # which may be mappings
_LIBRARIES = ("annotated_types", "pydantic")  # whose metadata pydantic enforces, and msgspec does not see
_CONTAINERS = ("dict", "frozenset", "list", "set", "tuple")


def is_model(annotation: Any) -> bool:
    """Whether it is a model or a dataclass of pydantic's."""
    return isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__")


def has_model(annotation: Any) -> bool:
    """Whether pydantic has to read a type: for a model in it, also in a dataclass, or a `Field`."""
    if is_model(annotation) or is_model(get_origin(annotation)):
        return True
    if "pydantic" not in sys.modules:
        return False
    if any(type(each).__module__.partition(".")[0] in _LIBRARIES for each in _metadata(annotation)):
        return True
    if any(has_model(part) for part in get_args(annotation) if not isinstance(part, enum.Enum)):
        return True
    try:
        parts = [*nodes(info_of(annotation))]
    except SchemaError:
        return False
    return any(is_model(getattr(part, "cls", None)) for part in parts) and not any(
        isinstance(part, inspect.StructType) for part in parts
    )


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return annotation.__metadata__ if get_origin(annotation) is Annotated else ()


class ModelSchema:
    """Checks by pydantic what has a model in it."""

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
        self._most = _FEW_PROBLEMS // max(1, _size(self._schema))

    def decode(self, content: bytes, place: str = "body") -> Any:
        msgspec.json.decode(content)  # what is JSON is decided by one decoder
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
        """Whether it is of the type as it is, as a model's instance is, whatever it is sent as."""
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
    """The schema of a schema that is not the model's own; None where there is none."""
    try:
        # A model has a schema already, of the schema as it was: it is not to be used.
        return sys.modules["pydantic_core"].SchemaValidator(schema, None, False)
    except Exception:  # an older pydantic
        return None


def _with_fail_fast(schema: Any) -> Any:
    """A schema that stops at the first part of a container that does not fit.

    pydantic makes all errors before any can be taken, about 250 bytes each, and a list of a
    megabyte has a third of a million parts. This is what `FailFast` says of one container.
    """
    if not isinstance(schema, dict):
        return _in_each(_with_fail_fast, schema)
    found = _in_each(_with_fail_fast, schema)
    return {**found, "fail_fast": True} if schema.get("type") in _CONTAINERS else found


def _without_parts(schema: Any) -> Any:
    """A schema that checks the parts of lists and dicts, and keeps None of each.

    A model of an empty object has half a kilobyte, and all come before one that does not fit.
    """
    found = _in_each(_without_parts, schema)
    if isinstance(found, dict):
        for name in {"list": ("items_schema",), "dict": ("values_schema",)}.get(schema.get("type"), ()):
            if name in found:
                found[name] = {"type": "chain", "steps": [found[name], _NOTHING]}
    return found


def _in_each(change: Callable[[Any], Any], schema: Any) -> Any:
    """A schema, or several, with another for each part."""
    if isinstance(schema, (list, tuple)):
        return type(schema)(map(change, schema))
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for name, part in _parts(schema):
        by_name = name in _BY_NAME and isinstance(part, dict)
        found[name] = {one: change(each) for one, each in part.items()} if by_name else change(part)
    return found


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and all that it is made of."""
    if isinstance(schema, (list, tuple)):
        for each in schema:
            yield from _nodes(each)
    elif isinstance(schema, dict):
        yield schema
        for name, part in _parts(schema):
            by_name = name in _BY_NAME and isinstance(part, dict)
            yield from _nodes(list(part.values()) if by_name else part)


def _size(schema: Any) -> int:
    """How many problems one value may have: each of the parts of its type has one."""
    return sum(1 for _ in _nodes(schema))


def _calls_functions(schema: Any) -> bool:
    """Whether code of a project sees what was made of a value before all of it is made."""
    return any(
        str(node.get("type")).startswith("function")
        or any(node.get(name) for name in ("custom_init", "post_init", "default_factory_takes_data"))
        for node in _nodes(schema)
    )


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, part) for name, part in schema.items() if name in _PARTS)


def _mismatches(error: Any, place: str) -> Iterator[Mismatch]:
    """The first problems. Of many, one text is made and not each as an object."""
    if error.error_count() <= MOST_FAULTS:
        found = iter(error.errors(include_input=False, include_url=False, include_context=False))
    else:
        found = _first_of(error.json(include_input=False, include_url=False, include_context=False))
    for each in islice(found, MOST_FAULTS):
        yield place_of(place, each["loc"]), each["msg"]


def _first_of(text: str) -> Iterator[Any]:
    """The items of a JSON array, one at a time."""
    decode, at = json.JSONDecoder().raw_decode, 1
    while text[at : at + 1] == "{":
        item, at = decode(text, at)
        yield item
        at += 1  # the comma


# -- as JSON Schema ----------------------------------------------------------------------------


def model_schemas(
    wanted: Sequence[tuple[Any, bool]], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The JSON Schema of each type as it is sent (True) or taken, and what these refer to, by name.

    A model that is sent in another form than it is taken in has two: pydantic calls them `M-Output`
    and `M-Input`.
    """
    if not wanted:
        return [], {}
    adapter = sys.modules["pydantic"].TypeAdapter
    keys: list[tuple[int, str]] = [
        (index, "serialization" if is_sent else "validation") for index, (_, is_sent) in enumerate(wanted)
    ]
    found, definitions = adapter.json_schemas(
        [(*key, adapter(annotation)) for key, (annotation, _) in zip(keys, wanted)],
        ref_template=reference.replace("{name}", "{model}"),
    )
    return [found[key] for key in keys], definitions.get("$defs", {})
