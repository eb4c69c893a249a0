"""The components that the operations of a document refer to: schemas, and the responses for errors.

In: annotations. Out: their JSON Schemas, and the `components` of the document.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from apiroutes.code_origin import PROJECT_PACKAGE
from apiroutes.schemas import json_schemas, references_in, with_references

__all__ = [
    "BYTES",
    "ERROR",
    "UNPROCESSABLE",
    "Schemas",
    "components",
    "error_response",
    "too_many_requests",
    "unavailable",
    "with_named_schemas",
]

ERROR = {"$ref": "#/components/responses/Error"}
UNPROCESSABLE = {"$ref": "#/components/responses/Invalid"}

# OpenAPI 3.1 marks bytes by their media type; pages and generators expect the format of 3.0.
BYTES = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}

# The key of our own schema until it gets a name: no type can have this key.
_PROBLEM_NAME = "<Problem>"
_SCHEMA_REFERENCE = "#/components/schemas/{name}"
_PROBLEM_DOCUMENT = {"schema": {"$ref": _SCHEMA_REFERENCE.format(name=_PROBLEM_NAME)}}
_TEXT = {"schema": {"type": "string"}}
# The package of a project's module, in the names that msgspec and pydantic give to its types.
_PACKAGE = re.compile(rf"{PROJECT_PACKAGE}\d+(\.|__)(?:pages|app|routes)\1")

# RFC 9457 section 3; `errors` is an extension member, with the places of a request that are not valid.
_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "message": {"type": "string"}},
                "required": ["place", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


class Schemas:
    """The JSON Schemas of annotations; a type may have one schema when sent and another when received.

    In: annotations, each with whether it is sent. `definitions` are the schemas that the others refer to.
    """

    def __init__(self, annotations: Iterable[tuple[Any, bool]]) -> None:
        # By identity, because an annotation may be unhashable. Its owner keeps it alive.
        wanted = {(id(annotation), is_sent): (annotation, is_sent) for annotation, is_sent in annotations}
        schemas, self.definitions = json_schemas(list(wanted.values()), _SCHEMA_REFERENCE)
        self._schemas = dict(zip(wanted, schemas))

    def received(self, annotation: Any) -> dict[str, Any]:
        return self._schemas[id(annotation), False]

    def sent(self, annotation: Any) -> dict[str, Any]:
        return self._schemas[id(annotation), True]

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema that a reference refers to, or else the schema itself."""
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.definitions.get(name, schema)


def components(schemas: Schemas, security: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a Components Object (OpenAPI 3.1 section 4.8.7) with these schemas and security schemes."""
    objects: dict[str, Any] = {
        "schemas": {**schemas.definitions, _PROBLEM_NAME: _PROBLEM},
        "responses": {
            "Error": error_response("Any other error"),
            "Invalid": _unprocessable("The request is not valid; `errors` lists the problems"),
        },
    }
    return {**objects, "securitySchemes": security} if security else objects


def error_response(description: str) -> dict[str, Any]:
    """Return a Response Object for an error: text, or a problem document.

    The first content is what a client without preferences gets, because some generated clients read only the
    first.
    """
    content = {"text/plain": _TEXT, "application/problem+json": _PROBLEM_DOCUMENT}
    return {"description": inspect.cleandoc(description) or "An error", "content": content}


def too_many_requests() -> dict[str, Any]:
    """Return a Response Object for a 429, whose header says when to retry (RFC 9110 section 10.2.3)."""
    headers = {
        **_retry_after("Seconds after which the request would be admitted"),
        "RateLimit": _text_header("What is left of each limit (draft-ietf-httpapi-ratelimit-headers-11)"),
        "RateLimit-Policy": _text_header("The limits: amounts, and their periods in seconds"),
    }
    return {**error_response("Too many requests"), "headers": headers}


def unavailable() -> dict[str, Any]:
    """Return a Response Object for a 503, whose header says when to retry."""
    response = error_response("A service that the request depends on is unavailable")
    return {**response, "headers": _retry_after("Seconds after which to try again")}


def _retry_after(description: str) -> dict[str, Any]:
    return {"Retry-After": {"description": description, "schema": {"type": "integer", "minimum": 1}}}


def _text_header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _unprocessable(description: str) -> dict[str, Any]:
    """Return a Response Object for a 422, which is a problem document unless text is preferred."""
    content = {"application/problem+json": _PROBLEM_DOCUMENT, "text/plain": _TEXT}
    return {"description": description, "content": content}


def with_named_schemas(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with short names for the schemas that are used, and without other schemas.

    A short name omits the project's package. The project's names take precedence: if one of them is the name
    of our schema, ours gets another name.
    """
    schemas, responses = document["components"]["schemas"], document["components"]["responses"]
    used = _reachable(document["paths"], {"schemas": schemas, "responses": responses})
    names: dict[str, str] = {}
    for name in sorted(schemas, key=lambda name: name == _PROBLEM_NAME):
        if _SCHEMA_REFERENCE.format(name=name) in used:
            names[name] = _unused(_short(name), names.values())
    references = {
        _SCHEMA_REFERENCE.format(name=name): _SCHEMA_REFERENCE.format(name=short)
        for name, short in names.items()
    }
    kept = {
        **document["components"],
        "schemas": _titled({names[name]: schema for name, schema in schemas.items() if name in names}),
        "responses": {
            name: response for name, response in responses.items() if f"#/components/responses/{name}" in used
        },
    }
    kept = {name: parts for name, parts in kept.items() if parts}
    result: dict[str, Any] = with_references({**document, "components": kept}, references)
    return result


def _titled(schemas: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return schemas that do not share a title: client generators name classes after it."""
    titles = Counter(schema.get("title") for schema in schemas.values())
    return {
        name: {**schema, "title": name} if "title" in schema and titles[schema["title"]] > 1 else schema
        for name, schema in schemas.items()
    }


def _reachable(value: Any, parts: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the references in a value, and in the components that they refer to."""
    reached: set[str] = set()
    waiting = [*references_in(value)]
    while waiting:
        reference = waiting.pop()
        if reference not in reached:
            reached.add(reference)
            _, _, kind, name = reference.split("/")
            waiting += references_in(parts[kind][name])
    return reached


def _short(name: str) -> str:
    if name == _PROBLEM_NAME:
        return "Problem"
    # Section 4.8.7 allows these characters; "-" comes only before Input and Output.
    stem, _, direction = _PACKAGE.sub("", name).rpartition("-")
    if direction not in ("Input", "Output"):
        stem, direction = _PACKAGE.sub("", name), ""
    stem = re.sub(
        "[%_]2Epy(?=[._])", "", stem
    )  # from a file whose name is not an identifier, such as `[id].py`
    short = re.sub(r"^api_", "", re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_"))
    return f"{short}-{direction}" if direction else short


def _unused(name: str, used: Iterable[str]) -> str:
    if name in used and name == "Problem":
        name = "ProblemDetails"  # RFC 9457's own name for it
    while name in used:
        name += "_"
    return name
