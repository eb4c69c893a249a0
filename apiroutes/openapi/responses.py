"""The responses of operations: what handlers return and declare, and the errors of the framework.

In: an operation, and the schemas of its annotations. Out: Response Objects (OpenAPI 3.1 section 4.8.17).
"""

from __future__ import annotations

from typing import Any

from apiroutes.handlers import Returns, annotated_statuses, documented_statuses, raised_errors
from apiroutes.http import phrase
from apiroutes.openapi.components import BYTES, ERROR, UNPROCESSABLE, Schemas, error_response
from apiroutes.openapi.operation import Operation

__all__ = ["responses_of"]


def responses_of(operation: Operation, schemas: Schemas) -> dict[str, dict[str, Any]]:
    """Return the responses of an operation by status."""
    handler, config = operation.handler, operation.module.config
    annotated = annotated_statuses(operation.module, handler, operation.method)
    responses: dict[str, dict[str, Any]] = {}
    for status in documented_statuses(operation.module, handler, operation.method):
        meaning = operation.declared.get(status)
        if status in annotated and (meaning is None or isinstance(meaning, str)):
            description = meaning or phrase(status)
            responses[str(status)] = _annotated_response(description, operation.returns, schemas)
        elif meaning is not None:
            responses[str(status)] = _declared_response(status, meaning, schemas)
        elif status < 400:
            responses[str(status)] = {"description": phrase(status)}
    for status, meaning in raised_errors(handler.doc).items():
        responses.setdefault(str(status), error_response(meaning))
    if handler.signature.takes_content:
        responses.setdefault("413", error_response(f"The body is larger than {config.size_limit.text}"))
    if handler.signature.inputs:
        responses.setdefault("422", UNPROCESSABLE)
    if not any(status.startswith("4") for status in responses):
        responses["4XX"] = ERROR
    if config.max_duration is not None:
        responses.setdefault(
            "504", error_response(f"The handler did not finish within {config.max_duration:g} s")
        )
    responses["default"] = ERROR
    return responses


def _annotated_response(description: str, returns: Returns, schemas: Schemas) -> dict[str, Any]:
    """Return a response with the content that the return annotation declares."""
    response: dict[str, Any] = {"description": description}
    content: dict[str, Any] = {}
    if returns.json is not None:
        content["application/json"] = {"schema": schemas.sent(returns.json)}
    if returns.is_text:
        content["text/plain"] = {"schema": {"type": "string"}}
    if returns.is_bytes:
        content["application/octet-stream"] = {"schema": BYTES}
    if returns.events is not None:
        # OpenAPI 3.1 cannot describe the items of a stream. Client generators read the type of the data here.
        content["text/event-stream"] = {"schema": schemas.sent(returns.events)}
    return {**response, "content": content} if content else response


def _declared_response(status: int, meaning: Any, schemas: Schemas) -> dict[str, Any]:
    if isinstance(meaning, str):
        return {"description": meaning} if status < 400 else error_response(meaning)
    content = {"application/json": {"schema": schemas.sent(meaning)}}
    return {"description": phrase(status), "content": content}
