"""The OpenAPI 3.1 document of a project: its paths, the names of its operations, and its credentials.

In: route modules and settings. Out: a document as data for JSON. A project that cannot be described has
failed to start before.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apiroutes.handlers import Asked, RouteModule
from apiroutes.http import path_of
from apiroutes.openapi.components import (
    Schemas,
    components,
    error_response,
    too_many_requests,
    unavailable,
    with_named_schemas,
)
from apiroutes.openapi.operation import Operation, annotations_of, operations_of
from apiroutes.openapi.operations import describe
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
        self.tags: dict[str, str] = {}
        self.identifiers: set[str] = set()
        self.security: dict[str, Mapping[str, Any]] = {}

    def build(self) -> dict[str, Any]:
        paths: dict[str, dict[str, Any]] = {}
        for module, around, operations in self.routes:
            for path, segments in _paths(module):
                paths[path] = self._path_item(module, around, operations, segments)
        return with_named_schemas(
            {
                "openapi": "3.1.0",
                "info": self._info(),
                # Paths are on this host; if an App is mounted, the mount is put here.
                "servers": [{"url": "/"}],
                # For operations that name no credentials: none are needed.
                "security": [],
                "tags": [{"name": name, "description": text} for name, text in sorted(self.tags.items())],
                "paths": paths,
                "components": components(self.schemas, self.security),
            }
        )

    def _info(self) -> dict[str, Any]:
        """Return an Info Object (OpenAPI 3.1 section 4.8.2)."""
        settings = self.settings
        info: dict[str, Any] = {
            "title": settings.title or self.name,
            "version": settings.version or "0",
            "description": settings.description or f"The API of {settings.title or self.name}.",
        }
        if settings.contact is not None:
            info["contact"] = _contact(settings.contact)
        if settings.license is not None:
            name = settings.license
            info["license"] = {"name": name, **({"identifier": name} if _is_spdx(name) else {})}
        return info

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
        identifier = self._identifier(operation.method, segments)
        described: dict[str, Any] = {
            "operationId": identifier,
            "tags": [self._tag(operation.module, segments)],
        }
        described |= describe(operation, segments, self.schemas, identifier.replace("_", " ").capitalize())
        required = operation.handler.asks(around)
        if required:
            self.security |= {part.name: part.scheme for asked in required for part in asked.schemes}
            described["security"] = _security(required)
        needs_user = operation.handler.requires(around)
        if required or needs_user:
            described["responses"].setdefault("401", error_response("Credentials are missing, or wrong"))
        refusals = []
        if needs_user:
            refusals.append("the user may not do this")
        if operation.refuses_other_sites(around):
            refusals.append("a browser sends it from another site")
        if refusals:
            text = ", or ".join(refusals)
            described["responses"].setdefault("403", error_response(text[0].upper() + text[1:]))
        if operation.is_limited(around):
            described["responses"].setdefault("429", too_many_requests())
        if operation.may_be_unavailable(around):
            described["responses"].setdefault("503", unavailable())
        described["responses"] = dict(sorted(described["responses"].items()))
        return described

    def _identifier(self, method: str, segments: tuple[Segment, ...]) -> str:
        """Return the method and path in the form `get_users_by_id`, which is the same in every build."""
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

    def _tag(self, module: RouteModule, segments: tuple[Segment, ...]) -> str:
        """Return the first directory of a route below the prefix, and keep its description.

        The description is the docstring of the file that answers the directory's path.
        """
        own = self._without_prefix(segments)
        name = next((segment.text for segment in own if segment.kind is Kind.STATIC), "root")
        is_index = len(own) == (0 if name == "root" else 1)
        if is_index and module.doc:
            self.tags[name] = module.doc.partition("\n")[0]
        self.tags.setdefault(name, f"Routes of {name}.")
        return name

    def _without_prefix(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """Return the segments after the prefix; a route of `app` may be outside it."""
        for prefix in self.prefixes:
            begin = [segment.text for segment in segments[: len(prefix)] if segment.kind is Kind.STATIC]
            if begin == prefix:
                return segments[len(prefix) :]
        return segments


def _contact(text: str) -> dict[str, str]:
    """Return a Contact Object (section 4.8.3) of a name, an address, or `Ada <ada@example.com>`."""
    match = re.fullmatch(r"(.*?)\s*<([^<>]+)>|([^<>]*)", text.strip())
    name, address = (match[1] or "", match[2] or match[3]) if match else (text, "")
    contact = {"name": name} if name else {}
    if "://" in address:
        return {**contact, "url": address}
    return {**contact, "email": address} if "@" in address else {"name": name or address}


def _is_spdx(name: str) -> bool:
    """Return whether the name of a license is an SPDX expression, such as `MIT OR Apache-2.0`."""
    part = r"\(?[A-Za-z0-9][A-Za-z0-9.+-]*\)?"
    return re.fullmatch(rf"{part}(?: (?:AND|OR|WITH) {part})*", name) is not None


def _security(required: Sequence[Asked]) -> list[dict[str, list[str]]]:
    """Return Security Requirement Objects: any of them is enough.

    Every step has its alternatives, and a request needs one alternative of each step. If credentials are
    optional, an alternative is empty; it is an empty object if no other step asks for credentials (section
    4.8.30).
    """
    requirements: list[dict[str, list[str]]] = []
    options = [(*asked.schemes, None) if asked.is_optional else asked.schemes for asked in required]
    for together in itertools.product(*options):
        requirement: dict[str, list[str]] = {}
        for scheme in filter(None, together):
            scopes = requirement.setdefault(scheme.name, [])
            scopes += [scope for scope in scheme.scopes if scope not in scopes]
        if requirement not in requirements:
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
