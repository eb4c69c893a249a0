"""The parts of an OpenAPI document that a client needs: types, and operations with inputs and results.

In: a document (OpenAPI 3.1). Out: an `Api`, from which each language's client is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from apiroutes.clients.schema_types import (
    BINARY,
    TEXT,
    UNKNOWN,
    Primitive,
    Type,
    any_of,
    description_of,
    read_type,
)
from apiroutes.structs import Struct

__all__ = ["Api", "Body", "Content", "NamedType", "Operation", "Parameter", "Response", "read_api"]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_JSON = re.compile(r"application/(?:[^;]*\+)?json|\*/\*")
# Media types of text other than JSON; the runtime parts of the clients know the same types.
_TEXT = re.compile(r"text/|application/(?:x-ndjson|jsonl|(?:[^;]*\+)?xml)")
# Kinds of bodies, the most expressive first: a client sends the first kind that an operation takes.
_BODY_KINDS = ("json", "multipart", "form", "text", "bytes")


class NamedType(Struct, frozen=True):
    name: str
    type: Type
    description: str


class Parameter(Struct, frozen=True):
    """A value in the path, query or header fields; an `is_catch_all` value is several segments of a path."""

    name: str
    type: Type
    is_required: bool
    is_catch_all: bool = False


class Body(Struct, frozen=True):
    """A body that an operation takes. `kind` is json, multipart, form, text or bytes."""

    kind: str
    type: Type


class Content(Struct, frozen=True):
    """The content of a response. `kind` is json, text, bytes, events or empty.

    For events, the type is the type of their data, which is JSON unless the type is TEXT.
    """

    kind: str
    type: Type
    media_type: str


class Response(Struct, frozen=True):
    """The response with a status code; None means any other status code."""

    status: int | None
    contents: tuple[Content, ...]

    @property
    def type(self) -> Type:
        return any_of([content.type for content in self.contents])


class Operation(Struct, frozen=True):
    """`path` is a sequence of texts and parameters."""

    name: str
    method: str
    path: tuple[str | Parameter, ...]
    query: tuple[Parameter, ...]
    headers: tuple[Parameter, ...]
    bodies: tuple[Body, ...]
    body_is_required: bool
    responses: tuple[Response, ...]
    description: str
    is_deprecated: bool

    @property
    def path_parameters(self) -> tuple[Parameter, ...]:
        return tuple(part for part in self.path if isinstance(part, Parameter))

    @property
    def successes(self) -> tuple[Response, ...]:
        return tuple(part for part in self.responses if part.status and 200 <= part.status < 300)

    @property
    def failures(self) -> tuple[Response, ...]:
        return tuple(part for part in self.responses if not (part.status and 200 <= part.status < 300))

    @property
    def events(self) -> Type | None:
        """The type of the events' data, for an operation that answers with server-sent events."""
        types = [
            part.type for response in self.successes for part in response.contents if part.kind == "events"
        ]
        return any_of(types) if types else None


class Api(Struct, frozen=True):
    types: tuple[NamedType, ...]
    operations: tuple[Operation, ...]


def read_api(document: Mapping[str, Any]) -> Api:
    """Return the types and operations of a document, in its order."""
    schemas = document.get("components", {}).get("schemas", {})
    types = tuple(
        NamedType(name, read_type(schema), description_of(schema)) for name, schema in schemas.items()
    )
    return Api(types, tuple(_Reader(document).operations()))


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def operations(self) -> Iterator[Operation]:
        for path, item in self._document["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield self._operation(path, method, item, item[method])

    def _operation(
        self, path: str, method: str, item: Mapping[str, Any], described: Mapping[str, Any]
    ) -> Operation:
        parameters: dict[str, dict[str, Parameter]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
        # Parameters of the operation replace parameters of all methods (section 4.8.9).
        for reference in (*item.get("parameters", ()), *described.get("parameters", ())):
            part = self._resolve(reference)
            parameters[part["in"]][part["name"]] = _parameter(part)
        body = self._resolve(described.get("requestBody", {}))
        return Operation(
            name=described.get("operationId") or f"{method}_{path}",
            method=method.upper(),
            path=tuple(_pieces(path, parameters["path"])),
            query=tuple(parameters["query"].values()),
            headers=tuple(parameters["header"].values()),
            bodies=tuple(_bodies(body)),
            body_is_required=body.get("required", False),
            responses=tuple(
                Response(_status(status), tuple(_contents(self._resolve(response), _status(status))))
                for status, response in described.get("responses", {}).items()
            ),
            description=_text_of(described),
            is_deprecated=described.get("deprecated", False),
        )

    def _resolve(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follow a reference to a component other than a schema."""
        while "$ref" in described:
            target: Any = self._document
            for name in described["$ref"].removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            described = target
        return described


def _text_of(described: Mapping[str, Any]) -> str:
    """Return the summary and the description, or one of them if they are the same."""
    summary, description = described.get("summary", ""), described.get("description", "")
    if summary.rstrip(".") == description.rstrip("."):
        return str(description)
    return "\n\n".join(filter(None, [summary, description]))


def _parameter(described: Mapping[str, Any]) -> Parameter:
    return Parameter(
        described["name"],
        read_type(described.get("schema")),
        described.get("required", False),
        described.get("x-catch-all", False),
    )


def _pieces(path: str, parameters: Mapping[str, Parameter]) -> Iterator[str | Parameter]:
    names = {f"{{{name}}}": parameter for name, parameter in parameters.items()}
    # The longest first: `{a}b}` is a name too, and begins like `{a}`.
    pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    for piece in re.split(f"({pattern})", path) if names else [path]:
        if piece:
            yield names.get(piece, piece)


def _status(status: str) -> int | None:
    return int(status) if status.isdigit() else None


def _bodies(described: Mapping[str, Any]) -> Iterator[Body]:
    bodies: dict[str, Type] = {}
    for media_type, content in described.get("content", {}).items():
        kind = _body_kind(media_type)
        type_ = read_type(content.get("schema"))
        if kind in ("text", "bytes"):
            type_ = TEXT if kind == "text" else BINARY
        bodies[kind] = any_of([bodies[kind], type_]) if kind in bodies else type_
    for kind in _BODY_KINDS:
        if kind in bodies:
            yield Body(kind, bodies[kind])


def _body_kind(media_type: str) -> str:
    if media_type == "multipart/form-data":
        return "multipart"
    if media_type == "application/x-www-form-urlencoded":
        return "form"
    if _JSON.match(media_type):
        return "json"
    return "text" if _TEXT.match(media_type) else "bytes"


def _contents(described: Mapping[str, Any], status: int | None) -> Iterator[Content]:
    if not described.get("content"):
        # Without content in the document, a response may have any content; some statuses never do (RFC 9110
        # 15.3.5).
        is_empty = status in (204, 205, 304)
        yield Content("empty", Primitive("null"), "") if is_empty else Content("json", UNKNOWN, "")
    for media_type, content in described.get("content", {}).items():
        schema = content.get("schema")
        if media_type.startswith("text/event-stream"):
            yield Content("events", _data_type(content.get("itemSchema", schema)), media_type)
        elif _JSON.match(media_type):
            yield Content("json", read_type(schema), media_type)
        elif _TEXT.match(media_type):
            yield Content("text", TEXT, media_type)
        else:
            yield Content("bytes", BINARY, media_type)


def _data_type(schema: Any) -> Type:
    """Return the type of an event's data.

    The schema describes an event, with `data` among its properties, or a list of events, or the data itself
    (OpenAPI 3.2 section 4.14.4 uses `itemSchema`).
    """
    if not isinstance(schema, Mapping):
        return TEXT
    if "items" in schema:
        return _data_type(schema["items"])
    if "data" in schema.get("properties", {}):
        return _data_type(schema["properties"]["data"])
    if "contentSchema" in schema:
        return read_type(schema["contentSchema"])
    type_ = read_type(schema)
    is_text = type_ in (UNKNOWN, TEXT) or ("properties" in schema and "event" in schema["properties"])
    return TEXT if is_text else type_
