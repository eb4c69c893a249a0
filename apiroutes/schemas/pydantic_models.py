"""pydantic's models as types, and parameters with pydantic's constraints as a model.

In: a type that contains a model. Out: a schema that checks values, and its JSON Schema. Raises
SchemaError at start; the schema raises DoesNotFit.
"""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from apiroutes.schemas.annotations import named
from apiroutes.schemas.checkers import check_constraints
from apiroutes.schemas.core_schemas import (
    calls_functions,
    is_single_value,
    list_names,
    names_of_fields,
    object_names,
    required_names,
    size_of,
    takes_list,
    with_fail_fast,
    without_parts,
)
from apiroutes.schemas.memory import collecting_paused, is_dense, is_small
from apiroutes.schemas.mismatches import (
    MOST_MISMATCHES,
    DoesNotFit,
    Mismatch,
    SchemaError,
    bounded,
    place_of,
)
from apiroutes.schemas.texts import with_lists

__all__ = ["ModelSchema", "model_of_fields", "model_schemas"]

# pydantic collects all mismatches of a value that can have at most this many: the number of the value's
# parts, times the nodes of its type.
_FEW_MISMATCHES = 100_000


class ModelSchema:
    """Checks values with pydantic against a type that contains a model."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        pydantic = _pydantic()
        self._error: type[Exception] = pydantic.ValidationError
        try:
            with warnings.catch_warnings():
                # Metadata that pydantic would ignore, such as an alias outside a field, is not a constraint.
                warnings.filterwarnings("error", message=".*has no effect in the context")
                self._adapter = pydantic.TypeAdapter(annotation)
            self._schema = self._adapter.core_schema
        except Exception as error:
            raise SchemaError(f"{named(annotation)} cannot be checked: {_reason(error)}") from error
        self.list_names = list_names(self._schema)
        self.object_names = object_names(self._schema)
        self.names_of_fields = names_of_fields(self._schema)
        self.required_names = required_names(self._schema)
        self.is_single_value = is_single_value(self._schema)
        self.takes_list = takes_list(self._schema)
        fast = with_fail_fast(self._schema)
        self._first = _compiled(fast) or self._adapter
        self._dry = None if calls_functions(self._schema) else _compiled(without_parts(fast))
        self._most = _FEW_MISMATCHES // max(1, size_of(self._schema))
        # Fields may have different names when they are read and when they are written. Before version 2.11,
        # pydantic reads no field by its own name.
        has_names = "by_name" in inspect.signature(self._adapter.validate_json).parameters
        self._names_for_dump = {"by_alias": not has_names}
        self._names_for_load = {"by_alias": False, "by_name": True} if has_names else {}

    def decode(self, content: bytes, place: str = "body") -> Any:
        msgspec.json.decode(content)  # one decoder decides what is valid JSON
        if len(content) <= self._most:
            return self._checked(self._adapter.validate_json, content, place)
        with collecting_paused():
            if self._dry is not None and is_dense(content):
                self._checked(self._dry.validate_json, content, place)
            return self._checked(self._first.validate_json, content, place)

    def convert(self, value: Any, place: str) -> Any:
        value = with_lists(value, self.list_names)
        if is_small(value, self._most):
            return self._checked(self._adapter.validate_python, value, place)
        with collecting_paused():
            return self._checked(self._first.validate_python, value, place)

    def fits(self, value: Any) -> bool:
        """Return whether a value is already of the type, such as a model's instance, however it is sent."""
        try:
            self._adapter.validate_python(value)
        except self._error:
            return False
        return True

    def dump(self, value: Any) -> Any:
        """Return a value as JSON data, for `load`. Raises ValueError if that is impossible."""
        names = self._names_for_dump
        return self._adapter.dump_python(value, mode="json", round_trip=True, warnings=False, **names)

    def load(self, dumped: Any) -> Any:
        """Return the value that was dumped. Raises ValueError if it does not fit."""
        return self._adapter.validate_json(msgspec.json.encode(dumped), **self._names_for_load)

    def _checked(self, validate: Any, value: Any, place: str) -> Any:
        try:
            return validate(value)
        except self._error as error:
            mismatches = bounded(_mismatches(error, place))
        raise DoesNotFit(mismatches)


def _pydantic() -> Any:
    """Return pydantic, which the project has imported, or only annotated_types. Raises SchemaError."""
    try:
        import pydantic
    except ImportError:
        raise SchemaError("pydantic checks the constraints of annotated_types: install it") from None
    return pydantic


def _reason(error: Exception) -> str:
    """Return pydantic's message about a type, without its advice, which is for pydantic's own users."""
    return str(error).split("\n\n")[0].partition(". Set `arbitrary_types_allowed")[0].strip().rstrip(".")


def model_of_fields(fields: Mapping[str, tuple[Any, Any]]) -> ModelSchema:
    """Return the schema of several parameters, each with its annotation and its default (`...` for none).

    They become a model, so that a `Field` has the same meaning as in a model. The model's fields are
    numbered, because a parameter may have any name; each has the parameter's name, or the alias of its
    `Field`, as its alias. Raises SchemaError, and DoesNotFit for a default.
    """
    pydantic = _pydantic()
    for annotation, _ in fields.values():
        check_constraints(annotation, by_pydantic=True)
    names = {f"p{number}": name for number, name in enumerate(fields)}
    attributes = {
        "__annotations__": {field: fields[name][0] for field, name in names.items()},
        "model_config": pydantic.ConfigDict(alias_generator=names.__getitem__, validate_default=True),
        **{field: fields[name][1] for field, name in names.items() if fields[name][1] is not ...},
    }
    try:
        schema = ModelSchema(type(pydantic.BaseModel)("Parameters", (pydantic.BaseModel,), attributes))
    except Exception as error:
        raise SchemaError(f"{', '.join(fields)} cannot be checked: {_reason(error)}") from error
    try:
        schema.convert({}, "")
    except DoesNotFit as error:
        # The place of a default is the field; the place of a missing value is the parameter.
        wrong = [(place[1:], message) for place, message in error.mismatches if place[1:] in names]
        if wrong:
            raise DoesNotFit([(names[field], message) for field, message in wrong]) from None
    return schema


def _compiled(schema: Any) -> Any:
    """Return pydantic's SchemaValidator for a changed core schema, None if pydantic cannot make it."""
    try:
        # The False keeps pydantic from using the model's own SchemaValidator, of the unchanged schema.
        return sys.modules["pydantic_core"].SchemaValidator(schema, None, False)
    except Exception:  # an older pydantic
        return None


def _mismatches(error: Any, place: str) -> Iterator[Mismatch]:
    """Yield the first mismatches. Many errors are read from JSON, one by one, to save an object for each."""
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
    """Return the JSON Schema of each type as it is sent (True) or received, and the schemas they refer to.

    A model that is sent in a different form than it is received has two schemas, which pydantic names
    `M-Output` and `M-Input`.
    """
    if not wanted:
        return [], {}
    adapter = _pydantic().TypeAdapter
    keys: list[tuple[int, str]] = [
        (index, "serialization" if is_sent else "validation") for index, (_, is_sent) in enumerate(wanted)
    ]
    schemas, definitions = adapter.json_schemas(
        [(*key, adapter(annotation)) for key, (annotation, _) in zip(keys, wanted)],
        ref_template=reference.replace("{name}", "{model}"),
        schema_generator=_generator(),
    )
    return [schemas[key] for key in keys], definitions.get("$defs", {})


def _generator() -> Any:
    """Return pydantic's schema generator, in which a model that is sent has its fields with defaults."""
    base: Any = _pydantic().json_schema.GenerateJsonSchema

    class Generator(base):  # type: ignore[misc]
        def field_is_required(self, field: Any, total: bool) -> bool:
            if self.mode == "serialization" and field["type"] != "typed-dict-field":
                return not (field.get("serialization_exclude") or field.get("serialization_exclude_if"))
            return bool(super().field_is_required(field, total))

    return Generator
