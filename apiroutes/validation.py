"""Annotations to validators: what a handler's parameters are, checked and converted.

In: a type (a msgspec Struct, dataclass, TypedDict, attrs class, container, scalar or pydantic model)
and a value. Out: the value as that type. Raises Invalid with every problem of the value, each with
its place, and SchemaError at start for an annotation that cannot be checked.

What fits is converted by one call of a compiled decoder. Only what does not is looked at twice, in
Python, to find all that is wrong with it: the decoder stops at the first.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

__all__ = [
    "Fault",
    "Invalid",
    "SchemaError",
    "Validator",
    "is_simple",
    "is_union",
    "json_schemas",
    "required_fields",
    "takes_list",
    "validator_of",
    "validator_of_fields",
    "why_default_does_not_fit",
]

# The place of a problem, as `body.items[3].price`, and what is wrong there; never the value.
Fault = tuple[str, str]

_SIMPLE = (
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
_LISTS = (inspect.FrozenSetType, inspect.ListType, inspect.SetType, inspect.VarTupleType)


# How many problems are said, and how deep they are looked for: each level looks at all below it.
_MOST_FAULTS = 100
_DEEPEST_FAULT = 32


class SchemaError(TypeError):
    """An annotation that nothing can be checked against."""


class Invalid(Exception):
    """A value that does not fit its type."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


class Validator(Protocol):
    """Checks values against one type. `place` is what problems call the value."""

    annotation: Any

    def decode(self, content: bytes, place: str = "body") -> Any:
        """The value of a JSON document. Raises Invalid, and msgspec.DecodeError for what is none."""
        ...

    def convert(self, value: Any, place: str) -> Any:
        """A value made of texts: numbers, dates and the like are read from them. Raises Invalid."""
        ...


def validator_of(annotation: Any) -> Validator:
    """The validator of a type. Raises SchemaError."""
    if _has_model(annotation):
        return _PydanticValidator(annotation)
    info = _info(annotation)
    if any(isinstance(node, (inspect.CustomType, inspect.RawType)) for node in _nodes(info)):
        raise SchemaError(f"{_named(annotation)} cannot be checked")
    return _MsgspecValidator(annotation, info)


def validator_of_fields(
    fields: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Callable[[Any, str], tuple[Any, ...]]:
    """What converts a mapping to the values of some fields, in their order, given their types.

    A field that has a default may be missing.
    """
    ordered = [
        (name, annotation, _field_default(defaults[name])) if name in defaults else (name, annotation)
        for name, annotation in fields.items()
    ]
    convert = validator_of(msgspec.defstruct("Parameters", ordered, kw_only=True)).convert
    as_tuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
    return lambda value, place: as_tuple(convert(value, place))


def _field_default(value: Any) -> Any:
    """A default that no two requests share."""
    return msgspec.field(default_factory=lambda: list(value)) if isinstance(value, list) else value


def required_fields(annotation: Any) -> list[str]:
    """The names that a mapping must have to be the type."""
    fields = getattr(inspect.type_info(annotation), "fields", ())
    return [field.encode_name for field in fields if field.required]


def why_default_does_not_fit(annotation: Any, default: Any) -> str | None:
    """What keeps a default from being of the type; None when nothing does."""
    try:
        msgspec.convert(msgspec.to_builtins(default), annotation)
    except (TypeError, msgspec.ValidationError) as error:
        return _said(error, annotation)
    return None


def is_simple(annotation: Any) -> bool:
    """Whether a text, or several, can stand for it: numbers, dates, enums, and lists of them."""
    allowed = (*_SIMPLE, *_LISTS, inspect.UnionType)
    return all(isinstance(node, allowed) for node in _nodes(_info(annotation)))


def is_union(annotation: Any) -> bool:
    """Whether it is one of several types, as `int | None` is."""
    return get_origin(annotation) in (Union, types.UnionType)


def takes_list(annotation: Any) -> bool:
    """Whether it is a list, a set or a tuple, also an optional one."""
    return _is_list(_info(annotation))


def _info(annotation: Any) -> inspect.Type:
    try:
        return inspect.type_info(annotation)
    except Exception as error:
        raise SchemaError(f"{_named(annotation)} cannot be checked: {error}") from error


def _is_list(info: inspect.Type) -> bool:
    if isinstance(info, inspect.UnionType):
        return any(_is_list(each) for each in info.types)
    return isinstance(info, _LISTS)


def _nodes(info: inspect.Type, seen: frozenset[Any] = frozenset()) -> Iterator[inspect.Type]:
    """The type and all that it is made of."""
    yield info
    owner = getattr(info, "cls", None)
    if owner in seen and owner is not None:
        return  # a type that has itself as a part
    inner = seen | {owner}
    for field in getattr(info, "fields", ()):
        yield from _nodes(field.type, inner)
    for name in ("item_type", "key_type", "value_type"):
        part = getattr(info, name, None)
        if part is not None:
            yield from _nodes(part, inner)
    for part in (*getattr(info, "types", ()), *getattr(info, "item_types", ())):
        yield from _nodes(part, inner)


def _named(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)


class _MsgspecValidator:
    def __init__(self, annotation: Any, info: inspect.Type) -> None:
        self.annotation = annotation
        self._decode = msgspec.json.Decoder(annotation).decode
        # A form or a query has a text where one value was sent, and a list where several were.
        self._lists = tuple(
            field.encode_name for field in getattr(info, "fields", ()) if _is_list(field.type)
        )

    def decode(self, content: bytes, place: str = "body") -> Any:
        try:
            return self._decode(content)
        except msgspec.ValidationError as error:
            raise self._refusal(msgspec.json.decode(content), place, True, error) from None

    def convert(self, value: Any, place: str) -> Any:
        if self._lists and isinstance(value, Mapping):
            value = {
                name: [part] if name in self._lists and not isinstance(part, list) else part
                for name, part in value.items()
            }
        try:
            return msgspec.convert(value, self.annotation, strict=False)
        except msgspec.ValidationError as error:
            raise self._refusal(value, place, False, error) from None

    def _refusal(self, value: Any, place: str, strict: bool, error: Exception) -> Invalid:
        """All that is wrong, or else what the decoder stopped at."""
        faults = list(islice(_faults(value, self.annotation, place, strict), _MOST_FAULTS))
        return Invalid(faults or [(place, _said(error, self.annotation))])


# -- all that is wrong with a value ------------------------------------------------------------


def _faults(value: Any, annotation: Any, place: str, strict: bool, depth: int = 0) -> Iterator[Fault]:
    """The problems of a value, from the inside: of its parts, or else its own."""
    try:
        msgspec.convert(value, annotation, strict=strict)
    except msgspec.ValidationError as error:
        found: Iterator[Fault] = iter(())
        if depth < _DEEPEST_FAULT:
            found = _faults_of_parts(value, _unwrapped(annotation, value), place, strict, depth + 1)
        yield next(found, (place, _said(error, annotation)))
        yield from found


def _faults_of_parts(value: Any, annotation: Any, place: str, strict: bool, depth: int) -> Iterator[Fault]:
    info = _info(annotation)
    if isinstance(value, Mapping) and hasattr(info, "fields"):
        yield from _faults_of_fields(value, annotation, info, place, strict, depth)
    elif isinstance(value, Mapping) and isinstance(info, inspect.DictType):
        for name, part in value.items():
            yield from _faults(part, get_args(annotation)[1], f"{place}.{name}", strict, depth)
    elif isinstance(value, list) and isinstance(info, _LISTS) and get_args(annotation):
        for index, part in enumerate(value):
            yield from _faults(part, get_args(annotation)[0], f"{place}[{index}]", strict, depth)


def _faults_of_fields(
    value: Mapping[str, Any], annotation: Any, info: Any, place: str, strict: bool, depth: int
) -> Iterator[Fault]:
    hints = get_type_hints(get_origin(annotation) or annotation, include_extras=True)
    known = set()
    for field in info.fields:
        known.add(field.encode_name)
        inner = f"{place}.{field.encode_name}"
        if field.encode_name in value:
            yield from _faults(value[field.encode_name], _bare(hints[field.name]), inner, strict, depth)
        elif field.required:
            yield inner, "is required"
    if getattr(info, "forbid_unknown_fields", False):
        for name in value:
            if name not in known:
                yield f"{place}.{name}", "is not known"


def _bare(hint: Any) -> Any:
    """A TypedDict's hint without Required and NotRequired."""
    name = getattr(get_origin(hint), "_name", None)
    return get_args(hint)[0] if name in ("Required", "NotRequired") else hint


def _unwrapped(annotation: Any, value: Any) -> Any:
    """What an annotation is about: without Annotated, and without the None of an optional one."""
    if get_origin(annotation) is Annotated:
        return _unwrapped(get_args(annotation)[0], value)
    if is_union(annotation):
        others = [part for part in get_args(annotation) if part is not type(None)]
        if len(others) == 1 and value is not None:
            return _unwrapped(others[0], value)
    return annotation


def _said(error: Exception, annotation: Any) -> str:
    """What is wrong, in the words of the decoder, which quotes the value of an enum."""
    message = str(error).partition(" - at `")[0]
    if message.startswith("Invalid enum value"):
        allowed = _values(_info(annotation))
        return "Expected one of " + ", ".join(f"`{value}`" for value in allowed)
    return message


def _values(info: inspect.Type) -> list[object]:
    if isinstance(info, inspect.UnionType):
        return [value for each in info.types for value in _values(each)]
    if isinstance(info, inspect.EnumType):
        return [member.value for member in info.cls]
    return list(info.values) if isinstance(info, inspect.LiteralType) else []


# -- as JSON Schema ----------------------------------------------------------------------------


def json_schemas(
    annotations: Sequence[Any], reference: str
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The JSON Schema (2020-12) of each type, and the schemas that these refer to, by name.

    `reference` is what a reference looks like, with `{name}` in it.
    """
    ours = [annotation for annotation in annotations if not _has_model(annotation)]
    schemas, definitions = msgspec.json.schema_components(ours, ref_template=reference)
    found = iter(schemas)
    result: list[dict[str, Any]] = []
    for annotation in annotations:
        if _has_model(annotation):
            template = reference.replace("{name}", "{model}")
            schema = sys.modules["pydantic"].TypeAdapter(annotation).json_schema(ref_template=template)
            definitions.update(schema.pop("$defs", {}))
            result.append(schema)
        else:
            result.append(next(found))
    return result, definitions


# -- pydantic, which is never imported: who has a model has imported it --------------------------


def _has_model(annotation: Any) -> bool:
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__"):
        return True
    return any(_has_model(part) for part in get_args(annotation) if not isinstance(part, enum.Enum))


class _PydanticValidator:
    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        self._pydantic = sys.modules["pydantic"]
        try:
            self._adapter = self._pydantic.TypeAdapter(annotation)
        except Exception as error:
            raise SchemaError(f"{_named(annotation)} cannot be checked: {error}") from error

    def decode(self, content: bytes, place: str = "body") -> Any:
        msgspec.json.decode(content)  # what is JSON is decided by one decoder
        return self._checked(self._adapter.validate_json, content, place)

    def convert(self, value: Any, place: str) -> Any:
        return self._checked(self._adapter.validate_python, value, place)

    def _checked(self, validate: Any, value: Any, place: str) -> Any:
        try:
            return validate(value)
        except self._pydantic.ValidationError as error:
            found = error.errors(include_input=False, include_url=False, include_context=False)
            faults = [(_joined(place, each["loc"]), each["msg"]) for each in found[:_MOST_FAULTS]]
            raise Invalid(faults) from None


def _joined(place: str, location: tuple[str | int, ...]) -> str:
    return place + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
