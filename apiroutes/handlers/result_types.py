"""In development: whether a handler returns what its annotation says.

In: a handler. Out: the same, which raises TypeError for what it should not have returned, so that
the error page shows it. In production what is returned is encoded as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Union, get_args

import werkzeug.wrappers

from apiroutes.handlers.route_modules import Handler
from apiroutes.http import encode_json
from apiroutes.results import Result
from apiroutes.schemas import DoesNotFit, Schema, SchemaError, is_union, schema_of

__all__ = ["with_checked_result", "result_type"]

# What a handler may return that is no value of a type: it says for itself what it sends.
_SELF_DESCRIBING = (Result, werkzeug.wrappers.Response, str, bytes)


def result_type(handler: Handler) -> Any:
    """The annotation of the JSON that a handler returns; None where it has none."""
    schema = _schema(handler)
    return None if schema is None else schema.annotation


def _schema(handler: Handler) -> Schema | None:
    annotation = handler.signature.returns
    if annotation in (None, type(None), inspect.Signature.empty):
        return None
    if is_union(annotation):
        parts = [part for part in get_args(annotation) if not _is_other(part)]
        if len(parts) < len(get_args(annotation)):
            annotation = Union[tuple(parts)] if parts else None
    if annotation is None or _is_other(annotation):
        return None
    try:
        return schema_of(annotation)
    except SchemaError:  # an iterator, say
        return None


def _is_other(annotation: Any) -> bool:
    return annotation is Any or (isinstance(annotation, type) and issubclass(annotation, _SELF_DESCRIBING))


def with_checked_result(handler: Handler) -> Handler:
    """The handler with its returned values checked; itself where its annotation says nothing."""
    schema = _schema(handler)
    if schema is None:
        return handler
    call = _checked_async(handler, schema) if handler.is_async else _checked(handler, schema)
    return replace(handler, call=call)


def _checked(handler: Handler, schema: Schema) -> Callable[[Any, Any], Any]:
    def call(request: Any, response: Any) -> Any:
        return _check(handler.call(request, response), handler, schema)

    return call


def _checked_async(handler: Handler, schema: Schema) -> Callable[[Any, Any], Any]:
    async def check_later(coroutine: Any) -> Any:
        return _check(await coroutine, handler, schema)

    # What is called here may read the body, which an event loop must not wait for.
    return lambda request, response: check_later(handler.call(request, response))


def _check(result: Any, handler: Handler, schema: Schema) -> Any:
    is_other = result is None or isinstance(result, _SELF_DESCRIBING) or callable(result)
    # A model's instance is one, and what it is sent as need not be what it is made from.
    if not is_other and not hasattr(result, "__next__") and not schema.fits(result):
        try:
            schema.decode(encode_json(result), "returned")
        except DoesNotFit as invalid:
            lines = "; ".join(f"{place}: {message}" for place, message in invalid.mismatches)
            raise TypeError(f"{handler.place} does not return what its annotation says: {lines}") from None
    return result
