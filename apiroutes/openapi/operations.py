"""Operations described: what a handler takes and returns, from annotations and docstrings.

In: an operation, and the schemas of its annotations. Out: Operation Objects (OpenAPI 3.1
section 4.8.10).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from apiroutes.handlers import Parameter, without_errors
from apiroutes.http import encode_json
from apiroutes.openapi.components import Schemas
from apiroutes.openapi.operation import Operation
from apiroutes.openapi.request_bodies import request_body
from apiroutes.openapi.responses import responses_of
from apiroutes.routing import Kind, Segment

__all__ = ["describe"]

# A segment has no control character, and no part of it is a dot segment (`apiroutes.http.target`).
_SEGMENT = r"^(?!(?:[\s\S]*[/\\])?\.\.?(?:[/\\]|$))[^\u0000-\u001f\u007f-\u009f]+$"


def describe(
    operation: Operation, segments: Sequence[Segment], schemas: Schemas, name: str
) -> dict[str, Any]:
    """Return an Operation Object, without the parts that depend on other operations.

    `name` is the summary of an operation without a docstring.
    """
    module, handler = operation.module, operation.handler
    doc = handler.doc or (module.doc if len(module.handlers) == 1 else "")
    summary, _, description = without_errors(doc).partition("\n")
    described: dict[str, Any] = {
        "summary": summary or name,
        "description": description.strip() or summary or f"{name}.",
    }
    if hasattr(handler.function, "__deprecated__"):  # by `@deprecated` (PEP 702)
        described["deprecated"] = True
    parameters = [*_parameters(operation, segments, schemas)]
    if parameters:
        described["parameters"] = parameters
    body = request_body(operation, schemas)
    if body is not None:
        described["requestBody"] = body
    described["responses"] = responses_of(operation, schemas)
    return described


# -- what a handler takes ------------------------------------------------------------------------


def _parameters(
    operation: Operation, segments: Sequence[Segment], schemas: Schemas
) -> Iterator[dict[str, Any]]:
    """Yield the parameters of the path, then of the query, in the order of the handler's parameters."""
    inputs, order = operation.inputs, operation.handler.signature.names
    path: dict[str, dict[str, Any]] = {}
    for name, schema, _ in _fields("path", inputs, schemas):
        path.setdefault(name, schema)
    for segment in segments:
        if segment.kind is not Kind.STATIC:
            yield _path_parameter(segment, path.get(segment.text, {"type": "string"}))
    query: dict[str, tuple[dict[str, Any], bool]] = {}
    for name, schema, is_required in _fields("query", inputs, schemas):
        known, was_required = query.get(name, (schema, False))  # a dependency may take the same parameter
        query[name] = known, was_required or is_required
    for name in sorted(query, key=lambda name: order.index(name) if name in order else len(order)):
        yield _parameter(name, "query", *query[name])


def _parameter(name: str, place: str, schema: dict[str, Any], is_required: bool) -> dict[str, Any]:
    """Return a Parameter Object (OpenAPI 3.1 section 4.8.12), with the description from its schema."""
    parameter: dict[str, Any] = {"name": name, "in": place}
    if is_required:
        parameter["required"] = True
    parameter |= {key: schema[key] for key in ("description", "deprecated") if key in schema}
    return {**parameter, "schema": schema}


def _path_parameter(segment: Segment, schema: dict[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {key: schema[key] for key in ("description", "deprecated") if key in schema}
    if segment.kind is not Kind.DYNAMIC:
        # OpenAPI cannot express a parameter of several segments.
        own = {"description": "Segments, with `/` between them.", **own, "x-catch-all": True}
        schema = {"type": "string"}
    if schema.get("type") == "string" and "pattern" not in schema and "format" not in schema:
        schema = {**schema, "pattern": _SEGMENT}
    return {**_parameter(segment.text, "path", schema, True), **own}


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
    # Converted to JSON, for dates and enums.
    return {**schema, "default": json.loads(encode_json(parameter.default))}
