"""A handler's parameters to the arguments it is called with, read once from its signature.

In: a function and the parameters of its route's path. Out: a function of request and response, and
what it takes. Raises BindingError for a parameter that means nothing here, or whose annotation or
default cannot be; a request that does not fit raises InvalidRequest, with all that is wrong with it.

A plain handler, one that takes whole parts without annotations, is called as directly as before.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

from werkzeug.datastructures import FileStorage

from apiroutes.errors import InvalidRequest
from apiroutes.request import Request
from apiroutes.routing import Kind, Segment
from apiroutes.schemas import (
    DoesNotFit,
    Schema,
    SchemaError,
    bounded,
    has_model,
    is_simple,
    is_union,
    required_fields,
    schema_of,
    schema_of_fields,
    takes_list,
    why_default_does_not_fit,
)

__all__ = ["Signature", "BindingError", "Bound", "Parameter", "bind"]

Bound = Callable[[Any, Any], Any]

_EMPTY = inspect.Parameter.empty
_REQUEST_PARTS: dict[str, Bound] = {
    "request": lambda request, response: request,
    "req": lambda request, response: request,
    "response": lambda request, response: response,
    "res": lambda request, response: response,
    "params": lambda request, response: request.params,
    "query": lambda request, response: request.query,
    "body": lambda request, response: request.body,
    "context": lambda request, response: request.context,
}
# What says no more than that it is there.
_UNTYPED = (_EMPTY, Any, object, dict, dict[str, Any])


class BindingError(TypeError):
    """A parameter that cannot be filled; `remedy` says what can."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy or (
            "Parameters are called "
            + ", ".join(_REQUEST_PARTS)
            + "; the rest has a type, as `page: int` of the "
            "query, is one of the path, or has a default and a name that begins with '_'."
        )


@dataclass(frozen=True)
class Parameter:
    """Something of the request that a handler takes by its type.

    `source` is "path", "query", "body" or "files". `name` is the parameter's, None where it is all
    that the source has.
    """

    source: str
    name: str | None
    annotation: Any
    is_required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Signature:
    """How a handler is called, and what it takes by its type; `returns` is its annotation."""

    call: Bound
    inputs: tuple[Parameter, ...] = ()
    returns: Any = _EMPTY

    @property
    def reads_body(self) -> bool:
        """Whether calling it reads the body, into a type."""
        return any(each.source == "body" for each in self.inputs)

    @property
    def takes_content(self) -> bool:
        """Whether it takes anything of the request's content by a type."""
        return any(each.source in ("body", "files") for each in self.inputs)


def bind(function: Callable[..., Any], segments: tuple[Segment, ...] = ()) -> Signature:
    """The function as one of (request, response), whichever of their parts it asks for."""
    signature = _signature(function)
    if signature is None:
        return Signature(function)
    return _Binder(function, signature, segments).bind()


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """How the function is really called: a wrapper's own parameters, unless it takes anything."""
    try:
        own = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # built in; nothing is known
        return None
    takes_anything = any(
        parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        for parameter in own.parameters.values()
    )
    return inspect.signature(function) if takes_anything else own


# Gives the values of some parameters, in the order of their positions. Raises DoesNotFit.
_Read = Callable[[Request], tuple[Any, ...]]


class _Binder:
    """Sorts the parameters of one function by where they come from."""

    def __init__(
        self, function: Callable[..., Any], signature: inspect.Signature, segments: tuple[Segment, ...]
    ) -> None:
        self.function = function
        self.parameters = list(signature.parameters.values())
        self.returns = signature.return_annotation
        self.captures = {segment.text: segment for segment in segments if segment.kind is not Kind.STATIC}
        self.inputs: list[Parameter] = []
        self.readers: list[_Read] = []
        # For each parameter that is passed: what gives it, or its position among what was read.
        self.sources: dict[str, Bound | int] = {}
        self.value_count = 0

    def bind(self) -> Signature:
        """Sort all, and make what calls the function."""
        for parameter in self.parameters:
            if parameter.name.lstrip("_") in _REQUEST_PARTS:
                self._take_part(parameter)
        self._take_named("path", [one for one in self.parameters if self._is_capture(one)])
        self._take_files([one for one in self.parameters if self._is_file(one)])
        self._take_named("query", [one for one in self.parameters if self._is_key(one)])
        bodies = [each for each in self.inputs if each.source == "body"]
        if len(bodies) > 1:
            raise BindingError("the body is taken twice", "Keep `body: ...` or `Request[...]`.")
        returns = self._hint("return", self.returns, is_needed=False)
        return Signature(self._caller(), tuple(self.inputs), returns)

    # -- parameters by where they come from ------------------------------------------------

    def _take_part(self, parameter: inspect.Parameter) -> None:
        """One of the parts of a request, as it is or as a type."""
        name = parameter.name.lstrip("_")
        is_typed = name in ("params", "query", "body")
        annotation = self._hint(parameter.name, parameter.annotation, is_needed=is_typed)
        if name in ("req", "request") and get_origin(annotation) is Request:
            self._take_whole("body", get_args(annotation)[0], None)
        if is_typed and annotation not in _UNTYPED:
            self._take_whole({"params": "path"}.get(name, name), annotation, parameter)
        else:
            self.sources[parameter.name] = _REQUEST_PARTS[name]

    def _take_whole(self, source: str, annotation: Any, parameter: inspect.Parameter | None) -> None:
        """All that a source has, as one type."""
        schema = self._schema(annotation, source)
        if source == "path":
            self._check_fields(schema)
        self.readers.append(_whole_reader(source, schema))
        self.inputs.append(Parameter(source, None, annotation))
        if parameter is not None:
            self.sources[parameter.name] = self.value_count
        self.value_count += 1

    def _take_named(self, source: str, parameters: list[inspect.Parameter]) -> None:
        """Single values, read together as the fields of one type."""
        if not parameters:
            return
        fields: dict[str, Any] = {}
        defaults: dict[str, Any] = {}
        for parameter in parameters:
            name = parameter.name
            annotation = self._hint(name, parameter.annotation)
            fields[name] = Any if annotation is _EMPTY else annotation
            self._check_simple(name, fields[name], source)
            if parameter.default is not _EMPTY:
                self._check_default(name, fields[name], parameter.default)
                defaults[name] = parameter.default
            elif self._may_be_absent(parameter):
                defaults[name] = []
            self.inputs.append(
                Parameter(source, name, fields[name], name not in defaults, defaults.get(name))
            )
            self.sources[name] = self.value_count
            self.value_count += 1
        convert, read = schema_of_fields(fields, defaults), _MAPPINGS[source]
        self.readers.append(lambda request: convert(read(request), source))

    def _take_files(self, parameters: list[inspect.Parameter]) -> None:
        for parameter in parameters:
            annotation = self._hint(parameter.name, parameter.annotation)
            many = get_origin(annotation) is list
            is_required = parameter.default is _EMPTY and not _is_optional(annotation)
            default = None if parameter.default is _EMPTY else parameter.default
            self.readers.append(_file_reader(parameter.name, many, is_required, default))
            self.inputs.append(Parameter("files", parameter.name, annotation, is_required, default))
            self.sources[parameter.name] = self.value_count
            self.value_count += 1

    # -- which is which --------------------------------------------------------------------

    def _is_open(self, parameter: inspect.Parameter) -> bool:
        """Whether a parameter is none of the parts, and not the function's own business."""
        is_variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        # A private name with a default: `_cache={}`.
        is_own = parameter.name.startswith("_") and parameter.default is not _EMPTY
        return not (is_variadic or is_own or parameter.name in self.sources) and (
            parameter.name.lstrip("_") not in _REQUEST_PARTS
        )

    def _is_capture(self, parameter: inspect.Parameter) -> bool:
        return self._is_open(parameter) and parameter.name in self.captures

    def _is_file(self, parameter: inspect.Parameter) -> bool:
        if not self._is_open(parameter):
            return False
        annotation = self._hint(parameter.name, parameter.annotation)
        parts = (annotation, *get_args(annotation))
        return any(isinstance(part, type) and issubclass(part, FileStorage) for part in parts)

    def _is_key(self, parameter: inspect.Parameter) -> bool:
        if not self._is_open(parameter):
            return False
        if parameter.annotation is _EMPTY:
            raise BindingError(f"the parameter {parameter.name!r} means nothing here")
        return True

    def _may_be_absent(self, parameter: inspect.Parameter) -> bool:
        """An optional catch-all without segments is no parameter of the path."""
        segment = self.captures.get(parameter.name)
        return segment is not None and segment.kind is Kind.OPTIONAL_CATCH_ALL and not segment.joined

    # -- mistakes --------------------------------------------------------------------------

    def _hint(self, name: str, annotation: Any, is_needed: bool = True) -> Any:
        """The annotation as a type; one that is not needed may be what cannot be evaluated."""
        if not isinstance(annotation, str):
            return annotation
        holder = types.SimpleNamespace(__annotations__={name: annotation})
        scope = getattr(inspect.unwrap(self.function), "__globals__", {})
        try:
            return get_type_hints(holder, globalns=scope, include_extras=True)[name]
        except Exception as error:
            if not is_needed and not annotation.startswith("Request["):
                return _EMPTY
            raise BindingError(
                f"the annotation of {name!r}, {annotation!r}, cannot be evaluated: {error}",
                "Import what it names where the file is loaded, not for type checking alone.",
            ) from error

    def _schema(self, annotation: Any, name: str) -> Schema:
        try:
            return schema_of(annotation)
        except SchemaError as error:
            raise BindingError(
                f"the annotation of {name!r} is no schema: {error}",
                "Use a Struct, dataclass, TypedDict, attrs class, pydantic model, or a type made of these.",
            ) from error

    def _check_simple(self, name: str, annotation: Any, source: str) -> None:
        if annotation is Any:
            return
        self._schema(annotation, name)
        if not is_simple(annotation):
            raise BindingError(
                f"the parameter {name!r} of the {source} is no number, date or other single value",
                "Call it `body` if it is the body, or `query` if it is the whole query.",
            )
        if has_model(annotation):
            raise BindingError(
                f"the parameter {name!r} of the {source} has pydantic's constraints, which nothing checks",
                "Write them as `Annotated[int, msgspec.Meta(ge=1)]`, or take `query` as a model.",
            )
        segment = self.captures.get(name)
        is_several = segment is not None and segment.kind is not Kind.DYNAMIC and not segment.joined
        if source == "path" and is_several != takes_list(annotation):
            wanted = "a list, such as list[str]" if is_several else "a single value"
            raise BindingError(f"the parameter {name!r} of the path is {wanted}", "Correct the annotation.")

    def _check_fields(self, schema: Schema) -> None:
        """Every required field of `params: ...` is a parameter of the path."""
        for name in required_fields(schema.annotation):
            if name not in self.captures:
                raise BindingError(
                    f"the path has no parameter {name!r}",
                    "It has " + (", ".join(map(repr, self.captures)) or "none") + ".",
                )

    def _check_default(self, name: str, annotation: Any, default: Any) -> None:
        reason = why_default_does_not_fit(annotation, default)
        if reason is not None:
            raise BindingError(
                f"the default of {name!r}, {default!r}, does not fit: {reason}",
                "Correct the default, or write `... | None = None`.",
            )

    # -- the call --------------------------------------------------------------------------

    def _caller(self) -> Bound:
        if not self.readers:
            return self._plain_caller()
        function, readers = self.function, tuple(self.readers)
        by_position, by_name = self._arguments()
        if len(readers) == 1 and not by_name and by_position == list(range(self.value_count)):
            return _caller_of_one(function, readers[0])

        def call(request: Any, response: Any) -> Any:
            values: list[Any] = []
            mismatches = []
            for read in readers:
                try:
                    values += read(request)
                except DoesNotFit as invalid:
                    mismatches += invalid.mismatches
            if mismatches:
                raise InvalidRequest(bounded(mismatches))
            return function(
                *[values[each] if type(each) is int else each(request, response) for each in by_position],
                **{
                    name: values[each] if type(each) is int else each(request, response)
                    for name, each in by_name.items()
                },
            )

        return call

    def _arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The plan's entries as the function is called with them: by position, and by name."""
        by_position: list[Any] = []
        by_name: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.name not in self.sources:
                continue
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY or by_name:
                by_name[parameter.name] = self.sources[parameter.name]
            else:
                by_position.append(self.sources[parameter.name])
        return by_position, by_name

    def _plain_caller(self) -> Bound:
        function = self.function
        kinds = {parameter.kind for parameter in self.parameters}
        names = tuple(parameter.name.lstrip("_") for parameter in self.parameters)
        takes_both = (
            names in (("req", "res"), ("request", "response")) or inspect.Parameter.VAR_POSITIONAL in kinds
        )
        if takes_both and inspect.Parameter.KEYWORD_ONLY not in kinds:
            return function
        by_position, by_name = self._arguments()
        if by_name:
            return lambda request, response: function(
                *[meaning(request, response) for meaning in by_position],
                **{name: meaning(request, response) for name, meaning in by_name.items()},
            )
        # Most take few, and a list of arguments is made for the others alone.
        if not by_position:
            return lambda request, response: function()
        if len(by_position) == 1:
            only = by_position[0]
            return lambda request, response: function(only(request, response))
        if len(by_position) == 2:
            first, second = by_position
            return lambda request, response: function(first(request, response), second(request, response))
        return lambda request, response: function(*[meaning(request, response) for meaning in by_position])


def _caller_of_one(function: Callable[..., Any], read: _Read) -> Bound:
    """What calls a function that takes what is read at once, and nothing else."""

    def call(request: Any, response: Any) -> Any:
        try:
            values = read(request)
        except DoesNotFit as invalid:
            raise InvalidRequest(invalid.mismatches) from None
        return function(*values)

    return call


def _is_optional(annotation: Any) -> bool:
    return is_union(annotation) and type(None) in get_args(annotation)


# -- where values are read ---------------------------------------------------------------------


def _params(request: Request) -> Mapping[str, Any]:
    return request.params


def _query(request: Request) -> Mapping[str, Any]:
    """The query without the path's parameters, which are laid over it."""
    query, params = request.query, request.params
    return {name: value for name, value in query.items() if name not in params} if params else query


_MAPPINGS: Mapping[str, Callable[[Request], Mapping[str, Any]]] = {"path": _params, "query": _query}


def _whole_reader(source: str, schema: Schema) -> _Read:
    if source == "body":
        return lambda request: (request._read_body_as(schema),)
    convert, read = schema.convert, _MAPPINGS[source]
    return lambda request: (convert(read(request), source),)


def _file_reader(name: str, many: bool, is_required: bool, default: Any) -> _Read:
    def read(request: Request) -> tuple[Any, ...]:
        found = request.files.getlist(name)
        if many and (found or not is_required):
            return (found,)
        if found:
            return (found[0],)
        if is_required:
            raise DoesNotFit([(f"files.{name}", "is required")])
        return (default,)

    return read
