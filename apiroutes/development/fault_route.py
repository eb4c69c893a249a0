"""The route of a request that failed, as data for the pages that explain the failure."""

from __future__ import annotations

from apiroutes.handlers import RouteModule
from apiroutes.places import names_of
from apiroutes.resources import Resource
from apiroutes.structs import Struct

__all__ = ["FaultRoute"]


class FaultRoute(Struct, frozen=True):
    """A route: `file` is relative to the project, `line` is where `handler` begins.

    All of them are None where no route answers. `middleware` are the names of the functions around the
    handler, the outermost first. `parses_body` tells whether `req.body` is parsed.
    """

    pattern: str | None = None
    file: str | None = None
    line: int | None = None
    handler: str | None = None
    middleware: tuple[str, ...] = ()
    is_async: bool = False
    parses_body: bool = True

    @classmethod
    def of(cls, resource: Resource, method: str) -> FaultRoute:
        """Return what answers a request of this method to the resource."""
        module = resource.module
        steps = resource.middleware
        if module is None:
            return cls(resource.pattern, middleware=tuple(names_of(steps)))
        by_method = module.handlers
        key = next((name for name in (method, RouteModule.ANY) if name in by_method), None)
        if key is None and method == "HEAD":
            key = "GET" if "GET" in by_method else None
        if key is None:
            return cls(resource.pattern, module.route.file, middleware=tuple(names_of(steps)))
        handler = by_method[key]
        _, _, line = handler.place.rpartition(":")
        return cls(
            pattern=resource.pattern,
            file=module.route.file,
            line=int(line) if line.isdecimal() else None,
            handler="handler" if key == RouteModule.ANY else key,
            middleware=tuple(names_of((*steps, *handler.middleware))),
            is_async=handler.is_async,
            parses_body=module.config.parse_body,
        )

    @property
    def place(self) -> str | None:
        """The file and the line of the handler."""
        return self.file if self.line is None else f"{self.file}:{self.line}"
