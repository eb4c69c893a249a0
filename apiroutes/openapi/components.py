"""The components that the operations of a document refer to: schemas, and the responses for errors.

In: annotations. Out: their JSON Schemas, and the `components` of the document.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from apiroutes.schemas import json_schemas

__all__ = ["ERROR", "UNPROCESSABLE", "Schemas", "components", "error_response", "with_short_names"]

ERROR = {"$ref": "#/components/responses/Error"}
UNPROCESSABLE = {"$ref": "#/components/responses/Invalid"}

_SCHEMA_REFERENCE = "#/components/schemas/{name}"
# The package of a project's module, in the names that msgspec and pydantic give to its types.
_PACKAGE = re.compile(r"_apiroutes_project_\d+(\.|__)(?:pages|app|routes)\1")

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
        # By identity, as an annotation need not have a hash. Its owner keeps it alive.
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
        "schemas": {**schemas.definitions, "Problem": _PROBLEM},
        "responses": {
            "Error": error_response("Any other error"),
            "Invalid": error_response("The request is not valid; `errors` lists the problems"),
        },
    }
    return {**objects, "securitySchemes": security} if security else objects


def error_response(description: str) -> dict[str, Any]:
    """Return a Response Object for an error: a problem document, or text."""
    content: Mapping[str, Any] = {
        "application/problem+json": {"schema": {"$ref": _SCHEMA_REFERENCE.format(name="Problem")}},
        "text/plain": {"schema": {"type": "string"}},
    }
    return {"description": inspect.cleandoc(description) or "An error", "content": content}


def with_short_names(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with short schema names, without the project's package."""
    schemas = document["components"]["schemas"]
    names: dict[str, str] = {}
    for name in schemas:
        short = re.sub(r"[^A-Za-z0-9]+", "_", _PACKAGE.sub("", name)).strip("_")
        short = re.sub(r"^api_", "", short)
        while short in names.values():
            short += "_"
        names[name] = short
    renamed = {names[name]: schema for name, schema in schemas.items()}
    references = {
        _SCHEMA_REFERENCE.format(name=name): _SCHEMA_REFERENCE.format(name=short)
        for name, short in names.items()
    }
    result: dict[str, Any] = _with_references(
        {**document, "components": {**document["components"], "schemas": renamed}}, references
    )
    return result


def _with_references(value: Any, references: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: references[part]
            if key == "$ref" and part in references
            else _with_references(part, references)
            for key, part in value.items()
        }
    return [_with_references(part, references) for part in value] if isinstance(value, list) else value
