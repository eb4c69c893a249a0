"""What a function returns, as bytes and back as the same value.

In: a return annotation, then values. Out: MessagePack, and from it equal values of equal types. Raises
SchemaError for an annotation that no data can have, and NotData for a value that is not data, or would come
back as a different one.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from apiroutes.cache.argument_keys import NotData, fields_of
from apiroutes.schemas import ModelSchema, SchemaError, has_model, schema_of

__all__ = ["ANYTHING", "ValueCodec", "codec_of", "is_immutable", "return_annotation"]

# For a function without a return annotation.
ANYTHING: Any = inspect.Signature.empty

# Where a value is, in messages.
_TOP = "result"

_ANNOTATE = "give the function a return annotation, such as `-> tuple[int, str]`"


class ValueCodec(Protocol):
    """Values as MessagePack, and back."""

    def encode(self, value: Any) -> tuple[bytes, Any]:
        """Return a value's content, and the value that the content represents. Raises NotData."""
        ...

    def decode(self, content: bytes) -> Any:
        """Return the value of a content, a new one each time. Raises ValueError if it does not fit."""
        ...


def return_annotation(function: Callable[..., Any]) -> Any:
    """Return the return annotation of a function. Raises NameError if a name in it is not defined yet."""
    annotation = getattr(function, "__annotations__", {}).get("return", ANYTHING)
    if annotation is ANYTHING:
        return ANYTHING

    def holder() -> None: ...

    holder.__annotations__ = {"return": annotation}
    names = getattr(inspect.unwrap(function), "__globals__", {})
    return typing.get_type_hints(holder, names, include_extras=True)["return"]


def codec_of(annotation: Any) -> ValueCodec:
    """Return the codec of a return annotation, `ANYTHING` for none. Raises SchemaError."""
    if annotation is not ANYTHING and has_model(annotation):
        return _ModelCodec(ModelSchema(annotation))
    return _PlainCodec(annotation)


class _PlainCodec:
    """For types that msgspec knows."""

    def __init__(self, annotation: Any) -> None:
        self._is_typed = annotation not in (ANYTHING, Any, object)
        if self._is_typed:
            schema_of(annotation)
        wanted = annotation if self._is_typed else Any
        try:
            self.decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(wanted).decode
        except TypeError as error:
            raise SchemaError(f"{annotation} cannot be kept: {error}") from None

    def encode(self, value: Any) -> tuple[bytes, Any]:
        content, copy, difference = self._copied(value, lambda: _encode(value))
        if difference is not None and self._is_typed:  # such as a time with a zone, which MessagePack lacks
            content, copy, difference = self._copied(value, lambda: _encode(_as_texts(value)))
        if difference is None:
            return content, copy
        was, became = type(difference.was).__qualname__, type(difference.became).__qualname__
        as_what = f"a `{became}`" if was != became else "another"
        raise NotData(difference.place, f"is a `{was}`, which comes back as {as_what}", _ANNOTATE)

    def _copied(self, value: Any, encode: Callable[[], bytes]) -> tuple[bytes, Any, _Difference | None]:
        """Return a value's content, what is decoded from it, and where that differs."""
        content = _encoded(value, encode)
        try:
            copy = self.decode(content)
        except msgspec.ValidationError as error:
            raise NotData(_TOP, _without_root(error), "correct the value or the return annotation") from None
        return content, copy, _difference(value, copy, self._is_typed)


class _ModelCodec:
    """For types with a pydantic model, which is validated when it comes back."""

    def __init__(self, schema: ModelSchema) -> None:
        self._schema = schema

    def encode(self, value: Any) -> tuple[bytes, Any]:
        try:
            content = _encode(self._schema.dump(value))
            copy = self.decode(content)
        except (TypeError, ValueError) as error:
            reason = str(error).split("\n\n")[0]
            raise NotData(_TOP, f"cannot be kept: {reason}", _ANNOTATE) from None
        difference = _difference(value, copy, True)
        if difference is None:
            return content, copy
        reason = "differs after its model has validated it again"
        raise NotData(difference.place, reason, "return a model that can be rebuilt from its own data")

    def decode(self, content: bytes) -> Any:
        return self._schema.load(msgspec.msgpack.decode(content))


# -- to bytes ----------------------------------------------------------------------------------

_encode = msgspec.msgpack.encode


def _as_texts(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(bytes, bytearray, memoryview))


def _encoded(value: Any, encode: Callable[[], bytes]) -> bytes:
    """Return the bytes of a value. Raises NotData with the place of the part that cannot be encoded."""
    try:
        return encode()
    except RecursionError:
        raise NotData(_TOP, "contains itself", "return data without cycles") from None
    except (TypeError, ValueError, OverflowError):
        place, part = _unencodable(value)
    raise NotData(place, _reason(part), _remedy(part))


def _unencodable(value: Any) -> tuple[str, Any]:
    """Return the innermost part of a value that cannot be encoded, with its place."""
    place, goes_on = _TOP, True
    while goes_on:
        goes_on = False
        for step, part in _parts(value):
            try:
                _encode(part)
            except (TypeError, ValueError, OverflowError, RecursionError):
                place, value, goes_on = place + step, part, True
                break
    return place, value


def _reason(part: Any) -> str:
    if isinstance(part, int):
        return "is an integer of more than 64 bits, which MessagePack cannot hold"
    if isinstance(part, str):
        return "is a string with half of a surrogate pair, which UTF-8 cannot encode"
    if inspect.iscoroutine(part):
        part.close()  # or Python would warn that nobody awaits it
        return "is a coroutine, which only a coroutine function may return"
    return f"is an object of the type `{type(part).__qualname__}`, which is not data"


def _remedy(part: Any) -> str:
    if isinstance(part, (int, str)):
        return "return it in another form"
    if inspect.iscoroutine(part):
        return "write `async def`"
    return "return data: strings, numbers, dates, lists, dicts, dataclasses, Structs, models"


def _without_root(error: msgspec.ValidationError) -> str:
    return f"does not match the annotation: {str(error).replace('`$', f'`{_TOP}')}"


# -- what comes back ---------------------------------------------------------------------------


class _Difference(NamedTuple):
    """A part of a value, and what it became in the copy."""

    place: str
    was: Any
    became: Any


_SCALARS = (str, int, float, bool, bytes, type(None), date, datetime, time, timedelta, Decimal, UUID)
_IMMUTABLE = frozenset(_SCALARS)


def is_immutable(value: Any) -> bool:
    """Return whether a value can be shared, because nobody can change it."""
    kind = type(value)
    if kind is tuple or kind is frozenset:
        return all(map(is_immutable, value))
    return kind in _IMMUTABLE or isinstance(value, Enum)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a container or an object, each with the step to it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield f" (the key {key!r})", key
            yield f"[{key!r}]", part
    elif isinstance(value, (list, tuple)):
        for index, part in enumerate(value):
            yield f"[{index}]", part
    elif isinstance(value, (set, frozenset)):
        for part in value:
            yield f" (the member {part!r})", part
    else:
        for name, part in fields_of(value) or ():
            yield f".{name}", part


def _difference(value: Any, copy: Any, is_typed: bool, place: str = _TOP) -> _Difference | None:
    """Return the first part of a copy that is not equal or not of the same type; None without one.

    If the annotation is `float`, an integer may have become one.
    """
    kind = type(value)
    fields = None if kind in _IMMUTABLE else fields_of(value)
    if kind is not type(copy):
        is_same = is_typed and kind is int and type(copy) is float and value == copy
    elif fields is not None:
        names = (f"{place}.{name}" for name, _ in fields)
        return _difference_in(dict(fields), dict(fields_of(copy) or ()), is_typed, place, names)
    elif kind is dict:
        if all(_difference(key, its, is_typed) is None for key, its in zip(value, copy)):
            return _difference_in(value, copy, is_typed, place, (f"{place}[{key!r}]" for key in value))
        is_same = False
    elif isinstance(value, (list, tuple)):
        indexes = (f"{place}[{index}]" for index in range(len(value)))
        return _difference_in(dict(enumerate(value)), dict(enumerate(copy)), is_typed, place, indexes)
    elif isinstance(value, (set, frozenset)):
        is_same = _typed(value) == _typed(copy)
    else:
        is_same = _is_same(value, copy)
    return None if is_same else _Difference(place, value, copy)


def _difference_in(
    parts: dict[Any, Any], copies: dict[Any, Any], is_typed: bool, place: str, places: Iterable[str]
) -> _Difference | None:
    """Return the first difference of parts, by index, name or key; `places` are theirs."""
    if len(parts) != len(copies):
        return _Difference(place, parts, copies)
    # MessagePack keeps the order.
    for part, copy, inside in zip(parts.values(), copies.values(), places):
        difference = _difference(part, copy, is_typed, inside)
        if difference is not None:
            return difference
    return None


def _typed(values: Iterable[Any]) -> set[tuple[type, Any]]:
    return {(type(value), value) for value in values}


def _is_same(value: Any, copy: Any) -> bool:
    if isinstance(value, (datetime, time)) and value.utcoffset() != copy.utcoffset():
        return False
    both_nan = isinstance(value, float) and value != value and copy != copy
    return both_nan or bool(value == copy)
