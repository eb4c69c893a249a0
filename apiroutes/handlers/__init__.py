"""What a project's files export, and how handlers are called; this room never writes a response.

In: the files of routes and middleware. Out: route modules, their handlers, `config` and middleware.
Raises ProjectError.
"""

from __future__ import annotations

from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.declarations import (
    SecurityScheme,
    file_route,
    location_of,
    name_of,
    place_of,
    security_scheme,
    use,
)
from apiroutes.handlers.import_failures import import_failure
from apiroutes.handlers.loading import PROJECT_MIDDLEWARE_FILE, ModuleLoader
from apiroutes.handlers.middleware_shapes import why_not_middleware
from apiroutes.handlers.parameters import Parameter
from apiroutes.handlers.result_types import result_type, with_checked_result
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.handlers.sources import defines_handler

__all__ = [
    "PROJECT_MIDDLEWARE_FILE",
    "Handler",
    "ModuleLoader",
    "Parameter",
    "RouteConfig",
    "RouteModule",
    "SecurityScheme",
    "defines_handler",
    "file_route",
    "import_failure",
    "location_of",
    "name_of",
    "place_of",
    "result_type",
    "security_scheme",
    "use",
    "why_not_middleware",
    "with_checked_result",
]
