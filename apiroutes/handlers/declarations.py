"""Declarations that a project writes beside its functions: `use`, `security_scheme` and `file_route`.

In: functions. Out: the same functions with their middleware or security schemes, or a declared
route. They are data only, which is read when the project is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Union

from apiroutes.errors import shown
from apiroutes.handlers.middleware_shapes import why_not_middleware
from apiroutes.http import METHODS
from apiroutes.marks import mark_of, marked_object
from apiroutes.places import name_of
from apiroutes.structs import Struct
from apiroutes.types import Middleware

__all__ = [
    "Asked",
    "FileRoute",
    "SecurityScheme",
    "asks_for_session",
    "asks_optionally",
    "is_asked_optionally",
    "needs_user",
    "reads_ambient_credentials",
    "required_of",
    "same_credentials",
    "takes_ambient_credentials",
    "file_route",
    "middleware_of",
    "refuses_other_sites",
    "security_of",
    "security_scheme",
    "session_cookie_of",
    "session_scheme",
    "use",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ATTRIBUTE = "__apiroutes_middleware__"
_SECURITY = "__apiroutes_security__"
_AMBIENT = "__apiroutes_ambient__"
_OPTIONAL = "__apiroutes_optional__"
_REQUIRED = "__apiroutes_required__"

# OpenAPI 3.1 sections 4.8.7 and 4.8.27: names of components, and the members that each type requires.
_NAME = r"[A-Za-z0-9._-]+"
_PLACES = ("header", "query", "cookie")
_REQUIRED_MEMBERS: Mapping[str, Mapping[str, type]] = {
    "http": {"scheme": str},
    "apiKey": {"in": str, "name": str},
    "oauth2": {"flows": Mapping},
    "openIdConnect": {"openIdConnectUrl": str},
    "mutualTLS": {},
}


_HANDLERS = (*METHODS, "handler")


def use(*middleware: Middleware) -> Callable[[_Function], _Function]:
    """Put middleware around one method: `@use(validate)` on `def POST`.

    Several `@use` run from the top down. Raises TypeError for a step that cannot be called as middleware.

    Args:
        *middleware: Functions; the first runs first.
    """
    example = "Write `@use(first)`, with a function `first(req, res, next)`"
    if not middleware:
        raise TypeError(f"use() has no middleware. {example}")
    for step in middleware:
        misfit = why_not_middleware(step)
        if isinstance(step, (list, tuple)):
            names = ", ".join(map(name_of, step)) or "first"
            raise TypeError(f"use(...) has a {type(step).__name__}. Write `@use({names})`")
        if misfit is not None and getattr(step, "__name__", "") in _HANDLERS:  # `@use` without parentheses
            raise TypeError(f"use(...) has {misfit.what}. {example}")
        if misfit is not None:
            raise TypeError(f"use(...) has {misfit.what}. {misfit.remedy()}")

    def decorate(function: _Function) -> _Function:
        setattr(function, _ATTRIBUTE, (*middleware, *middleware_of(function)))
        return function

    return decorate


def middleware_of(function: Callable[..., Any]) -> tuple[Middleware, ...]:
    """Return the middleware that `use` put around a function."""
    middleware: tuple[Middleware, ...] = getattr(function, _ATTRIBUTE, ())
    return middleware


class SecurityScheme(Struct, frozen=True):
    """The credentials that a step asks for, in OpenAPI's words."""

    name: str
    scheme: Mapping[str, Any]
    scopes: tuple[str, ...]
    declared_by: str  # the function's name
    is_session: bool = False  # whose cookie is that of the `sessions()` around the step


class Asked(Struct, frozen=True):
    """What a step asks for: credentials of any of the schemes, or none at all if `is_optional`."""

    schemes: tuple[SecurityScheme, ...]
    is_optional: bool = False


def security_scheme(
    name: str, scheme: Mapping[str, Any], *, scopes: Sequence[str] = (), optional: bool = False
) -> Callable[[_Function], _Function]:
    """State in the OpenAPI document which credentials a middleware or a handler asks for.

    A route requires the credentials of each of its middleware; of several schemes on the same function, any
    one is enough. The decorator checks no request: the function does. Raises ValueError for a scheme that
    OpenAPI does not know.

    Args:
        name: The scheme's name in the document.
        scheme: A Security Scheme Object (OpenAPI 3.1 section 4.8.27), such as `{"type": "http", "scheme":
            "bearer"}`.
        scopes: The scopes that are needed, as in OAuth 2.
        optional: Whether a request without credentials passes.
    """
    _check_scheme(name, scheme)

    def decorate(function: _Function) -> _Function:
        declared = SecurityScheme(name, dict(scheme), tuple(scopes), name_of(function))
        setattr(function, _SECURITY, (declared, *security_of(function)))
        return asks_optionally(function) if optional else function

    return decorate


def security_of(function: object) -> tuple[SecurityScheme, ...]:
    """Return the schemes that `security_scheme` gave a function, or an object's `__call__`: alternatives."""
    alternatives: tuple[SecurityScheme, ...] = mark_of(function, _SECURITY, ())
    return alternatives


def session_scheme(name: str) -> Callable[[_Function], _Function]:
    """Have a step ask for a session, which an outer step keeps in a cookie: its `session_cookie`."""
    scheme = {"type": "apiKey", "in": "cookie", "name": "session"}

    def decorate(function: _Function) -> _Function:
        declared = SecurityScheme(name, scheme, (), name_of(function), is_session=True)
        setattr(function, _SECURITY, (declared, *security_of(function)))
        return function

    return decorate


def asks_for_session(function: object) -> bool:
    """Return whether a step signs in by the session."""
    return any(scheme.is_session for scheme in security_of(function))


def session_cookie_of(step: object) -> str | None:
    """Return the name of the cookie in which a step keeps sessions; None for a step that keeps none."""
    name: str | None = mark_of(step, "session_cookie")
    return name


def asks_optionally(function: _Function) -> _Function:
    """Mark a step that lets requests without credentials pass."""
    setattr(function, _OPTIONAL, True)
    return function


def is_asked_optionally(function: object) -> bool:
    """Return whether a step is marked by `asks_optionally`."""
    return mark_of(function, _OPTIONAL) is True


def reads_ambient_credentials(function: _Function) -> _Function:
    """Mark a step that trusts what a browser adds to requests from any site: cookies, and Basic.

    Routes with such a step get `csrf()`, unless they have one.
    """
    setattr(function, _AMBIENT, True)
    return function


def takes_ambient_credentials(function: object) -> bool:
    """Return whether a step, or a dependency, is marked by `reads_ambient_credentials`."""
    return mark_of(function, _AMBIENT) is True


def refuses_other_sites(step: object) -> bool:
    """Return whether a step is a `csrf()`: such a step has a method `trusting`."""
    return hasattr(marked_object(step), "trusting")


def same_credentials(function: object, other: object) -> None:
    """Have a step ask for the same credentials as another one, which it calls."""
    setattr(function, _SECURITY, security_of(other))
    setattr(function, _AMBIENT, takes_ambient_credentials(other))


def needs_user(function: _Function, scopes: Sequence[str]) -> _Function:
    """Mark a step that only users with these scopes pass: others are refused with a 403.

    The OpenAPI document lists the scopes with the credentials that earlier steps ask for.
    """
    setattr(function, _REQUIRED, tuple(scopes))
    return function


def required_of(function: object) -> tuple[str, ...] | None:
    """Return the scopes that a step is marked with by `needs_user`; None for other steps."""
    scopes: tuple[str, ...] | None = mark_of(function, _REQUIRED)
    return scopes


def _check_scheme(name: str, scheme: Mapping[str, Any]) -> None:
    if not re.fullmatch(_NAME, name):
        raise ValueError(
            f"security scheme {shown(name)}: a name may have letters, digits, '.', '-' and '_' only"
        )
    required = _REQUIRED_MEMBERS.get(str(scheme.get("type")))
    if required is None:
        types = ", ".join(map(repr, _REQUIRED_MEMBERS))
        raise ValueError(f"security scheme {shown(name)}: 'type' must be one of {types}")
    for member, kind in required.items():
        if not isinstance(scheme.get(member), kind):
            raise ValueError(f"security scheme {shown(name)}: {shown(scheme['type'])} needs {member!r}")
    if scheme["type"] == "apiKey" and scheme["in"] not in _PLACES:
        places = ", ".join(map(repr, _PLACES))
        raise ValueError(f"security scheme {shown(name)}: 'in' must be one of {places}")


class FileRoute(Struct, frozen=True):
    """A route that is declared as in TanStack Start. It is kept as written; the start checks it."""

    path: object
    handlers: object
    middleware: object = ()


# A function, or a dict of `middleware` and `handler`.
DeclaredHandler = Union[Callable[..., Any], Mapping[str, Any]]
DeclaredHandlers = Mapping[str, DeclaredHandler]


def file_route(
    path: str,
    *,
    handlers: DeclaredHandlers | Callable[..., DeclaredHandlers],
    middleware: Middleware | Sequence[Middleware] = (),
) -> FileRoute:
    """Declare a route as TanStack does: `createFileRoute(path)({server: {middleware, handlers}})`. Bind it to
    `Route`.

    The start checks all of it.

    Args:
        path: The file's own path, as `/api/posts/$id` or as `/api/posts/[id]`, with the prefix or without it.
        handlers: A function for each method, or `{"middleware": [...], "handler": function}`; or a function
            of `create_handlers`, which takes such a dict and returns it.
        middleware: Middleware around all of them, one function or a list.
    """
    return FileRoute(path, handlers, middleware)
