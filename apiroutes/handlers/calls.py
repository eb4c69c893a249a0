"""The call of a handler: a function of request and response that passes what the handler takes.

In: a function, its parameters, and a source for each argument. Out: a `Call`, which raises
InvalidRequest with every mismatch of a request that is not valid.

A plain handler, which takes whole parts without annotations, is called as directly as possible.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Union

from apiroutes.errors import InvalidRequest
from apiroutes.request import Request
from apiroutes.schemas import DoesNotFit, Schema, bounded, schema_of_fields

__all__ = [
    "REQUEST_PARTS",
    "SESSION",
    "Arguments",
    "Call",
    "Needed",
    "Reader",
    "Source",
    "arguments_of",
    "call_of",
    "content_reader",
    "field_reader",
    "file_reader",
    "model_reader",
    "reader_of_all",
    "whole_reader",
]

Call = Callable[[Any, Any], Any]
# Reads the values of some parameters, in the order of their positions. Raises DoesNotFit.
Reader = Callable[[Request], tuple[Any, ...]]


class Needed(NamedTuple):
    """The value of a dependency, as an argument for the parameter of this name."""

    parameter: str


# Gives an argument: a function of request and response, the position of a value among those read, or a
# dependency.
Source = Union[Call, int, Needed]


class Arguments(NamedTuple):
    """The sources as the function is called with them."""

    by_position: list[Any]
    by_name: Mapping[str, Any]


REQUEST_PARTS: dict[str, Call] = {
    "request": lambda request, response: request,
    "req": lambda request, response: request,
    "response": lambda request, response: response,
    "res": lambda request, response: response,
    "params": lambda request, response: request.params,
    "query": lambda request, response: request.query,
    "body": lambda request, response: request.body,
    "context": lambda request, response: request.context,
}

# What a parameter gets whose type is `Session`, whatever its name.
SESSION: Call = lambda request, response: request.session  # noqa: E731  (like those above)


def call_of(
    function: Callable[..., Any],
    parameters: Sequence[inspect.Parameter],
    sources: Mapping[str, Source],
    readers: Sequence[Reader],
) -> Call:
    """Return the call of `function`; a parameter without a source is left to its default."""
    by_position, by_name = arguments_of(parameters, sources)
    if not readers:
        if _takes_both(parameters):
            return function
        return _call_with_parts(function, by_position, by_name)
    if len(readers) == 1 and not by_name and by_position == list(range(len(by_position))):
        return _call_with_one_reader(function, readers[0])
    return _call_with_values(function, by_position, by_name, readers)


def arguments_of(parameters: Sequence[inspect.Parameter], sources: Mapping[str, Source]) -> Arguments:
    """Return the sources as the function is called with them: by position as far as that goes."""
    by_position: list[Any] = []
    by_name: dict[str, Any] = {}
    is_by_name = False
    for parameter in parameters:
        if parameter.name not in sources:
            is_by_name = True
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY or is_by_name:
            by_name[parameter.name] = sources[parameter.name]
        else:
            by_position.append(sources[parameter.name])
    return Arguments(by_position, by_name)


def _takes_both(parameters: Sequence[inspect.Parameter]) -> bool:
    """Return whether the function is one of request and response already."""
    kinds = {parameter.kind for parameter in parameters}
    names = tuple(parameter.name.lstrip("_") for parameter in parameters)
    is_pair = names in (("req", "res"), ("request", "response")) or inspect.Parameter.VAR_POSITIONAL in kinds
    return is_pair and inspect.Parameter.KEYWORD_ONLY not in kinds


def _call_with_parts(
    function: Callable[..., Any], by_position: list[Call], by_name: Mapping[str, Call]
) -> Call:
    """Return the call of a function that takes parts of the request as they are."""
    if by_name:
        return lambda request, response: function(
            *[part(request, response) for part in by_position],
            **{name: part(request, response) for name, part in by_name.items()},
        )
    # Most handlers take few; only the others pay for a list of arguments.
    if not by_position:
        return lambda request, response: function()
    if len(by_position) == 1:
        only = by_position[0]
        return lambda request, response: function(only(request, response))
    if len(by_position) == 2:
        first, second = by_position
        return lambda request, response: function(first(request, response), second(request, response))
    return lambda request, response: function(*[part(request, response) for part in by_position])


def _call_with_one_reader(function: Callable[..., Any], read: Reader) -> Call:
    """Return the call of a function that takes the values of one reader and nothing else."""

    def call(request: Any, response: Any) -> Any:
        try:
            values = read(request)
        except DoesNotFit as invalid:
            raise InvalidRequest(invalid.mismatches) from None
        return function(*values)

    return call


def _call_with_values(
    function: Callable[..., Any],
    by_position: list[Any],
    by_name: Mapping[str, Any],
    readers: Sequence[Reader],
) -> Call:
    """Return the call of a function that takes values of several readers, or of readers and parts."""
    read_all = reader_of_all(readers)

    def call(request: Any, response: Any) -> Any:
        values = read_all(request)
        return function(
            *[values[source] if type(source) is int else source(request, response) for source in by_position],
            **{
                name: values[source] if type(source) is int else source(request, response)
                for name, source in by_name.items()
            },
        )

    return call


def reader_of_all(
    readers: Sequence[Reader], told: Callable[[InvalidRequest, Request], BaseException] | None = None
) -> Callable[[Request], Sequence[Any]]:
    """Return a function that reads all values; `told` returns what it raises instead of InvalidRequest."""

    def read_all(request: Request) -> Sequence[Any]:
        values: list[Any] = []
        mismatches = []
        for read in readers:
            try:
                values += read(request)
            except DoesNotFit as invalid:
                mismatches += invalid.mismatches
        if mismatches:
            error = InvalidRequest(bounded(mismatches))
            raise error if told is None else told(error, request) from None
        return values

    return read_all


# -- readers -----------------------------------------------------------------------------------


def _params(request: Request) -> Mapping[str, Any]:
    return request.params


def _query(request: Request) -> Mapping[str, Any]:
    """Return the query without the parameters of the path, which `req.query` has too."""
    query, params = request.query, request.params
    return {name: value for name, value in query.items() if name not in params} if params else query


_MAPPINGS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {"path": _params, "query": _query}


def whole_reader(source: str, schema: Schema, *default: Any, is_kept: bool = True) -> Reader:
    """Return a reader of all that a source ("path", "query" or "body") has, as one value.

    `default` is what a handler gets for a request without a body. `is_kept`: whether `request.body` is that
    value from then on.
    """
    if source == "body":
        if default:
            return lambda request: _body_or_default(request, schema, default, is_kept)
        if is_kept:
            return lambda request: (request._read_body_as(schema),)
        return lambda request: (request._read_body_as(schema, False),)
    convert, mapping_of = schema.convert, _MAPPINGS[source]
    return lambda request: (convert(mapping_of(request), source),)


def _body_or_default(
    request: Request, schema: Schema, default: tuple[Any, ...], is_kept: bool
) -> tuple[Any, ...]:
    try:
        return (request._read_body_as(schema, is_kept),)
    except DoesNotFit:
        if request.raw_body:
            raise
        return default


def content_reader(request: Request) -> tuple[Any, ...]:
    """Read the body as bytes, as it was sent."""
    return (request.raw_body,)


def model_reader(source: str, schema: Schema, count: int) -> Reader:
    """Return a reader of single values of the path or the query, which are the fields of a model."""
    convert, mapping_of = schema.convert, _MAPPINGS[source]
    names = [f"p{number}" for number in range(count)]

    def read(request: Request) -> tuple[Any, ...]:
        values = convert(mapping_of(request), source).__dict__
        return tuple([values[name] for name in names])

    return read


def field_reader(source: str, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> Reader:
    """Return a reader of single values of the path or the query; `fields` has the annotation of each."""
    convert, mapping_of = schema_of_fields(fields, defaults), _MAPPINGS[source]
    return lambda request: convert(mapping_of(request), source)


def file_reader(name: str, takes_several: bool, is_required: bool, default: Any) -> Reader:
    """Return a reader of the uploaded file of that name, or of all of them."""

    def read(request: Request) -> tuple[Any, ...]:
        files = request.files.getlist(name)
        if takes_several and (files or not is_required):
            return (files,)
        if files:
            return (files[0],)
        if is_required:
            raise DoesNotFit([(f"files.{name}", "is required")])
        return (default,)

    return read
