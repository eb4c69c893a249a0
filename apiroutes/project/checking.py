"""Checks that concern several parts of a project together.

In: settings, routes and resources. Out: mistakes, and facts of the whole project that checks need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace as replace_in
from pathlib import Path
from typing import Any

from apiroutes.errors import Problem
from apiroutes.handlers import (
    Handler,
    SecurityScheme,
    asks_for_session,
    is_asked_optionally,
    required_of,
    security_of,
    session_cookie_of,
)
from apiroutes.marks import counts_users
from apiroutes.places import Place, is_built_in, located, name_of
from apiroutes.project.extras import check_extras, check_imports
from apiroutes.project.limit_store import check_limit_store
from apiroutes.project.middleware import LoadedDirectory
from apiroutes.project.missing_routes import shortened
from apiroutes.project.mistakes import Mistakes
from apiroutes.resources import Resource
from apiroutes.routing import RouteTree
from apiroutes.sessions import Sessions
from apiroutes.settings import Settings
from apiroutes.types import Middleware

__all__ = ["check_together", "meaningless", "steps_of"]


def check_together(
    root: Path,
    settings: Settings,
    routes: RouteTree,
    resources: Mapping[str, Resource],
    place_of: Callable[[str], tuple[str, Place]],
    mistakes: Mistakes,
) -> None:
    """Check what concerns several parts of the project together."""
    check_extras(settings, place_of, mistakes.everywhere)
    check_imports(root, mistakes.everywhere)
    check_limit_store(settings, place_of, mistakes.everywhere)
    _check_builtin_paths(settings, routes, place_of, mistakes)
    _check_security(resources, mistakes)
    _check_sessions(resources, mistakes)
    _check_takers_of_sessions(resources, mistakes)
    _check_session_users(resources, mistakes)
    _check_requirements(resources, mistakes)
    _check_counted_users(resources, mistakes)


def _check_builtin_paths(
    settings: Settings,
    routes: RouteTree,
    place_of: Callable[[str], tuple[str, Place]],
    mistakes: Mistakes,
) -> None:
    """Check that no built-in endpoint hides a route or another endpoint, also in development."""
    taken: dict[str, str] = {}
    for name in ("readiness_path", "liveness_path", "openapi_path", "metrics_path"):
        path = getattr(settings, name)
        if path is None:
            continue
        route = routes.by_path.get(path)
        other = taken.setdefault(path, name)
        if route is not None or other != name:
            spelled, place = place_of(name)
            message = f"{spelled}: {other if route is None else route.file} answers {path} too."
            remedy = "Choose a path that no file answers." if route else "Choose another path."
            mistakes.everywhere.append(located(Problem(place.file, message, remedy), place))
    docs = None if settings.docs is False else replace_in(settings, docs=True).docs_path
    for path, route in routes.by_path.items():
        if docs is not None and (path == docs or path.startswith(f"{docs}/")):
            message = f"never answers {path}: the documentation page has that path, at least in development."
            mistakes.in_route(route.file).add(route.file, message, "Rename the file, or set `docs = false`.")


def _handlers_of(resources: Mapping[str, Resource]) -> Iterator[tuple[str, Resource, Handler]]:
    """Yield each handler of the project, with its file and the steps around it."""
    for file, resource in resources.items():
        assert resource.module is not None
        yield from ((file, resource, handler) for handler in resource.module.handlers.values())


def _check_security(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that each name means one security scheme in the whole project."""
    known: dict[str, SecurityScheme] = {}
    differing: dict[str, Problem] = {}
    for file, resource, handler in _handlers_of(resources):
        for declared in (scheme for asked in handler.asks(resource.middleware) for scheme in asked.schemes):
            first = known.setdefault(declared.name, declared)
            if first.scheme != declared.scheme:
                functions = f"`{first.declared_by}` and `{declared.declared_by}`"
                message = f"the security scheme {declared.name!r} is not the same for {functions}."
                differing[declared.name] = Problem(file, message, "Give one of the two another name.")
    for problem in differing.values():
        mistakes.in_route(problem.file).append(problem)


def _check_requirements(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that a sign-in step precedes each step that checks the user's permissions.

    Any step of the project may sign in, whatever its name. But if a built-in step signs in later, that step
    was meant. A step that several routes share is reported once.
    """
    told: set[int] = set()
    for file, resource, handler in _handlers_of(resources):
        found = _too_early(handler.steps(resource.middleware)[:-1])
        if found is not None and id(found[0]) not in told:
            told.add(id(found[0]))
            name = name_of(found[0])
            before = (
                "every step that signs in" if found[1] is None else f"`{name_of(found[1])}`, which signs in"
            )
            message = f"`{name}` runs before {before}, so it would refuse every request."
            remedy = f"Write `{name}(..., user=current_user)`, or put `current_user` before it."
            mistakes.in_route(file).merge(Problem(file, message, remedy))


def _too_early(steps: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the first step that checks permissions before anybody can have signed in.

    It comes with the step that signs in later, or None if no step of the project precedes it.
    """
    signs_in = [bool(security_of(step)) for step in steps]
    first = signs_in.index(True) if any(signs_in) else len(steps)
    early = next((step for step in steps[:first] if required_of(step) is not None), None)
    if early is None:
        return None
    if all(map(is_built_in, steps[: steps.index(early)])):
        return early, None
    is_certain = first < len(steps) and not is_asked_optionally(steps[first])
    return (early, steps[first]) if is_certain else None


def _check_session_users(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that a step that signs in by a session has a session.

    Any middleware of the project may set one, whatever its name. A step that several routes share is reported
    once.
    """
    told: set[int] = set()
    for file, resource, handler in _handlers_of(resources):
        around = (*resource.middleware, *handler.middleware)
        for position, step in enumerate(handler.steps(resource.middleware)[:-1]):
            is_own = position < len(around) and not is_built_in(step)
            if is_own or session_cookie_of(step) is not None:
                break
            if asks_for_session(step) and id(step) not in told:
                told.add(id(step))
                message = f"`{name_of(step)}` reads the session, but no `sessions()` is around it."
                remedy = "Write `middleware = [sessions()]` into middleware.py at the project's root."
                mistakes.in_route(file).merge(Problem(file, message, remedy))
                break


def _check_counted_users(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that a sign-in step precedes each limit that counts users; a shared limit is reported once."""
    told: set[int] = set()
    for file, resource, handler in _handlers_of(resources):
        for step in (*resource.middleware, *handler.middleware):
            if security_of(step) or isinstance(step, Sessions) or not is_built_in(step):
                break
            if counts_users(step) and id(step) not in told:
                told.add(id(step))
                message = (
                    f"`{name_of(step)}` counts by user, but runs before every step that signs in: "
                    "it would count by address."
                )
                mistakes.in_route(file).merge(Problem(file, message, _how_to_count_users(handler)))


def _how_to_count_users(handler: Handler) -> str:
    nodes = () if handler.dependencies is None else handler.dependencies.graph.nodes
    if any(security_of(node.function) for node in nodes):
        return "Write `middleware = [current_user]`: dependencies are called after limits."
    return "Put `current_user`, or `sessions()`, before it."


def _check_sessions(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that each of several sessions around a handler has its own cookie."""
    for file, resource, handler in _handlers_of(resources):
        taken: set[str] = set()
        for step in (*resource.middleware, *handler.middleware):
            names = step.options.names if isinstance(step, Sessions) else set()
            for name in sorted(taken & names)[:1]:
                message = f"`{handler.name}` is inside two `sessions()` with the same cookie, {name!r}."
                remedy = "Remove one of them, or give it another cookie: `sessions(name=...)`."
                mistakes.in_route(file).merge(Problem(file, message, remedy))
            taken |= names


def _check_takers_of_sessions(resources: Mapping[str, Resource], mistakes: Mistakes) -> None:
    """Check that `sessions()` is around code that uses the session. Middleware of the project may set one."""
    for file, resource, handler in _handlers_of(resources):
        around = (*resource.middleware, *handler.middleware)
        if any(isinstance(step, Sessions) or not is_built_in(step) for step in around):
            continue
        for taker in handler.takers_of_session():
            message = f"{taker} uses the session, but no `sessions()` is around the route."
            remedy = (
                "Write `middleware = [sessions()]`, with `from apiroutes.middleware import sessions`, "
                "into middleware.py at the project's root."
            )
            mistakes.in_route(file).merge(Problem(file, message, remedy))


def steps_of(
    everywhere: Sequence[Middleware],
    directories: Sequence[LoadedDirectory],
    resources: Mapping[str, Resource],
) -> Iterator[tuple[Any, str]]:
    """Yield every function that answers requests, with the file that uses it."""
    yield from ((step, "around every route") for step in everywhere)
    yield from ((step, directory.source.file) for directory in directories for step in directory.steps)
    for file, resource in resources.items():
        module = resource.module
        assert module is not None
        yield from ((step, file) for step in module.middleware)
        for handler in module.handlers.values():
            nodes = () if handler.dependencies is None else handler.dependencies.graph.nodes
            functions = [node.function for node in nodes]
            yield from ((step, file) for step in (*handler.middleware, *functions, handler.function))


def meaningless(constants: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Yield a warning about each constant that has no meaning here, by its name."""
    for name, places in constants.items():
        remedy = "Remove it, or begin its name with '_' if it is your own."
        yield Problem(shortened(places), f"`{name}` means nothing here.", remedy)
