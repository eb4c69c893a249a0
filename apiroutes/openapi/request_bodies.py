"""The bodies that operations take: of a type, of a form with files, or any body.

In: an operation, and the schemas of its annotations. Out: Request Body Objects (OpenAPI 3.1 section 4.8.13).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin

from apiroutes.handlers import Parameter
from apiroutes.openapi.components import BYTES, Schemas
from apiroutes.openapi.operation import Operation

__all__ = ["request_body"]


def request_body(operation: Operation, schemas: Schemas) -> dict[str, Any] | None:
    """Return the body that an operation takes; None for an operation without a body."""
    bodies = [part for part in operation.inputs if part.source == "body"]
    body = bodies[0] if bodies else None
    files = [part for part in operation.inputs if part.source == "files"]
    config = operation.module.config
    if files:
        content = {"multipart/form-data": {"schema": _form_schema(body, files, schemas)}}
    elif body is not None and body.annotation is bytes:
        content = {"application/octet-stream": {"schema": BYTES}}
    elif body is not None:
        parts = [schemas.received(part.annotation) for part in bodies if part.annotation is not bytes]
        # A dependency may read the same body as another type.
        content = {"application/json": {"schema": parts[0] if len(parts) == 1 else {"allOf": parts}}}
    elif operation.takes_any_body:
        is_parsed = config.parse_body
        any_body: dict[str, Any] = {"schema": {} if is_parsed else BYTES}
        content = {"application/json" if is_parsed else "application/octet-stream": any_body}
    else:
        return None
    is_required = any(part.is_required for part in (*bodies, *files))
    described: dict[str, Any] = {"required": True} if is_required else {}
    if config.parse_body:
        described["description"] = f"At most {config.size_limit.text}."
    return {**described, "content": content}


def _form_schema(body: Parameter | None, files: Sequence[Parameter], schemas: Schemas) -> dict[str, Any]:
    """Return the schema of a form: the fields of the body's type, and the files."""
    form: dict[str, Any] = {
        "type": "object",
        "properties": {parameter.name: _file_schema(parameter) for parameter in files},
    }
    required = [parameter.name for parameter in files if parameter.is_required]
    if required:
        form["required"] = required
    if body is None:
        return form
    fields = schemas.received(body.annotation)
    whole = schemas.resolve(fields)
    if "properties" not in whole or get_origin(body.annotation) is not None:
        return {"allOf": [fields, form]}
    # One object, because client generators ignore `allOf` in a form.
    properties = {**whole["properties"], **form["properties"]}
    required = [*whole.get("required", ()), *required]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _file_schema(parameter: Parameter) -> dict[str, Any]:
    described = {} if parameter.description is None else {"description": parameter.description}
    if get_origin(parameter.annotation) is not list:
        return {**BYTES, **described}
    files: dict[str, Any] = {"type": "array", "items": BYTES, **described}
    return {**files, "minItems": 1} if parameter.is_required else files  # a form cannot send an empty list
