"""Protects chains that trust what browsers send automatically: `csrf()` comes before such steps.

In: the middleware and dependencies of a route, or of a path without a route. Out: its middleware, with a
`csrf()` before a step that is marked with `reads_ambient_credentials`, unless the chain has a `csrf()`
anywhere. A step that signs in by a session relies on the `sessions()` around it; if the project keeps
sessions itself, the step gets its own `csrf()`.

This is how csrf() learns about other steps: it has a method `trusting`, and `cors(credentials=True)` has
`origins_with_credentials`, which are trusted in its chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from apiroutes.handlers import (
    Handler,
    RouteModule,
    asks_for_session,
    refuses_other_sites,
    session_cookie_of,
    takes_ambient_credentials,
)
from apiroutes.marks import marked_object
from apiroutes.places import added
from apiroutes.structs import replace
from apiroutes.types import Middleware

__all__ = ["protected", "protected_route"]

# Browsers may send these to any site, and they change nothing (RFC 9110 section 9.2.1).
_SAFE = ("GET", "HEAD", "OPTIONS")


def protected(steps: Sequence[Middleware]) -> tuple[Middleware, ...]:
    """Return the middleware of a path that no handler answers."""
    return _around(steps, {})


def protected_route(
    around: Sequence[Middleware], module: RouteModule
) -> tuple[tuple[Middleware, ...], RouteModule]:
    """Return the middleware around a route, and its module with the middleware of its handlers."""
    own = {method: handler.middleware for method, handler in module.handlers.items()}
    is_checked = _has_check(around) or _first_marked(around) is not None
    whole = {
        method: _of_handler(method, handler, around, is_checked)
        for method, handler in module.handlers.items()
    }
    if whole != own:
        handlers = {
            method: replace(handler, middleware=whole[method]) for method, handler in module.handlers.items()
        }
        module = replace(module, handlers=handlers)
    return _around(around, own), module


def _around(steps: Sequence[Middleware], own: Mapping[str, Sequence[Middleware]]) -> tuple[Middleware, ...]:
    """Return the middleware around all methods; `own` is the middleware of single methods."""
    # One handler for every method has one chain with the steps around it.
    inside = own.get(RouteModule.ANY, ())
    origins = _trusted_in((*steps, *inside))
    trusted_of: dict[str, frozenset[str] | None] = {
        method: origins | _trusted_in(middleware)
        for method, middleware in own.items()
        if method != RouteModule.ANY and _trusted_in(middleware)
    }
    position = _first_marked(steps)
    if position is not None and not _has_check((*steps, *inside)):
        steps = (*steps[:position], _check(), *steps[position:])
        # There, the method's own check decides.
        trusted_of |= {method: None for method, middleware in own.items() if _has_check(middleware)}
    return _trusting(steps, origins, trusted_of)


def _of_handler(
    method: str, handler: Handler, around: Sequence[Middleware], is_checked: bool
) -> tuple[Middleware, ...]:
    """Return a handler's own middleware; `is_checked` says whether the steps around it have a check."""
    steps = handler.middleware
    if not is_checked and method not in _SAFE and not _has_check(steps):
        nodes = () if handler.dependencies is None else handler.dependencies.graph.nodes
        position = _first_marked(steps, around)
        inner = [node.function for node in nodes]
        if position is None and _first_marked(inner, (*around, *steps)) is not None:
            position = len(steps)  # dependencies are called after the middleware
        if position is not None:
            steps = (*steps[:position], _check(), *steps[position:])
    return _trusting(steps, _trusted_in((*around, *steps)), {})


@cache
def _check() -> Middleware:
    from apiroutes.security import csrf

    return added(csrf())


def _trusting(
    steps: Sequence[Middleware],
    origins: frozenset[str],
    trusted_of: Mapping[str, frozenset[str] | None],
) -> tuple[Middleware, ...]:
    """Return the steps with checks that trust the origins as well."""
    if not origins and not trusted_of:
        return tuple(steps)
    whole = []
    for step in steps:
        if refuses_other_sites(step):
            check: Any = marked_object(step)
            step = check.trusting(origins, trusted_of)
        whole.append(step)
    return tuple(whole)


def _first_marked(steps: Sequence[Any], around: Sequence[Middleware] = ()) -> int | None:
    """Return the position of the first step that trusts what browsers send automatically."""
    keeps_session = any(session_cookie_of(step) is not None for step in around)
    for index, step in enumerate(steps):
        if takes_ambient_credentials(step) or (asks_for_session(step) and not keeps_session):
            return index
        keeps_session = keeps_session or session_cookie_of(step) is not None
    return None


def _has_check(steps: Iterable[Middleware]) -> bool:
    return any(map(refuses_other_sites, steps))


def _trusted_in(steps: Iterable[Middleware]) -> frozenset[str]:
    allowed = (getattr(marked_object(step), "origins_with_credentials", ()) for step in steps)
    return frozenset(origin for origins in allowed for origin in origins)
