"""What a project writes to declare more than functions: `use`, `security_scheme` and `file_route`.

In: functions. Out: the same functions with their middleware or security schemes, or a declared
route. Data only; it is read when the project is loaded.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, Union

from apiroutes.types import Middleware

__all__ = [
    "FileRoute",
    "SecurityScheme",
    "why_not_middleware",
    "file_route",
    "is_async",
    "middleware_of",
    "name_of",
    "place_of",
    "security_of",
    "security_scheme",
    "use",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ATTRIBUTE = "__apiroutes_middleware__"
_SECURITY = "__apiroutes_security__"

# OpenAPI 3.1 sections 4.8.7 and 4.8.27: names of components, and what each type of scheme needs.
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PLACES = ("header", "query", "cookie")
_REQUIRED_MEMBERS: Mapping[str, Mapping[str, type]] = {
    "http": {"scheme": str},
    "apiKey": {"in": str, "name": str},
    "oauth2": {"flows": Mapping},
    "openIdConnect": {"openIdConnectUrl": str},
    "mutualTLS": {},
}


def use(*middleware: Middleware) -> Callable[[_Function], _Function]:
    """Put middleware around one method: `@use(validate)` on `def POST`.

    The first runs first; several `@use` run from the top down. Raises TypeError for what
    cannot be called so.
    """
    for step in middleware:
        reason = why_not_middleware(step)
        if reason is not None:
            raise TypeError(f"middleware is a function (req, res, next), not {reason}")

    def decorate(function: _Function) -> _Function:
        setattr(function, _ATTRIBUTE, (*middleware, *middleware_of(function)))
        return function

    return decorate


def middleware_of(function: Callable[..., Any]) -> tuple[Middleware, ...]:
    """What `use` put around a function."""
    found: tuple[Middleware, ...] = getattr(function, _ATTRIBUTE, ())
    return found


def why_not_middleware(step: object) -> str | None:
    """What a value is that cannot be called as middleware, with three arguments; None where it may be."""
    if not callable(step):
        return f"{step!r}, which cannot be called"
    try:
        # A wrapper is called as it is, whatever is inside it.
        signature = inspect.signature(step, follow_wrapped=False)
    except Exception:  # a built-in function, or an annotation of what is only imported for type checkers
        return None
    try:
        signature.bind(None, None, None)
    except TypeError:
        return f"`{name_of(step)}`, which takes ({', '.join(signature.parameters)})"
    return None


@dataclass(frozen=True)
class SecurityScheme:
    """What a step asks of a request's credentials, in OpenAPI's words."""

    name: str
    scheme: Mapping[str, Any]
    scopes: tuple[str, ...]
    declared_by: str  # the function's name


def security_scheme(
    name: str, scheme: Mapping[str, Any], *, scopes: Sequence[str] = ()
) -> Callable[[_Function], _Function]:
    """Say in the OpenAPI document which credentials a middleware, or a handler, asks for.

    `scheme` is a Security Scheme Object (OpenAPI 3.1 section 4.8.27), such as
    `{"type": "http", "scheme": "bearer"}`, and `scopes` are what OAuth 2 calls so. A route needs
    what each of its middleware asks for; of several on one function any will do. It checks
    nothing: the function does. Raises ValueError for a scheme that OpenAPI does not know.
    """
    _check_scheme(name, scheme)

    def decorate(function: _Function) -> _Function:
        declared = SecurityScheme(name, dict(scheme), tuple(scopes), name_of(function))
        setattr(function, _SECURITY, (declared, *security_of(function)))
        return function

    return decorate


def security_of(function: Callable[..., Any]) -> tuple[SecurityScheme, ...]:
    """What `security_scheme` said of a function: alternatives."""
    found: tuple[SecurityScheme, ...] = getattr(function, _SECURITY, ())
    return found


def name_of(step: Callable[..., Any]) -> str:
    """What a step is called in the source: the function, or what made it."""
    name: str = getattr(step, "__qualname__", type(step).__name__)
    return name.partition(".<locals>")[0]


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call of the function, or of the object, gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  (an object's own __call__)
    )


def place_of(step: Callable[..., Any]) -> str:
    """A step's name with the file and line of its source, for messages."""
    code = getattr(inspect.unwrap(step), "__code__", None)
    if code is None:
        return f"`{name_of(step)}`"
    file = os.path.relpath(code.co_filename)
    file = code.co_filename if file.startswith(os.pardir) else file
    return f"`{name_of(step)}` ({file}:{code.co_firstlineno})"


def _check_scheme(name: str, scheme: Mapping[str, Any]) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"security scheme {name!r}: a name has letters, digits, '.', '-' and '_'")
    needed = _REQUIRED_MEMBERS.get(str(scheme.get("type")))
    if needed is None:
        raise ValueError(
            f"security scheme {name!r}: 'type' is one of " + ", ".join(map(repr, _REQUIRED_MEMBERS))
        )
    for member, kind in needed.items():
        if not isinstance(scheme.get(member), kind):
            raise ValueError(f"security scheme {name!r}: {scheme['type']!r} needs {member!r}")
    if scheme["type"] == "apiKey" and scheme["in"] not in _PLACES:
        raise ValueError(f"security scheme {name!r}: 'in' is one of " + ", ".join(map(repr, _PLACES)))


@dataclass(frozen=True)
class FileRoute:
    """A route as TanStack Start declares it, as it was written: the start reads it."""

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
    """TanStack's `createFileRoute(path)({server: {middleware, handlers}})`; bind it to `Route`.

    `path` must be the file's own, as `/api/posts/$id` or as `/api/posts/[id]`, with the prefix or
    without it. `handlers` has a function for each method, or `{"middleware": [...], "handler":
    function}`; it may also be a function of `create_handlers`, which is given such a dict and
    returns it. The start checks all of it.
    """
    return FileRoute(path, handlers, middleware)
