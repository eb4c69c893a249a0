"""Marks that decorators put on the functions and objects of a project.

In: a callable, as a project names it. Out: its marks. If a dependency is an object's method `make_value`, the
object itself is examined: it is middleware too, and has the marks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any, TypeVar

__all__ = [
    "counts_users",
    "is_rate_limit",
    "mark_of",
    "may_be_unavailable",
    "marked_object",
    "needs_secret_key",
    "rate_limit_of",
    "takes_secret_key",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def marked_object(function: object) -> object:
    """Return what the project has written: the function in a `partial`, or the object of a `make_value`."""
    while isinstance(function, partial):
        function = function.func
    is_value = isinstance(function, MethodType) and function.__name__ == "make_value"
    return function.__self__ if is_value else function  # type: ignore[attr-defined]


def mark_of(function: object, name: str, default: Any = None) -> Any:
    """Return a mark of a function, or of an object or its `__call__`."""
    function = marked_object(function)
    call = getattr(type(function), "__call__", None)  # noqa: B004  (an object's own __call__)
    return getattr(function, name, getattr(call, name, default))


def is_rate_limit(step: object) -> bool:
    """Return whether middleware has the mark of a rate limit, which may answer 429."""
    return mark_of(step, "limits_requests") is True


def rate_limit_of(step: object) -> Any:
    """Return the `Limit` for which middleware may answer 429; None for other middleware."""
    return mark_of(step, "limit") if is_rate_limit(step) else None


def counts_users(step: object) -> bool:
    """Return whether middleware has the mark of a limit that counts by who has signed in."""
    return mark_of(step, "counts_users") is True


def may_be_unavailable(step: object) -> bool:
    """Return whether a step has the mark of steps that answer 503 if what they need is unavailable."""
    return mark_of(step, "may_be_unavailable") is True


def needs_secret_key(function: Function) -> Function:
    """Mark middleware, a handler or a dependency that needs the project's secret key, `req.secret_keys`.

    A project that contains a marked function does not start without a key, and `apiroutes check` reports it;
    in development a key is generated. This decorator returns the same function or class.
    """
    function.needs_secret_key = True  # type: ignore[attr-defined]
    return function


def takes_secret_key(function: object) -> bool:
    """Return whether a function, or an object's `__call__`, is marked by `needs_secret_key`."""
    return mark_of(function, "needs_secret_key") is True
