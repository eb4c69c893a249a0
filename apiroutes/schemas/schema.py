"""Types to schemas.

In: a type, or the types of several fields. Out: what checks values against it. Raises SchemaError for
a type that nothing can be checked against; the schemas raise DoesNotFit.

What fits is converted by one call of a compiled decoder. Only what does not is looked at twice, to
find all that is wrong with it: the decoder stops at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import info_of, is_list, named, nodes
from apiroutes.schemas.messages import complaint, said
from apiroutes.schemas.mismatches import DoesNotFit, SchemaError, bounded, collecting_paused, is_dense
from apiroutes.schemas.pydantic_models import ModelSchema, has_model
from apiroutes.schemas.search import Search

__all__ = ["Schema", "schema_of", "schema_of_fields"]


_PIECE = 10_000  # parts of a value that are converted at once where each has much memory


class Schema(Protocol):
    """Checks values against one type. `place` is what problems call the value."""

    annotation: Any

    def decode(self, content: bytes, place: str = "body") -> Any:
        """The value of a JSON document. Raises DoesNotFit, and msgspec.DecodeError for what is none."""
        ...

    def convert(self, value: Any, place: str) -> Any:
        """A value made of texts: numbers, dates and the like are read from them. Raises DoesNotFit."""
        ...

    def fits(self, value: Any) -> bool:
        """Whether a value is of the type as it is; False where only its JSON tells."""
        ...


def schema_of(annotation: Any) -> Schema:
    """The schema of a type. Raises SchemaError."""
    if has_model(annotation):
        return ModelSchema(annotation)
    info = info_of(annotation)
    if any(isinstance(node, (inspect.CustomType, inspect.RawType)) for node in nodes(info)):
        raise SchemaError(f"{named(annotation)} cannot be checked")
    is_heavy = any(isinstance(node, inspect.DataclassType) for node in nodes(info))
    return (_HeavyValidator if is_heavy else _MsgspecValidator)(annotation, info)


def schema_of_fields(
    fields: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Callable[[Any, str], tuple[Any, ...]]:
    """What converts a mapping to the values of some fields, in their order, given their types.

    A field that has a default may be missing.
    """
    ordered = [
        (name, annotation, _field_default(defaults[name])) if name in defaults else (name, annotation)
        for name, annotation in fields.items()
    ]
    convert = schema_of(msgspec.defstruct("Parameters", ordered, kw_only=True)).convert
    as_tuple: Callable[[Any], tuple[Any, ...]] = msgspec.structs.astuple
    return lambda value, place: as_tuple(convert(value, place))


def _field_default(value: Any) -> Any:
    """A default that no two requests share."""
    return msgspec.field(default_factory=lambda: list(value)) if isinstance(value, list) else value


class _MsgspecValidator:
    def __init__(self, annotation: Any, info: inspect.Type) -> None:
        self.annotation = annotation
        self._info = info
        self._decode = msgspec.json.Decoder(annotation).decode
        # A form or a query has a text where one value was sent, and a list where several were.
        self._lists = tuple(field.encode_name for field in getattr(info, "fields", ()) if is_list(field.type))

    def decode(self, content: bytes, place: str = "body") -> Any:
        try:
            return self._decode(content)
        except msgspec.ValidationError as error:
            found = error
        with collecting_paused():
            raise self._refusal(msgspec.json.decode(content), place, True, found)

    def convert(self, value: Any, place: str) -> Any:
        if self._lists and isinstance(value, Mapping):
            value = {
                name: [part] if name in self._lists and not isinstance(part, list) else part
                for name, part in value.items()
            }
        try:
            return msgspec.convert(value, self.annotation, strict=False)
        except msgspec.ValidationError as error:
            found = error
        with collecting_paused():
            raise self._refusal(value, place, False, found)

    def fits(self, value: Any) -> bool:
        return False

    def _refusal(self, value: Any, place: str, strict: bool, error: Exception) -> DoesNotFit:
        """All that is wrong, or else what the decoder stopped at."""
        found = complaint(error)
        mismatches = bounded(Search(strict).mismatches(value, self.annotation, place, found))
        return DoesNotFit(mismatches or bounded([(place, said(found[0], self._info))]))


class _HeavyValidator(_MsgspecValidator):
    """Of a type with dataclasses in it, whose instances have a dict each."""

    def decode(self, content: bytes, place: str = "body") -> Any:
        if is_dense(content):
            with collecting_paused():
                self._check_in_pieces(msgspec.json.decode(content), place)
        return super().decode(content, place)

    def _check_in_pieces(self, value: Any, place: str) -> None:
        """Refuse a value before all that fits in it is made."""
        search = Search(strict=True, piece=_PIECE)
        found = search.look(value, self.annotation)
        mismatches = bounded(search.mismatches(value, self.annotation, place, found)) if found else []
        if mismatches:
            raise DoesNotFit(mismatches)
