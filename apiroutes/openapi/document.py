"""The OpenAPI 3.1 document of a project: its paths, the names of its operations, and its credentials.

In: route modules and settings. Out: a document as data for JSON. A project that cannot be described has
failed to start.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apiroutes.handlers import RouteModule, SecurityScheme
from apiroutes.http import path_of
from apiroutes.openapi.components import Schemas, components, error_response, with_short_names
from apiroutes.openapi.operations import Operation, annotations_of, describe, operations_of
from apiroutes.routing import Kind, Segment
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = ["document"]

# A route's module, and the middleware around it.
DescribedRoute = tuple[RouteModule, Sequence[Middleware]]


def document(routes: Sequence[DescribedRoute], settings: Settings, name: str) -> dict[str, Any]:
    """Return the document; `name` is the title unless settings or [project] have one."""
    return _Document(routes, settings, name).build()


class _Document:
    def __init__(self, routes: Sequence[DescribedRoute], settings: Settings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.prefixes = [
            [part for part in path.split("/") if part]
            for path in (settings.base_path + settings.api_prefix, settings.base_path)
        ]
        self.routes = [(module, around, [*operations_of(module)]) for module, around in routes]
        operations = [operation for *_, own in self.routes for operation in own]
        self.schemas = Schemas(part for operation in operations for part in annotations_of(operation))
        self.identifiers: set[str] = set()
        self.security: dict[str, Mapping[str, Any]] = {}

    def build(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for module, around, operations in self.routes:
            for path, segments in _paths(module):
                paths[path] = self._path_item(module, around, operations, segments)
        info = {"title": self.settings.title or self.name, "version": self.settings.version or "0"}
        return with_short_names(
            {
                "openapi": "3.1.0",
                "info": info,
                "paths": paths,
                "components": components(self.schemas, self.security),
            }
        )

    def _path_item(
        self,
        module: RouteModule,
        around: Sequence[Middleware],
        operations: Sequence[Operation],
        segments: tuple[Segment, ...],
    ) -> dict[str, Any]:
        summary = module.doc.partition("\n")[0]
        item: dict[str, Any] = {"summary": summary} if summary else {}
        if RouteModule.ANY in module.handlers:
            item["description"] = "Answers every method."
        for operation in operations:
            item[operation.method.lower()] = self._operation(operation, around, segments)
        return item

    def _operation(
        self, operation: Operation, around: Sequence[Middleware], segments: tuple[Segment, ...]
    ) -> dict[str, Any]:
        described: dict[str, Any] = {"operationId": self._identifier(operation.method, segments)}
        static = [part.text for part in self._without_prefix(segments) if part.kind is Kind.STATIC]
        if static:
            described["tags"] = static[:1]
        described |= describe(operation, segments, self.schemas)
        required = operation.handler.asks(around)
        if required:
            self.security |= {part.name: part.scheme for schemes in required for part in schemes}
            described["security"] = _security(required)
            described["responses"].setdefault("401", error_response("Credentials are missing, or wrong"))
        described["responses"] = dict(sorted(described["responses"].items()))
        return described

    def _identifier(self, method: str, segments: tuple[Segment, ...]) -> str:
        """Return the method and the path as `get_users_by_id`, which is the same in every build."""
        words = [method.lower()]
        for segment in self._without_prefix(segments):
            words += [segment.text] if segment.kind is Kind.STATIC else ["by", segment.text]
        if len(words) == 1:
            words.append("root")
        name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_")
        unique, number = name, 2
        while unique in self.identifiers:
            unique, number = f"{name}_{number}", number + 1
        self.identifiers.add(unique)
        return unique

    def _without_prefix(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """Return the segments after the prefix; a route of `app` may lie outside it."""
        for prefix in self.prefixes:
            begin = [segment.text for segment in segments[: len(prefix)] if segment.kind is Kind.STATIC]
            if begin == prefix:
                return segments[len(prefix) :]
        return segments


def _security(required: Sequence[tuple[SecurityScheme, ...]]) -> list[dict[str, list[str]]]:
    """Return Security Requirement Objects: any of them is enough.

    Every step has its alternatives, and a request needs one of each step.
    """
    requirements: list[dict[str, list[str]]] = []
    for together in itertools.product(*required):
        requirement: dict[str, list[str]] = {}
        for scheme in together:
            scopes = requirement.setdefault(scheme.name, [])
            scopes += [scope for scope in scheme.scopes if scope not in scopes]
        requirements.append(requirement)
    return requirements


def _paths(module: RouteModule) -> Iterator[tuple[str, tuple[Segment, ...]]]:
    """Yield the paths of a route in OpenAPI's form; an optional catch-all has two."""
    segments = module.route.pattern.segments
    if segments and segments[-1].kind is Kind.OPTIONAL_CATCH_ALL:
        yield _template(segments[:-1]), segments[:-1]
    yield _template(segments), segments


def _template(segments: tuple[Segment, ...]) -> str:
    # A static segment is percent-encoded, so that a brace in it opens no parameter.
    return "/" + "/".join(
        path_of([segment.text])[1:] if segment.kind is Kind.STATIC else f"{{{segment.text}}}"
        for segment in segments
    )
