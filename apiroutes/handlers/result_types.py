"""What a handler returns, from its annotation and its code.

In: a handler. Out: the kinds of its results: JSON of a type, text, bytes, events, nothing, or others that
describe themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any, Union, get_args, get_origin

import werkzeug.wrappers

from apiroutes.handlers.route_modules import Handler
from apiroutes.results import EventStream, Result, event_stream
from apiroutes.schemas import Schema, SchemaError, is_union, schema_of
from apiroutes.structs import Struct

__all__ = ["Returns", "returns_of"]

_EMPTY = inspect.Signature.empty
# Results that describe themselves: they are sent as they are, whatever the annotation.
_SELF_DESCRIBING = (Result, werkzeug.wrappers.Response)
_NO_CONTENT = 204


class Returns(Struct, frozen=True):
    """The kinds of a handler's results. All are off where nothing is known.

    `json` and `events` are types, of the whole content and of the data of each event; None where there
    is no such content.
    """

    json: Any = None
    schema: Schema | None = None  # of `json`
    events: Any = None
    is_text: bool = False
    is_bytes: bool = False
    is_nothing: bool = False
    # Whether other results are possible, because the annotation allows them or is not a schema.
    has_others: bool = False
    # Whether the code of a handler that returns nothing sets the status 204.
    sets_no_content: bool = False

    @property
    def has_content(self) -> bool:
        """Whether something is known of the content."""
        return self.json is not None or self.events is not None or self.is_text or self.is_bytes


def returns_of(handler: Handler) -> Returns:
    """Return the kinds of a handler's results."""
    annotation = handler.signature.returns
    if annotation is _EMPTY:
        events = str if _refers_to(handler.function, event_stream) else None
        return Returns(events=events, has_others=True)
    parts = get_args(annotation) if is_union(annotation) else (annotation,)
    if len(parts) == 1 and parts[0] in (None, type(None)):
        return Returns(is_nothing=True, sets_no_content=_sets_no_content(handler.function))
    streams = [part for part in parts if _is(part, EventStream)]
    own = [part for part in parts if _is_self_describing(part) and part not in streams]
    values = [part for part in parts if part not in (*streams, *own, str, bytes)]
    schema = _json_schema(values)
    return Returns(
        None if schema is None else schema.annotation,
        schema,
        next((data for part in streams for data in (*get_args(part), str)), None),
        is_text=str in parts,
        is_bytes=bytes in parts,
        has_others=bool(own) or (bool(values) and schema is None),
    )


def _json_schema(parts: list[Any]) -> Schema | None:
    """Return the schema of the JSON; None where no part is sent as JSON, or one of them is not a schema."""
    if not parts or parts == [type(None)]:
        return None
    annotation: Any = Union[tuple(parts)]
    try:
        return schema_of(annotation)
    except SchemaError:  # for example of an iterator
        return None


def _is(part: Any, kind: Any) -> bool:
    cls = get_origin(part) or part
    return isinstance(cls, type) and issubclass(cls, kind)


def _is_self_describing(part: Any) -> bool:
    return part is Any or part is object or _is(part, _SELF_DESCRIBING)


# -- from the code -----------------------------------------------------------------------------


def _codes(function: Any) -> Iterator[CodeType]:
    """Yield the code of a function, and of those inside it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    waiting = [] if code is None else [code]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [part for part in code.co_consts if isinstance(part, CodeType)]


def _refers_to(function: Any, target: object) -> bool:
    """Return whether a function uses another one of its module's names."""
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    return any(scope.get(name) is target for code in _codes(function) for name in code.co_names)


def _sets_no_content(function: Any) -> bool:
    """Return whether a function sets the status 204, as `res.status(204)` or `res.status_code = 204`."""
    return any(
        _NO_CONTENT in code.co_consts and {"status", "status_code"} & set(code.co_names)
        for code in _codes(function)
    )
