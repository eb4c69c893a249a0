"""What a route module writes to declare more than functions: `use` and `file_route`.

In: functions. Out: the same functions with their middleware, or a declared route. Data only;
`apiroutes.modules` reads it when the file is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["FileRoute", "Middleware", "file_route", "middleware_of", "use"]

# (request, response, next), sync or async.
Middleware = Callable[..., Any]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ATTRIBUTE = "__apiroutes_middleware__"


def use(*middleware: Middleware) -> Callable[[_Function], _Function]:
    """Put middleware around one method: `@use(validate)` on `def POST`.

    The first runs first; several `@use` run from the top down. Raises TypeError for what
    cannot be called.
    """
    for step in middleware:
        if not callable(step):
            raise TypeError(f"middleware is a function (req, res, next), not {step!r}")

    def decorate(function: _Function) -> _Function:
        setattr(function, _ATTRIBUTE, (*middleware, *middleware_of(function)))
        return function

    return decorate


def middleware_of(function: Callable[..., Any]) -> tuple[Middleware, ...]:
    """What `use` put around a function."""
    found: tuple[Middleware, ...] = getattr(function, _ATTRIBUTE, ())
    return found


@dataclass(frozen=True)
class FileRoute:
    """A route as TanStack Start declares it."""

    path: str
    handlers: Mapping[str, Callable[..., Any]]
    middleware: Sequence[Middleware] = ()


def file_route(
    path: str,
    *,
    handlers: Mapping[str, Callable[..., Any]],
    middleware: Sequence[Middleware] = (),
) -> FileRoute:
    """TanStack's `createFileRoute(path)({server: {middleware, handlers}})`; bind it to `Route`.

    `path` must be the file's own, as `/api/posts/$id` or as `/api/posts/[id]`; the start checks it.
    """
    return FileRoute(path, dict(handlers), tuple(middleware))
