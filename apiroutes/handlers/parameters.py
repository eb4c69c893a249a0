"""A handler's parameters, read once from its signature: what each takes from a request.

In: a function and the parameters of its route's path. Out: a `Signature`, with the call of the function.
Raises ParameterError for a parameter that nothing can fill, or whose annotation or default is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, get_args, get_origin

from werkzeug.datastructures import FileStorage

from apiroutes.handlers.calls import (
    REQUEST_PARTS,
    SESSION,
    Arguments,
    Call,
    Needed,
    Reader,
    Source,
    arguments_of,
    call_of,
    content_reader,
    field_reader,
    file_reader,
    model_reader,
    whole_reader,
)
from apiroutes.handlers.dependencies import Depends, depends_of
from apiroutes.handlers.habits import foreign_parameter, unknown_parameter
from apiroutes.handlers.parameter_errors import (
    ParameterError,
    check_default,
    metadata_of,
    refuse_field,
    upload_description,
    wrong_default,
)
from apiroutes.handlers.signatures import BOTH, Parameter, Signature, hint_of, signature_of
from apiroutes.request import Request
from apiroutes.routing import Kind, Segment
from apiroutes.schemas import (
    DoesNotFit,
    Schema,
    SchemaError,
    has_model,
    is_field,
    is_union,
    model_of_fields,
    schema_of,
)
from apiroutes.session import Session

__all__ = ["ParameterError", "Parameter", "Signature", "read_dependency", "read_signature"]

_EMPTY = inspect.Parameter.empty
# Annotations that allow any value of a part, which is passed unchecked.
_ANYTHING = (_EMPTY, Any, object)
_ANY_MAPPING = (*_ANYTHING, dict, dict[str, Any])
_UNTYPED = {"body": _ANYTHING, "query": _ANY_MAPPING, "params": _ANY_MAPPING}


def read_signature(function: Callable[..., Any], segments: tuple[Segment, ...] = ()) -> Signature:
    """Read the function's signature; `segments` are those of its route. Raises ParameterError."""
    signature = signature_of(function)
    if signature is None:
        return Signature(function, takes_any_body=True)
    return _SignatureReader(function, signature, segments).read()


def read_dependency(function: Callable[..., Any], segments: tuple[Segment, ...]) -> Signature:
    """Read the signature of a dependency; for a class, the one of its `__init__`. Raises ParameterError."""
    signature = signature_of(function)
    if signature is None and isinstance(function, type):
        raise ParameterError("its parameters cannot be read", "Write a function that makes one.")
    if signature is None:
        return Signature(function, arguments=Arguments([], {}))
    if isinstance(function, partial):  # what it passes by name is not a parameter of the request
        own = [part for part in signature.parameters.values() if part.name not in function.keywords]
        signature = signature.replace(parameters=own)
    reader = _SignatureReader(function, signature, segments)
    reader.is_dependency = True
    return reader.read()


class _SignatureReader:
    """Sorts the parameters of one function by where they come from."""

    def __init__(
        self, function: Callable[..., Any], signature: inspect.Signature, segments: tuple[Segment, ...]
    ) -> None:
        self.function = function
        self.parameters = list(signature.parameters.values())
        self.returns = signature.return_annotation
        self.captures = {segment.text: segment for segment in segments if segment.kind is not Kind.STATIC}
        self.is_dependency = False
        self.dependencies: dict[str, Depends] = {}
        self.takes_any_body = False
        self.names: tuple[str, ...] = ()
        self.inputs: list[Parameter] = []
        self.readers: list[Reader] = []
        self.sources: dict[str, Source] = {}  # of each parameter that is passed
        self.value_count = 0

    def read(self) -> Signature:
        """Sort all parameters, and make the call of the function."""
        for parameter in self.parameters:
            self._take_dependency(parameter)
            if parameter.name in self.dependencies:
                continue
            if parameter.name.lstrip("_") in REQUEST_PARTS:
                self._take_part(parameter)
            elif self._hint(parameter.name, parameter.annotation, is_needed=False) is Session:
                self.sources[parameter.name] = SESSION
        self._refuse_foreign()
        self.names = tuple(self._name(part) for part in self.parameters if self._needs_source(part))
        self._take_single("path", [parameter for parameter in self.parameters if self._is_capture(parameter)])
        self._take_files([parameter for parameter in self.parameters if self._is_file(parameter)])
        self._take_single("query", [parameter for parameter in self.parameters if self._is_key(parameter)])
        bodies = [parameter for parameter in self.inputs if parameter.source == "body"]
        if len(bodies) > 1:
            raise ParameterError("the body is declared twice", "Keep `body: ...` or `Request[...]`.")
        returns = self._hint("return", self.returns, is_needed=False)
        takes_everything = not self.is_dependency and any(
            part.kind is inspect.Parameter.VAR_POSITIONAL for part in self.parameters
        )
        takes_any_body = (self.takes_any_body or takes_everything) and not bodies
        is_pair = takes_everything and not self.sources
        arguments = BOTH if is_pair else arguments_of(self.parameters, self.sources)
        readers, inputs = tuple(self.readers), tuple(self.inputs)
        return Signature(
            self._call(), inputs, returns, takes_any_body, self.names, arguments, readers, self.dependencies
        )

    def _call(self) -> Call:
        """Return the call of a handler without dependencies; a plan makes all others."""
        if self.is_dependency or self.dependencies:
            return self.function
        return call_of(self.function, self.parameters, self.sources, self.readers)

    # -- parameters by where they come from ------------------------------------------------

    def _take_dependency(self, parameter: inspect.Parameter) -> None:
        if parameter.annotation is _EMPTY and not isinstance(parameter.default, (Depends, type)):
            return
        # Names that are not needed may be missing, but not those of a dependency.
        is_needed = isinstance(parameter.annotation, str) and "Depends" in parameter.annotation
        annotation = self._hint(parameter.name, parameter.annotation, is_needed=is_needed)
        depends = depends_of(parameter.name, annotation, parameter.default)
        if depends is not None:
            self.dependencies[parameter.name] = depends
            self.sources[parameter.name] = Needed(parameter.name)

    def _take_part(self, parameter: inspect.Parameter) -> None:
        """Take a part of the request, as it is or as a type."""
        name = parameter.name.lstrip("_")
        is_typed = name in ("params", "query", "body")
        annotation = self._hint(parameter.name, parameter.annotation, is_needed=is_typed)
        if name in ("req", "request") and get_origin(annotation) is Request:
            self._take_whole("body", get_args(annotation)[0], None)
        if is_typed and annotation not in _UNTYPED[name]:
            self._take_whole({"params": "path"}.get(name, name), annotation, parameter)
        else:
            self.takes_any_body |= name == "body" or (name in ("req", "request") and not self.is_dependency)
            self.sources[parameter.name] = REQUEST_PARTS[name]

    def _take_whole(self, source: str, annotation: Any, parameter: inspect.Parameter | None) -> None:
        """Take all that a source has, as one type."""
        default = _EMPTY if parameter is None else parameter.default
        refuse_field(source, annotation, default)
        if source == "body" and annotation is bytes:
            self.readers.append(content_reader)
        else:
            schema = self._schema(annotation, source)
            if source == "path":
                self._check_fields(schema)
            defaults = () if default is _EMPTY else (default,)
            # What a dependency reads is not the body that others see.
            self.readers.append(whole_reader(source, schema, *defaults, is_kept=not self.is_dependency))
        is_required = default is _EMPTY and not _is_optional(annotation)
        self.inputs.append(Parameter(source, None, annotation, is_required))
        if parameter is not None:
            self.sources[parameter.name] = self.value_count
        self.value_count += 1

    def _take_single(self, source: str, parameters: list[inspect.Parameter]) -> None:
        """Take single values, those that pydantic checks apart from the others."""
        by_pydantic = [parameter for parameter in parameters if self._is_pydantics(parameter)]
        self._take_named(source, [parameter for parameter in parameters if parameter not in by_pydantic])
        self._take_modelled(source, by_pydantic)

    def _take_modelled(self, source: str, parameters: list[inspect.Parameter]) -> None:
        """Take single values, which are read together as the fields of a model."""
        if not parameters:
            return
        fields: dict[str, tuple[Any, Any]] = {}
        for parameter in parameters:
            default: Any = [] if self._may_be_absent(parameter) else ...
            if parameter.default is not _EMPTY:
                default = parameter.default
            fields[parameter.name] = (self._hint(parameter.name, parameter.annotation), default)
            self.sources[parameter.name] = self.value_count
            self.value_count += 1
        try:
            schema = model_of_fields(fields)
        except SchemaError as error:
            raise ParameterError(
                f"the {source} is not a schema: {error}", "Correct the annotation."
            ) from error
        except DoesNotFit as error:
            name, reason = error.mismatches[0]
            raise wrong_default(name, fields[name][1], reason) from error
        for parameter in parameters:
            name = self._name(parameter)
            self._check_kind(parameter, source, name not in schema.object_names, name in schema.list_names)
        self.readers.append(model_reader(source, schema, len(fields)))
        self.inputs.append(Parameter(source, None, schema.annotation))

    def _take_named(self, source: str, parameters: list[inspect.Parameter]) -> None:
        """Take single values, which are read together as the fields of one type."""
        if not parameters:
            return
        fields: dict[str, Any] = {}
        defaults: dict[str, Any] = {}
        for parameter in parameters:
            name = parameter.name
            annotation = self._hint(name, parameter.annotation)
            fields[name] = Any if annotation is _EMPTY else annotation
            self._check_simple(parameter, fields[name], source)
            if parameter.default is not _EMPTY:
                check_default(name, fields[name], parameter.default)
                defaults[name] = parameter.default
            elif self._may_be_absent(parameter):
                defaults[name] = []
            self.inputs.append(
                Parameter(source, name, fields[name], name not in defaults, defaults.get(name))
            )
            self.sources[name] = self.value_count
            self.value_count += 1
        self.readers.append(field_reader(source, fields, defaults))

    def _take_files(self, parameters: list[inspect.Parameter]) -> None:
        for parameter in parameters:
            hint = self._hint(parameter.name, parameter.annotation)
            annotation, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            description = upload_description(parameter.name, metadata)
            takes_several = get_origin(annotation) is list
            is_required = parameter.default is _EMPTY and not _is_optional(annotation)
            default = None if parameter.default is _EMPTY else parameter.default
            self.readers.append(file_reader(parameter.name, takes_several, is_required, default))
            self.inputs.append(
                Parameter("files", parameter.name, annotation, is_required, default, description)
            )
            self.sources[parameter.name] = self.value_count
            self.value_count += 1

    # -- which is which --------------------------------------------------------------------

    def _needs_source(self, parameter: inspect.Parameter) -> bool:
        """Return whether a parameter needs a source: it is neither a part nor private to the function."""
        is_variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        # A private name with a default: `_cache={}`.
        is_own = parameter.name.startswith("_") and parameter.default is not _EMPTY
        return not (is_variadic or is_own or parameter.name in self.sources) and (
            parameter.name.lstrip("_") not in REQUEST_PARTS
        )

    def _name(self, parameter: inspect.Parameter) -> str:
        """Return the name that a parameter has in the request: its own, or the alias of its `Field`."""
        annotation = self._hint(parameter.name, parameter.annotation)
        for item in (*metadata_of(annotation), parameter.default):
            if is_field(item) and isinstance(item.validation_alias, str):
                return str(item.validation_alias)
        return parameter.name

    def _is_pydantics(self, parameter: inspect.Parameter) -> bool:
        """Return whether pydantic checks a parameter."""
        annotation = self._hint(parameter.name, parameter.annotation)
        return is_field(parameter.default) or (annotation is not _EMPTY and has_model(annotation))

    def _is_capture(self, parameter: inspect.Parameter) -> bool:
        return self._needs_source(parameter) and self._name(parameter) in self.captures

    def _is_file(self, parameter: inspect.Parameter) -> bool:
        if not self._needs_source(parameter):
            return False
        annotation = self._hint(parameter.name, parameter.annotation)
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        parts = (annotation, *get_args(annotation))
        return any(isinstance(part, type) and issubclass(part, FileStorage) for part in parts)

    def _is_key(self, parameter: inspect.Parameter) -> bool:
        if not self._needs_source(parameter):
            return False
        if parameter.annotation is _EMPTY:
            taken = [other.name for other in self.parameters]
            raise unknown_parameter(parameter.name, list(self.captures), taken)
        return True

    def _may_be_absent(self, parameter: inspect.Parameter) -> bool:
        """Return whether it is an optional catch-all, which `req.params` lacks when it matches no segment."""
        segment = self.captures.get(self._name(parameter))
        return segment is not None and segment.kind is Kind.OPTIONAL_CATCH_ALL and not segment.joined

    def _refuse_foreign(self) -> None:
        for parameter in self.parameters:
            if self._needs_source(parameter):
                annotation = self._hint(parameter.name, parameter.annotation)
                error = foreign_parameter(parameter, annotation)
                if error is not None:
                    raise error

    # -- mistakes --------------------------------------------------------------------------

    def _hint(self, name: str, annotation: Any, is_needed: bool = True) -> Any:
        return hint_of(self.function, name, annotation, is_needed)

    def _schema(self, annotation: Any, name: str) -> Schema:
        try:
            return schema_of(annotation)
        except SchemaError as error:
            remedy = "Use a Struct, dataclass, TypedDict, attrs class, pydantic model, or a type of these."
            if isinstance(annotation, type) and name not in REQUEST_PARTS:
                spelled = f"`{name}: Annotated[{annotation.__name__}, Depends(function)]`"
                remedy += f" If it is not in the request, write a function that makes one, and {spelled}."
            raise ParameterError(f"the annotation of {name!r} is not a schema: {error}", remedy) from error

    def _check_simple(self, parameter: inspect.Parameter, annotation: Any, source: str) -> None:
        if annotation is not Any:
            schema = self._schema(annotation, parameter.name)
            self._check_kind(parameter, source, schema.is_single_value, schema.takes_list)

    def _check_kind(
        self, parameter: inspect.Parameter, source: str, is_single_value: bool, takes_list: bool
    ) -> None:
        name = parameter.name
        if not is_single_value:
            raise ParameterError(
                f"the parameter {name!r} of the {source} must be a number, a date or another single value",
                "Call it `body` if it is the body, or `query` if it is the whole query.",
            )
        segment = self.captures.get(self._name(parameter))
        is_several = segment is not None and segment.kind is not Kind.DYNAMIC and not segment.joined
        if source == "path" and is_several != takes_list:
            kind = "a list, such as list[str]" if is_several else "a single value"
            raise ParameterError(
                f"the parameter {name!r} of the path must be {kind}", "Correct the annotation."
            )

    def _check_fields(self, schema: Schema) -> None:
        """Check that every required field of `params: ...` is a parameter of the path."""
        for name in schema.required_names:
            if name not in self.captures:
                raise ParameterError(
                    f"the path has no parameter {name!r}",
                    "It has " + (", ".join(map(repr, self.captures)) or "none") + ".",
                )


def _is_optional(annotation: Any) -> bool:
    return is_union(annotation) and type(None) in get_args(annotation)
