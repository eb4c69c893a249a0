"""What a route's file exports, read once at start; answers no request and opens no socket.

In: the files of routes and middleware. Out: route modules, their handlers, `config` and middleware.
Raises ProjectError.
"""

from __future__ import annotations

from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.declarations import (
    SecurityScheme,
    fault_of,
    file_route,
    is_async,
    name_of,
    place_of,
    security_scheme,
    use,
)
from apiroutes.handlers.loading import (
    METHODS,
    PROJECT_MIDDLEWARE_FILE,
    Handler,
    ModuleLoader,
    RouteModule,
    one_line,
)
from apiroutes.handlers.parameters import Parameter
from apiroutes.handlers.result_types import result_type, with_checked_result

__all__ = [
    "METHODS",
    "PROJECT_MIDDLEWARE_FILE",
    "Handler",
    "ModuleLoader",
    "Parameter",
    "RouteConfig",
    "RouteModule",
    "SecurityScheme",
    "fault_of",
    "file_route",
    "is_async",
    "name_of",
    "one_line",
    "place_of",
    "result_type",
    "security_scheme",
    "use",
    "with_checked_result",
]
