"""The type of a handler's result, and a check of results against it in development.

In: a handler. Out: the same handler, which raises TypeError for a result that does not fit its return
annotation, so that the error page shows it. In production results are encoded unchecked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Union, get_args

import werkzeug.wrappers

from apiroutes.handlers.route_modules import Handler
from apiroutes.http import encode_json
from apiroutes.results import Result
from apiroutes.schemas import DoesNotFit, Schema, SchemaError, is_union, schema_of
from apiroutes.structs import replace

__all__ = ["with_checked_result", "result_type"]

# Results that describe themselves: they are sent as they are, whatever the annotation.
_SELF_DESCRIBING = (Result, werkzeug.wrappers.Response, str, bytes)


def result_type(handler: Handler) -> Any:
    """Return the annotation of the JSON that a handler returns; None without one."""
    schema = _schema(handler)
    return None if schema is None else schema.annotation


def _schema(handler: Handler) -> Schema | None:
    annotation = handler.signature.returns
    if annotation in (None, type(None), inspect.Signature.empty):
        return None
    if is_union(annotation):
        parts = [part for part in get_args(annotation) if not _is_self_describing(part)]
        if len(parts) < len(get_args(annotation)):
            annotation = Union[tuple(parts)] if parts else None
    if annotation is None or _is_self_describing(annotation):
        return None
    try:
        return schema_of(annotation)
    except SchemaError:  # for example of an iterator
        return None


def _is_self_describing(annotation: Any) -> bool:
    return annotation is Any or (isinstance(annotation, type) and issubclass(annotation, _SELF_DESCRIBING))


def with_checked_result(handler: Handler) -> Handler:
    """Return the handler with its results checked; itself if no annotation describes them."""
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

    # The call itself may read the body, and an event loop must not wait for that.
    return lambda request, response: check_later(handler.call(request, response))


def _check(result: Any, handler: Handler, schema: Schema) -> Any:
    is_unchecked = result is None or isinstance(result, _SELF_DESCRIBING) or callable(result)
    # An instance of a model fits by itself: it may be sent as something that it is not made from.
    if not is_unchecked and not hasattr(result, "__next__") and not schema.fits(result):
        try:
            schema.decode(encode_json(result), "returned")
        except DoesNotFit as invalid:
            lines = "; ".join(f"{place}: {message}" for place, message in invalid.mismatches)
            raise TypeError(f"the result of {handler.place} does not fit its annotation: {lines}") from None
    return result
