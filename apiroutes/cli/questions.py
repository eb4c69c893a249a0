"""Which file answers a path: the routes, looked up from a request.

In: an App, a path or URL as a client sends it, and a method. Out: an `Answer`, as data for programs and as
lines for people. No handler and no middleware is called.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from apiroutes.app import App
from apiroutes.builtin_endpoints import is_documentation
from apiroutes.cli.listing import cache_text, dependencies_text, limits_text, row_of, runs_text
from apiroutes.handlers import RouteModule
from apiroutes.http import METHODS
from apiroutes.places import names_of
from apiroutes.resources import Resource
from apiroutes.terminal import BOLD, CYAN, DIM, GREEN, RED, Paint
from apiroutes.types import Environ

__all__ = ["Answer", "ask"]


@dataclass(frozen=True)
class Answer:
    """What answers a request. docs/routes.md documents the members, which are those of the JSON.

    `is_found` is whether code of the project answers, or a built-in endpoint.
    """

    target: str
    method: str | None
    is_found: bool
    handler: str | None = None
    redirect: str | None = None
    refused: str | None = None
    builtin: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    middleware: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    nearest: list[dict[str, Any]] = field(default_factory=list)
    route: dict[str, Any] | None = None

    def lines(self, paint: Paint) -> list[str]:
        """Return the answer for people."""
        lines = [self._title(paint)]
        if self.redirect is not None:
            lines.append(_line(paint, "redirect", f"308 to {self.redirect}, which is answered as follows"))
        if self.route is not None:
            lines.append(_line(paint, "file", paint(self.route["file"], CYAN)))
        if self.params:
            values = [f"{name} = {value!r}" for name, value in self.params.items()]
            lines.append(_line(paint, "parameters", ", ".join(values)))
        if self.methods:
            lines.append(_line(paint, "methods", ", ".join(self.methods)))
        if self.method is not None and self.route is not None:
            lines.append(_line(paint, self.method, self._of_method(paint)))
        lines.append(_line(paint, "middleware", " → ".join(self._middleware()) or "-"))
        if self.route is not None:
            dependencies = dependencies_text(self.route, self.method)
            lines += [_line(paint, "depends on", dependencies)] if dependencies else []
            cached = cache_text(self.route)
            lines += [_line(paint, "cached", cached)] if cached else []
            lines.append(_line(paint, "runs", runs_text(self.route)))
            lines.append(_line(paint, "limits", limits_text(self.route)))
        for number, near in enumerate(self.nearest):
            reasons = "; ".join(near["reasons"])
            text = f"{near['pattern']}  {paint(f'({reasons})', DIM)}" if reasons else near["pattern"]
            lines.append(_line(paint, "" if number else "nearest", text))
        return lines

    def _title(self, paint: Paint) -> str:
        if self.refused is not None:
            return paint(f"{self.target} is refused: {self.refused}", BOLD, RED)
        if self.builtin is not None:
            return paint(f"{self.target} is {self.builtin}", BOLD, GREEN)
        if self.route is None:
            return paint(f"No route matches {self.target}", BOLD, RED)
        return paint(self.route["path"], BOLD, GREEN)

    def _of_method(self, paint: Paint) -> str:
        if self.handler is None:
            return paint(f"405, which allows {', '.join(self.methods)}", RED)
        if self.handler == self.method:
            return f"answered by {self.handler}"
        if self.handler == "framework":
            return "answered without code of the project"
        return f"answered by {self.handler}"

    def _middleware(self) -> list[str]:
        """Return names in the order in which they run, and what runs for a single method below its name."""
        if self.method is not None or self.route is None:
            return self.middleware
        of_methods = self.route["method_middleware"]
        return self.middleware + [f"{method}({', '.join(names)})" for method, names in of_methods.items()]


def _line(paint: Paint, name: str, text: str) -> str:
    return f"  {paint(f'{name:<10}', DIM)}  {text}"


def ask(app: App, target: str, method: str | None) -> Answer:
    """Return what answers a request for the target: a path with or without a query, or a URL."""
    environ = _environ_of(target, method)
    target = environ["RAW_URI"].encode("latin-1").decode()
    resource, params = app.lookup.find(environ)
    if resource is None:
        return Answer(target, method, is_found=True, builtin="for the fallback")
    names = names_of(resource.middleware)
    if resource.module is not None:
        return _of_route(app, resource, target, method, params)
    redirect = app.lookup.canonical_path(environ) if resource.pattern is not None else None
    if redirect is not None:
        (route,) = (found for found in app.resources.values() if found.pattern == resource.pattern)
        query = f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else ""
        return _of_route(app, route, target, method, params, redirect + query)
    if resource.by_method:
        methods = [*resource.by_method]
        is_found = method is None or method in methods
        return Answer(target, method, is_found, builtin=resource.name, methods=methods)
    if resource.name != _UNKNOWN:
        return Answer(target, method, is_found=False, refused=resource.name, middleware=names)
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if _is_of_development(app, path):
        methods = ["GET", "HEAD"]
        is_found = method is None or method in methods
        name = "the documentation page, in development alone"
        return Answer(target, method, is_found, builtin=name, methods=methods)
    return Answer(target, method, is_found=False, middleware=names, nearest=_nearest(app, path))


_UNKNOWN = "a path without a route"  # the name of the resource that answers with a 404


def _is_of_development(app: App, path: str) -> bool:
    """Return whether `apiroutes dev` serves a path that the project in this mode does not."""
    docs = replace(app.settings, mode="development").docs_path
    return docs is not None and is_documentation(path, docs)


def _nearest(app: App, path: str) -> list[dict[str, Any]]:
    from apiroutes.development import RouteLine, nearest

    routes = [
        RouteLine(str(route.pattern), tuple(_methods_of(app.resources[route.file])), route.file)
        for route in app.routes.walk()
    ]
    prefix = f"{app.settings.base_path}{app.settings.api_prefix}"
    return [
        {"pattern": near.route.pattern, "path": near.path, "reasons": list(near.reasons)}
        for near in nearest(path, routes, prefix)
    ]


def _of_route(
    app: App,
    resource: Resource,
    target: str,
    method: str | None,
    params: dict[str, Any],
    redirect: str | None = None,
) -> Answer:
    assert resource.module is not None
    handlers = resource.module.handlers
    handler = None if method is None else _handler_of(resource, method)
    names = names_of(resource.middleware)
    if handler in handlers or (handler == "handler" and RouteModule.ANY in handlers):
        own = handlers[RouteModule.ANY if handler == "handler" else str(handler)]
        names += names_of(own.middleware)
    return Answer(
        target,
        method,
        is_found=method is None or handler is not None,
        handler=handler,
        redirect=redirect,
        params=params,
        middleware=names,
        methods=_methods_of(resource),
        route=row_of(resource),
    )


def _methods_of(resource: Resource) -> list[str]:
    assert resource.module is not None
    if RouteModule.ANY in resource.module.handlers:
        return list(METHODS)
    return [method for method in METHODS if method in resource.by_method]


def _handler_of(resource: Resource, method: str) -> str | None:
    """Return the name of the function that answers a method; "framework" where no code does."""
    assert resource.module is not None
    handlers = resource.module.handlers
    if RouteModule.ANY in handlers:
        return "handler"
    if method in handlers:
        return method
    if method not in resource.by_method:
        return None
    return "GET" if method == "HEAD" else "framework"


def _environ_of(target: str, method: str | None) -> Environ:
    if "://" in target.partition("?")[0]:
        url = urlsplit(target)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    target = target.partition("#")[0]
    path, _, query = target.partition("?")
    return {
        "REQUEST_METHOD": method or "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode()).decode("latin-1"),
        "QUERY_STRING": query.encode().decode("latin-1"),
        "RAW_URI": target.encode().decode("latin-1"),
    }
