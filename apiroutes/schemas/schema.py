"""Schemas from types.

In: a type, or the types of several fields. Out: a schema, which checks values. Raises SchemaError for a
type that no value can be checked against; the schemas raise DoesNotFit.

A value that fits is converted by one call of a compiled decoder. Only a value that does not fit is examined a
second time, to find all its mismatches: the decoder stops at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import info_of, is_float, is_list, is_single_value, named, nodes
from apiroutes.schemas.checkers import check_constraints, has_model
from apiroutes.schemas.dataclass_defaults import filler_of
from apiroutes.schemas.memory import collecting_paused, is_dense
from apiroutes.schemas.messages import public_message, violation_of
from apiroutes.schemas.mismatches import DoesNotFit, SchemaError, bounded
from apiroutes.schemas.pydantic_models import ModelSchema
from apiroutes.schemas.search import Search
from apiroutes.schemas.texts import with_lists, with_plain_floats

__all__ = ["Schema", "schema_of", "schema_of_fields"]

_PIECE = 10_000  # parts of a value that are converted at once if each takes much memory


class Schema(Protocol):
    """Checks values against one type. `place` is the name of the value in mismatches."""

    annotation: Any

    @property
    def is_single_value(self) -> bool:
        """Whether one or more texts can become a value."""
        ...

    @property
    def takes_list(self) -> bool:
        """Whether it is a list, a set or a tuple, possibly optional."""
        ...

    @property
    def names_of_fields(self) -> tuple[Sequence[str], ...]:
        """The names of each field of the type's objects, if it has fields: the first is the usual name."""
        ...

    @property
    def required_names(self) -> tuple[str, ...]:
        """The names that a mapping must contain to fit."""
        ...

    def decode(self, content: bytes, place: str = "body") -> Any:
        """Return the value of a JSON document. Raises DoesNotFit, or msgspec.DecodeError for invalid JSON."""
        ...

    def convert(self, value: Any, place: str) -> Any:
        """Return the value, whose numbers, dates and the like are given as texts. Raises DoesNotFit."""
        ...

    def fits(self, value: Any) -> bool:
        """Return whether a Python value is already of the type; False if only its JSON can tell."""
        ...


def schema_of(annotation: Any) -> Schema:
    """Return the schema of a type. Raises SchemaError."""
    by_pydantic = has_model(annotation)
    check_constraints(annotation, by_pydantic)
    if by_pydantic:
        return ModelSchema(annotation)
    info = info_of(annotation)
    parts = [*nodes(info)]
    for part in parts:
        if isinstance(part, (inspect.CustomType, inspect.RawType)):
            raise SchemaError(f"{named(annotation)} cannot be checked{_because_of(part, annotation)}")
    has_dataclass = any(isinstance(part, inspect.DataclassType) for part in parts)
    return (_DataclassSchema if has_dataclass else _MsgspecSchema)(annotation, info)


def _because_of(node: inspect.Type, annotation: Any) -> str:
    """Return why a type that contains a class of neither library cannot be checked."""
    cls = getattr(node, "cls", None)
    if cls is None or cls is annotation:
        return ""
    if has_model(cls):
        return f": pydantic checks no Struct with `{named(cls)}`; make the Struct a model or a dataclass"
    return f" because of `{named(cls)}`"


def schema_of_fields(
    fields: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Callable[[Any, str], tuple[Any, ...]]:
    """Return a function that converts a mapping to the values of the fields, in their order.

    `fields` are types of single values by name, each checked already; a field with a default may be missing.
    """
    ordered = [
        (name, annotation, _field_default(defaults[name])) if name in defaults else (name, annotation)
        for name, annotation in fields.items()
    ]
    together = msgspec.defstruct("Parameters", ordered, kw_only=True)
    convert = _MsgspecSchema(together, info_of(together)).convert
    as_tuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
    return lambda value, place: as_tuple(convert(value, place))


def _field_default(value: Any) -> Any:
    """Return a default that requests do not share."""
    return msgspec.field(default_factory=lambda: list(value)) if isinstance(value, list) else value


class _MsgspecSchema:
    def __init__(self, annotation: Any, info: inspect.Type) -> None:
        self.annotation = annotation
        self._info = info
        self._decode = msgspec.json.Decoder(annotation).decode
        fields = getattr(info, "fields", ())
        self._lists = tuple(field.encode_name for field in fields if is_list(field.type))
        self._floats = tuple(field.encode_name for field in fields if is_float(field.type))

    @property
    def is_single_value(self) -> bool:
        return is_single_value(self._info)

    @property
    def takes_list(self) -> bool:
        return is_list(self._info)

    @property
    def names_of_fields(self) -> tuple[Sequence[str], ...]:
        types = getattr(self._info, "types", (self._info,))  # the types of a union
        return tuple((field.encode_name,) for part in types for field in getattr(part, "fields", ()))

    @property
    def required_names(self) -> tuple[str, ...]:
        fields = getattr(self._info, "fields", ())
        return tuple(field.encode_name for field in fields if field.required)

    def decode(self, content: bytes, place: str = "body") -> Any:
        try:
            return self._decode(content)
        except msgspec.ValidationError as error:
            first = error
        with collecting_paused():
            raise self._error_of(msgspec.json.decode(content), place, True, first)

    def convert(self, value: Any, place: str) -> Any:
        if self._lists:
            value = with_lists(value, self._lists)
        try:
            return msgspec.convert(value, self.annotation, strict=False)
        except msgspec.ValidationError as error:
            first: Exception = error
        if self._floats:
            value = with_plain_floats(value, self._floats)
            try:
                return msgspec.convert(value, self.annotation, strict=False)
            except msgspec.ValidationError as error:
                first = error
        with collecting_paused():
            raise self._error_of(value, place, False, first)

    def fits(self, value: Any) -> bool:
        return False

    def _error_of(self, value: Any, place: str, strict: bool, error: Exception) -> DoesNotFit:
        """Return an exception with all mismatches, or at least the one at which the decoder stopped."""
        violation = violation_of(error)
        mismatches = bounded(Search(strict).mismatches(value, self.annotation, place, violation))
        return DoesNotFit(mismatches or bounded([(place, public_message(violation[0], self._info))]))


class _DataclassSchema(_MsgspecSchema):
    """For a type that contains dataclasses, whose instances take much memory, as each has a dict."""

    def __init__(self, annotation: Any, info: inspect.Type) -> None:
        super().__init__(annotation, info)
        self._fill = filler_of(info)

    def decode(self, content: bytes, place: str = "body") -> Any:
        if is_dense(content):
            with collecting_paused():
                self._check_in_pieces(msgspec.json.decode(content), place)
        value = super().decode(content, place)
        return value if self._fill is None else self._fill(value)

    def convert(self, value: Any, place: str) -> Any:
        value = super().convert(value, place)
        return value if self._fill is None else self._fill(value)

    def _check_in_pieces(self, value: Any, place: str) -> None:
        """Refuse a value before instances of all its fitting parts exist."""
        search = Search(strict=True, piece=_PIECE)
        violation = search.look(value, self.annotation)
        if violation is None:
            return
        mismatches = bounded(search.mismatches(value, self.annotation, place, violation))
        if mismatches:
            raise DoesNotFit(mismatches)
