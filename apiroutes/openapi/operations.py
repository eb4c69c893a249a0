"""The operations of a document: what a handler takes and returns, from annotations and docstrings.

In: the module of a route, and the schemas of its annotations. Out: Operation Objects (OpenAPI 3.1
section 4.8.10).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_origin

from apiroutes.handlers import Handler, Parameter, RouteModule, result_type
from apiroutes.http import METHODS, phrase
from apiroutes.openapi.components import ERROR, UNPROCESSABLE, Schemas, error_response
from apiroutes.routing import Kind, Segment
from apiroutes.structs import Struct

__all__ = ["Operation", "annotations_of", "describe", "operations_of"]

# A docstring declares a response: "Raises 404 when there is no such user."
_RAISES = re.compile(r"^Raises (\d{3})\b[ :,]*(.*?)\.?$", re.MULTILINE)

# A segment has no control character, and no part of it is a dot segment (`apiroutes.http.target`).
_SEGMENT = r"^(?!(?:[\s\S]*[/\\])?\.\.?(?:[/\\]|$))[^\u0000-\u001f\u007f-\u009f]+$"


class Operation(Struct, frozen=True):
    """A method of a route, and the handler that answers it."""

    module: RouteModule
    method: str
    handler: Handler
    result: Any  # the annotation of the JSON that the handler returns, or None

    @property
    def inputs(self) -> Sequence[Parameter]:
        return self.handler.signature.inputs

    @property
    def declared(self) -> dict[int, Any]:
        """The responses that the module declares for the method, by status code."""
        responses = self.module.responses
        common = {status: meaning for status, meaning in responses.items() if type(status) is int}
        return {**common, **responses.get(self.method, {})}


def operations_of(module: RouteModule) -> Iterator[Operation]:
    """Yield the operations of a module.

    A `handler` gets every method, and only its source says which ones it means: here those that
    `responses` names, or else POST if an annotation takes the content, and GET if none does.
    """
    for method, handler in module.handlers.items():
        result = result_type(handler)
        if method == RouteModule.ANY:
            named = [name for name in METHODS if name in module.responses]
            for name in named or ["POST" if handler.signature.takes_content else "GET"]:
                yield Operation(module, name, handler, result)
        else:
            yield Operation(module, method, handler, result)


def annotations_of(operation: Operation) -> Iterator[tuple[Any, bool]]:
    """Yield every annotation that the operation needs a schema of, and whether its values are sent."""
    yield from ((meaning, True) for meaning in operation.declared.values() if not isinstance(meaning, str))
    yield from ((part.annotation, False) for part in operation.inputs if part.source != "files")
    if operation.result is not None:
        yield operation.result, True


def describe(operation: Operation, segments: Sequence[Segment], schemas: Schemas) -> dict[str, Any]:
    """Return an Operation Object, without what depends on other operations."""
    module, handler = operation.module, operation.handler
    doc = handler.doc or (module.doc if len(module.handlers) == 1 else "")
    summary, _, description = _RAISES.sub("", doc).strip().partition("\n")
    described: dict[str, Any] = {}
    if summary:
        described["summary"] = summary
    if description.strip():
        described["description"] = description.strip()
    parameters = [*_parameters(operation.inputs, segments, schemas)]
    if parameters:
        described["parameters"] = parameters
    body = _request_body(operation, schemas)
    if body is not None:
        described["requestBody"] = body
    described["responses"] = _responses(operation, schemas)
    return described


# -- what a handler takes ------------------------------------------------------------------------


def _parameters(
    inputs: Sequence[Parameter], segments: Sequence[Segment], schemas: Schemas
) -> Iterator[dict[str, Any]]:
    path = {name: schema for name, schema, _ in _fields("path", inputs, schemas)}
    for segment in segments:
        if segment.kind is not Kind.STATIC:
            yield _path_parameter(segment, path.get(segment.text, {"type": "string"}))
    for name, schema, is_required in _fields("query", inputs, schemas):
        yield _parameter(name, "query", schema, is_required)


def _parameter(name: str, place: str, schema: dict[str, Any], is_required: bool) -> dict[str, Any]:
    """Return a Parameter Object (OpenAPI 3.1 section 4.8.12), with what its schema says of it."""
    parameter: dict[str, Any] = {"name": name, "in": place}
    if is_required:
        parameter["required"] = True
    parameter |= {key: schema[key] for key in ("description", "deprecated") if key in schema}
    return {**parameter, "schema": schema}


def _path_parameter(segment: Segment, schema: dict[str, Any]) -> dict[str, Any]:
    if segment.kind is not Kind.DYNAMIC:
        # OpenAPI cannot express a parameter of several segments.
        description = schema.get("description", "Segments, with `/` between them.")
        schema = {"type": "string", "description": description}
    if schema.get("type") == "string" and "pattern" not in schema and "format" not in schema:
        schema = {**schema, "pattern": _SEGMENT}
    parameter = _parameter(segment.text, "path", schema, True)
    return parameter if segment.kind is Kind.DYNAMIC else {**parameter, "x-catch-all": True}


def _fields(
    source: str, inputs: Sequence[Parameter], schemas: Schemas
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield the values taken from a source: name, schema, and whether it is required."""
    for parameter in inputs:
        if parameter.source != source:
            continue
        schema = schemas.received(parameter.annotation)
        if parameter.name is not None:
            yield parameter.name, _with_default(schema, parameter), parameter.is_required
            continue
        whole = schemas.resolve(schema)
        for name, part in whole.get("properties", {}).items():
            yield name, part, name in whole.get("required", ())


def _with_default(schema: dict[str, Any], parameter: Parameter) -> dict[str, Any]:
    if parameter.is_required or parameter.default is None:
        return schema
    try:
        json.dumps(parameter.default)
    except TypeError:
        return schema  # such as a date, whose form in JSON is the schema's to know
    return {**schema, "default": parameter.default}


def _request_body(operation: Operation, schemas: Schemas) -> dict[str, Any] | None:
    body = next((part for part in operation.inputs if part.source == "body"), None)
    files = [part for part in operation.inputs if part.source == "files"]
    if body is None and not files:
        return None
    schema = {} if body is None else schemas.received(body.annotation)
    if files:
        form = _form_schema(files)
        content = {"multipart/form-data": {"schema": {"allOf": [schema, form]} if body is not None else form}}
    else:
        content = {"application/json": {"schema": schema}}
    limit = f"At most {operation.module.config.size_limit.text}."
    return {"description": limit, "required": True, "content": content}


def _form_schema(files: Sequence[Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {parameter.name: _file_schema(parameter) for parameter in files},
        "required": [parameter.name for parameter in files if parameter.is_required],
    }


def _file_schema(parameter: Parameter) -> dict[str, Any]:
    # OpenAPI 3.1 marks a file by its media type; pages and generators look for the format of 3.0.
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    if get_origin(parameter.annotation) is not list:
        return file
    files: dict[str, Any] = {"type": "array", "items": file}
    return {**files, "minItems": 1} if parameter.is_required else files  # a form cannot send an empty list


# -- what a handler returns ----------------------------------------------------------------------


def _responses(operation: Operation, schemas: Schemas) -> dict[str, dict[str, Any]]:
    handler, config = operation.handler, operation.module.config
    responses: dict[str, dict[str, Any]] = {}
    success = _success(operation, schemas)
    if "content" in success or not any(200 <= status < 300 for status in operation.declared):
        responses["200"] = success
    for status, meaning in operation.declared.items():
        responses[str(status)] = _declared_response(status, meaning, schemas)
    for status_text, meaning in _RAISES.findall(handler.doc):
        responses.setdefault(status_text, error_response(meaning[:1].upper() + meaning[1:]))
    if handler.signature.takes_content:
        responses.setdefault("413", error_response(f"The body is larger than {config.size_limit.text}"))
    if handler.signature.inputs:
        responses.setdefault("422", UNPROCESSABLE)
    if config.max_duration is not None:
        responses.setdefault("504", error_response(f"Not done within {config.max_duration:g} s"))
    responses["default"] = ERROR
    return responses


def _success(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": phrase(200)}
    returns = operation.handler.signature.returns
    if operation.result is not None:
        response["content"] = {"application/json": {"schema": schemas.sent(operation.result)}}
    elif returns is str:
        response["content"] = {"text/plain": {"schema": {"type": "string"}}}
    elif returns is bytes:
        response["content"] = {"application/octet-stream": {}}
    return response


def _declared_response(status: int, meaning: Any, schemas: Schemas) -> dict[str, Any]:
    if isinstance(meaning, str):
        return {"description": meaning} if status < 400 else error_response(meaning)
    content = {"application/json": {"schema": schemas.sent(meaning)}}
    return {"description": phrase(status), "content": content}
