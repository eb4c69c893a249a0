"""What a project's files export, and how handlers are called; this room never writes a response.

In: the files of routes and middleware. Out: route modules, their handlers, `config` and middleware.
Raises ProjectError.
"""

from __future__ import annotations

from apiroutes.handlers.cache_config import CacheConfig, why_not_tag
from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.constants import is_too_long
from apiroutes.handlers.declarations import (
    Asked,
    SecurityScheme,
    asks_for_session,
    asks_optionally,
    file_route,
    is_asked_optionally,
    needs_user,
    reads_ambient_credentials,
    refuses_other_sites,
    required_of,
    same_credentials,
    security_of,
    security_scheme,
    session_cookie_of,
    session_scheme,
    takes_ambient_credentials,
    use,
)
from apiroutes.handlers.declared_responses import (
    annotated_statuses,
    declared_responses,
    documented_statuses,
    raised_errors,
    without_errors,
)
from apiroutes.handlers.dependencies import Depends, as_dependency, key_of, named, unaliased
from apiroutes.handlers.dependency_graph import Dependencies, Overrides
from apiroutes.handlers.foreign_names import FOREIGN_NAMES
from apiroutes.handlers.import_failures import import_failure
from apiroutes.handlers.import_graph import imported_names, imported_packages, parsed
from apiroutes.handlers.loading import (
    PROJECT_MIDDLEWARE_FILE,
    ModuleLoader,
    import_file,
    make_importable,
)
from apiroutes.handlers.middleware_shapes import why_not_middleware
from apiroutes.handlers.parameter_errors import found_in_body
from apiroutes.handlers.plans import Plan, PlanOf, plan_of
from apiroutes.handlers.result_checks import ResultCheck
from apiroutes.handlers.result_types import Returns, returns_of
from apiroutes.handlers.route_modules import Handler, RouteModule
from apiroutes.handlers.signatures import Parameter, asks_for_dependency
from apiroutes.handlers.sources import OwnNames, defines_handler
from apiroutes.handlers.value_makers import value_maker

__all__ = [
    "FOREIGN_NAMES",
    "PROJECT_MIDDLEWARE_FILE",
    "CacheConfig",
    "Dependencies",
    "Depends",
    "Handler",
    "ModuleLoader",
    "Overrides",
    "OwnNames",
    "Parameter",
    "Plan",
    "PlanOf",
    "ResultCheck",
    "Returns",
    "RouteConfig",
    "RouteModule",
    "Asked",
    "SecurityScheme",
    "asks_for_dependency",
    "asks_for_session",
    "asks_optionally",
    "annotated_statuses",
    "as_dependency",
    "declared_responses",
    "defines_handler",
    "documented_statuses",
    "file_route",
    "found_in_body",
    "import_failure",
    "import_file",
    "imported_names",
    "imported_packages",
    "is_asked_optionally",
    "is_too_long",
    "key_of",
    "make_importable",
    "named",
    "needs_user",
    "parsed",
    "plan_of",
    "raised_errors",
    "reads_ambient_credentials",
    "refuses_other_sites",
    "required_of",
    "returns_of",
    "same_credentials",
    "security_of",
    "security_scheme",
    "session_cookie_of",
    "session_scheme",
    "takes_ambient_credentials",
    "unaliased",
    "use",
    "value_maker",
    "why_not_middleware",
    "why_not_tag",
    "without_errors",
]
