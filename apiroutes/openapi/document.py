"""The OpenAPI 3.1 document of a project: its routes, annotations, docstrings and limits.

In: route modules and settings. Out: a document as data for JSON. Raises nothing: what cannot be
described stopped the start.
"""

from __future__ import annotations

import inspect
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_origin

from apiroutes.handlers import Handler, Parameter, RouteModule, SecurityScheme, result_type
from apiroutes.http import METHODS, path_of, phrase
from apiroutes.routing import Kind, Segment
from apiroutes.schemas import json_schemas
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = ["document"]

_REFERENCE = "#/components/schemas/{name}"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What a docstring says of answers: "Raises 404 when there is none."
_RAISES = re.compile(r"^Raises (\d{3})\b[ :,]*(.*?)\.?$", re.MULTILINE)
# Of a project's module, in the names that msgspec and pydantic give to its types.
_MODULE = re.compile(r"_apiroutes_project_\d+(\.|__)(?:pages|app|routes)\1")

# What a segment can be: no control character, and no part of it a dot segment (`apiroutes.http.target`).
_SEGMENT = r"^(?!(?:[\s\S]*[/\\])?\.\.?(?:[/\\]|$))[^\u0000-\u001f\u007f-\u009f]+$"

# RFC 9457 section 3, with the places of what does not fit.
_PROBLEM_SCHEMA = {
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


# A route's module, and the middleware around it.
DescribedRoute = tuple[RouteModule, Sequence[Middleware]]


def document(routes: Sequence[DescribedRoute], settings: Settings, name: str) -> dict[str, Any]:
    """The document; `name` is the title where neither settings nor [project] have one."""
    return _Document(routes, settings, name).make()


class _Document:
    def __init__(self, routes: Sequence[DescribedRoute], settings: Settings, name: str) -> None:
        self.routes = routes
        self.settings = settings
        self.name = name
        self.prefixes = [
            [part for part in path.split("/") if part]
            for path in (settings.base_path + settings.api_prefix, settings.base_path)
        ]
        operations = [each for module, _ in routes for each in _operations(module)]
        self.returned = {id(handler): result_type(handler) for _, handler in operations}
        # An annotation need not have a hash; it lives as long as what it is the annotation of.
        wanted = {(id(annotation), sent): (annotation, sent) for annotation, sent in self._annotations()}
        schemas, self.definitions = json_schemas(list(wanted.values()), _REFERENCE)
        self.schemas = dict(zip(wanted, schemas))
        self.identifiers: set[str] = set()
        self.security: dict[str, Mapping[str, Any]] = {}

    def make(self) -> dict[str, Any]:
        """The document, with short names for its schemas."""
        paths: dict[str, dict[str, Any]] = {}
        for module, around in self.routes:
            for path, segments in _paths(module):
                paths[path] = self._path_item(module, around, segments)
        components: dict[str, Any] = {
            "schemas": {**self.definitions, "Problem": _PROBLEM_SCHEMA},
            "responses": {
                "Error": _error("Any other error"),
                "Invalid": _error("The request does not fit; `errors` has all that is wrong"),
            },
        }
        found = {
            "openapi": "3.1.0",
            "info": {"title": self.settings.title or self.name, "version": self.settings.version or "0"},
            "paths": paths,
            "components": components,
        }
        if self.security:
            components["securitySchemes"] = self.security
        return _with_short_names(found)

    def _path_item(
        self, module: RouteModule, around: Sequence[Middleware], segments: tuple[Segment, ...]
    ) -> dict[str, Any]:
        summary = module.doc.partition("\n")[0]
        item: dict[str, Any] = {"summary": summary} if summary else {}
        if RouteModule.ANY in module.handlers:
            item["description"] = "Answers every method."
        for method, handler in _operations(module):
            operation = self._operation(module, handler, method, segments)
            asked = handler.asks(around)
            if asked:
                self.security |= {each.name: each.scheme for one in asked for each in one}
                operation["security"] = _security(asked)
                operation["responses"].setdefault("401", _error("Credentials are missing, or wrong"))
            operation["responses"] = dict(sorted(operation["responses"].items()))
            item[method.lower()] = operation
        return item

    def _operation(
        self, module: RouteModule, handler: Handler, method: str, segments: tuple[Segment, ...]
    ) -> dict[str, Any]:
        doc = handler.doc or (module.doc if len(module.handlers) == 1 else "")
        summary, _, description = _RAISES.sub("", doc).strip().partition("\n")
        operation: dict[str, Any] = {"operationId": self._identifier(method, segments)}
        own = [segment.text for segment in self._own(segments) if segment.kind is Kind.STATIC]
        if own:
            operation["tags"] = own[:1]
        if summary:
            operation["summary"] = summary
        if description.strip():
            operation["description"] = description.strip()
        inputs = handler.signature.inputs
        parameters = [*self._parameters(inputs, segments)]
        if parameters:
            operation["parameters"] = parameters
        body = self._request_body(module, inputs)
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = self._responses(module, handler, method)
        return operation

    def _identifier(self, method: str, segments: tuple[Segment, ...]) -> str:
        """`get_users_by_id`: the method and the path, in words that are the same in every build."""
        words = [method.lower()]
        for segment in self._own(segments):
            words += [segment.text] if segment.kind is Kind.STATIC else ["by", segment.text]
        if len(words) == 1:
            words.append("root")
        name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_")
        unique, number = name, 2
        while unique in self.identifiers:
            unique, number = f"{name}_{number}", number + 1
        self.identifiers.add(unique)
        return unique

    def _own(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """What comes after the prefix, where there is one: a route of `app` may lie outside."""
        for prefix in self.prefixes:
            begin = [segment.text for segment in segments[: len(prefix)] if segment.kind is Kind.STATIC]
            if begin == prefix:
                return segments[len(prefix) :]
        return segments

    # -- what is taken ---------------------------------------------------------------------

    def _parameters(
        self, inputs: Sequence[Parameter], segments: tuple[Segment, ...]
    ) -> Iterator[dict[str, Any]]:
        path = {name: schema for name, schema, _ in self._fields("path", inputs)}
        for segment in segments:
            if segment.kind is not Kind.STATIC:
                yield self._path_parameter(segment, path.get(segment.text, {"type": "string"}))
        for name, schema, is_required in self._fields("query", inputs):
            parameter: dict[str, Any] = {"name": name, "in": "query", "schema": schema}
            yield {**parameter, "required": True} if is_required else parameter

    def _path_parameter(self, segment: Segment, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"name": segment.text, "in": "path", "required": True}
        if segment.kind is not Kind.DYNAMIC:
            # OpenAPI has no word for several segments.
            found |= {"description": "Segments, with `/` between them.", "x-catch-all": True}
            schema = {"type": "string"}
        return {
            **found,
            "schema": {**schema, "pattern": _SEGMENT} if schema == {"type": "string"} else schema,
        }

    def _fields(self, source: str, inputs: Sequence[Parameter]) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """What is taken of a source, one by one: name, schema, whether it is required."""
        for each in inputs:
            if each.source != source:
                continue
            schema = self._taken(each.annotation)
            if each.name is not None:
                default = {} if each.is_required or each.default is None else {"default": each.default}
                yield each.name, _with_default(schema, default), each.is_required
                continue
            whole = self._resolved(schema)
            for name, part in whole.get("properties", {}).items():
                yield name, part, name in whole.get("required", ())

    def _request_body(self, module: RouteModule, inputs: Sequence[Parameter]) -> dict[str, Any] | None:
        body = next((each for each in inputs if each.source == "body"), None)
        files = [each for each in inputs if each.source == "files"]
        if body is None and not files:
            return None
        limit = f"At most {module.config.size_limit.text}."
        if not files:
            assert body is not None
            content = {"application/json": {"schema": self._taken(body.annotation)}}
            return {"description": limit, "required": True, "content": content}
        parts = {each.name: _file_schema(each) for each in files}
        required = [each.name for each in files if each.is_required]
        schema: dict[str, Any] = {"type": "object", "properties": parts, "required": required}
        if body is not None:
            schema = {"allOf": [self._taken(body.annotation), schema]}
        return {
            "description": limit,
            "required": True,
            "content": {"multipart/form-data": {"schema": schema}},
        }

    # -- what is answered ------------------------------------------------------------------

    def _responses(self, module: RouteModule, handler: Handler, method: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        declared = _declared(module, method)
        success = self._success(handler)
        if "content" in success or not any(200 <= status < 300 for status in declared):
            found["200"] = success
        for status, meaning in declared.items():
            found[str(status)] = self._answer(status, meaning)
        for status_text, meaning in _RAISES.findall(handler.doc):
            found.setdefault(status_text, _error(meaning[:1].upper() + meaning[1:]))
        if handler.signature.takes_content:
            found.setdefault("413", _error(f"The body is larger than {module.config.size_limit.text}"))
        if handler.signature.inputs:
            found.setdefault("422", {"$ref": "#/components/responses/Invalid"})
        if module.config.max_duration is not None:
            found.setdefault("504", _error(f"Not done within {module.config.max_duration:g} s"))
        found["default"] = {"$ref": "#/components/responses/Error"}
        return found

    def _success(self, handler: Handler) -> dict[str, Any]:
        answer: dict[str, Any] = {"description": phrase(200)}
        annotation = self.returned[id(handler)]
        returns = handler.signature.returns
        if annotation is not None:
            answer["content"] = {"application/json": {"schema": self._sent(annotation)}}
        elif returns is str:
            answer["content"] = {"text/plain": {"schema": {"type": "string"}}}
        elif returns is bytes:
            answer["content"] = {"application/octet-stream": {}}
        return answer

    def _answer(self, status: int, meaning: Any) -> dict[str, Any]:
        if isinstance(meaning, str):
            return {"description": meaning} if status < 400 else _error(meaning)
        content = {"application/json": {"schema": self._sent(meaning)}}
        return {"description": phrase(status), "content": content}

    # -- schemas ---------------------------------------------------------------------------

    def _annotations(self) -> Iterator[tuple[Any, bool]]:
        """Every type that the document has a schema of, and whether it is sent or taken."""
        for module, _ in self.routes:
            for method, handler in _operations(module):
                declared = _declared(module, method)
                inputs = handler.signature.inputs
                yield from ((meaning, True) for meaning in declared.values() if not isinstance(meaning, str))
                yield from ((each.annotation, False) for each in inputs if each.source != "files")
                returned = self.returned[id(handler)]
                if returned is not None:
                    yield returned, True

    def _taken(self, annotation: Any) -> dict[str, Any]:
        return self.schemas[id(annotation), False]

    def _sent(self, annotation: Any) -> dict[str, Any]:
        return self.schemas[id(annotation), True]

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return self.definitions.get(name, schema)


def _operations(module: RouteModule) -> Iterator[tuple[str, Handler]]:
    """What a module answers, by method.

    A `handler` gets every method, and its source alone says which it means: here those that
    `responses` names, or else POST where it takes content by its type, and GET where not.
    """
    for method, handler in module.handlers.items():
        if method == RouteModule.ANY:
            named = [each for each in METHODS if each in module.responses]
            for each in named or ["POST" if handler.signature.takes_content else "GET"]:
                yield each, handler
        else:
            yield method, handler


def _declared(module: RouteModule, method: str) -> dict[int, Any]:
    """What a module declares of the answers of one method, by status code."""
    common = {status: meaning for status, meaning in module.responses.items() if type(status) is int}
    return {**common, **module.responses.get(method, {})}


def _security(asked: Sequence[tuple[SecurityScheme, ...]]) -> list[dict[str, list[str]]]:
    """Alternatives, each with all that it needs: one of every step's own alternatives."""
    found: list[dict[str, list[str]]] = []
    for together in itertools.product(*asked):
        needed: dict[str, list[str]] = {}
        for each in together:
            scopes = needed.setdefault(each.name, [])
            scopes += [scope for scope in each.scopes if scope not in scopes]
        found.append(needed)
    return found


def _paths(module: RouteModule) -> Iterator[tuple[str, tuple[Segment, ...]]]:
    """The paths of a route as OpenAPI writes them; an optional catch-all has two."""
    segments = module.route.pattern.segments
    if segments and segments[-1].kind is Kind.OPTIONAL_CATCH_ALL:
        yield _template(segments[:-1]), segments[:-1]
    yield _template(segments), segments


def _template(segments: tuple[Segment, ...]) -> str:
    # A static segment as it is in a URL: a brace or a percent sign in it means nothing.
    return "/" + "/".join(
        path_of([segment.text])[1:] if segment.kind is Kind.STATIC else f"{{{segment.text}}}"
        for segment in segments
    )


def _with_default(schema: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(default)
    except TypeError:
        return schema  # a date, say, which the text of the schema need not have
    return {**schema, **default}


def _file_schema(each: Parameter) -> dict[str, Any]:
    # OpenAPI 3.1 says it by the media type; pages and generators look for the format of 3.0.
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    if get_origin(each.annotation) is not list:
        return file
    files: dict[str, Any] = {"type": "array", "items": file}
    return {**files, "minItems": 1} if each.is_required else files  # a form cannot send none


def _error(description: str) -> dict[str, Any]:
    content: Mapping[str, Any] = {
        "application/problem+json": {"schema": _PROBLEM},
        "text/plain": {"schema": {"type": "string"}},
    }
    return {"description": inspect.cleandoc(description) or "An error", "content": content}


def _with_short_names(found: dict[str, Any]) -> dict[str, Any]:
    """The document with names of schemas that do not have the package of a project in them."""
    schemas = found["components"]["schemas"]
    names: dict[str, str] = {}
    for name in schemas:
        short = re.sub(r"[^A-Za-z0-9]+", "_", _MODULE.sub("", name)).strip("_")
        short = re.sub(r"^api_", "", short)
        while short in names.values():
            short += "_"
        names[name] = short
    components = {**found["components"], "schemas": {names[name]: each for name, each in schemas.items()}}
    renamed = {**found, "components": components}
    result: dict[str, Any] = _renamed(
        renamed, {_REFERENCE.format(name=old): new for old, new in names.items()}
    )
    return result


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _REFERENCE.format(name=names[part])
            if key == "$ref" and part in names
            else _renamed(part, names)
            for key, part in value.items()
        }
    return [_renamed(part, names) for part in value] if isinstance(value, list) else value
