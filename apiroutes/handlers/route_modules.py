"""A route's file once it is loaded: its handlers, its `config` and its middleware, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apiroutes.handlers.calls import Call
from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.declarations import (
    Asked,
    SecurityScheme,
    is_asked_optionally,
    required_of,
    security_of,
    session_cookie_of,
)
from apiroutes.handlers.dependencies import named
from apiroutes.handlers.dependency_graph import Dependencies
from apiroutes.handlers.signatures import Signature
from apiroutes.routing import Route
from apiroutes.structs import Struct, field, replace
from apiroutes.types import Middleware

__all__ = ["Handler", "RouteModule"]


class Handler(Struct, frozen=True):
    """A user's `function`: `call` takes request and response, `place` is its file and line.

    `name` is what the module calls it. The `signature` of a handler with `dependencies` includes what
    these take, and a plan calls it instead.
    """

    call: Call
    function: Callable[..., Any]
    place: str
    is_async: bool
    middleware: tuple[Middleware, ...]
    security: tuple[SecurityScheme, ...]
    signature: Signature
    doc: str
    name: str = "handler"
    dependencies: Dependencies | None = None

    def __str__(self) -> str:
        return f"`{self.name}` ({self.place})"

    @property
    def dependency_names(self) -> list[str]:
        """The names of its dependencies, in the order of the calls."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        return [named(node.function) for node in nodes]

    @property
    def guard_names(self) -> list[str]:
        """The names of the dependencies that its directories and module declare for all their handlers."""
        around = () if self.dependencies is None else self.dependencies.around
        return [named(depends.dependency) for depends in around]

    @property
    def waits_in(self) -> str | None:
        """The name of the first plain function of its dependencies and itself; None if all are async."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        plain = next((node.function for node in nodes if not node.provider.runs_on_loop), None)
        if plain is not None:
            return named(plain)
        return None if self.is_async else self.name

    def asks(self, around: Sequence[Middleware]) -> list[Asked]:
        """Return the credentials that each step asks for: `around`, its middleware, dependencies and itself.

        Steps that ask for none, or for the same as an earlier step, are left out. The scopes that a step
        requires of a user are added to the credentials before it, which are then no longer optional.
        """
        asked: list[tuple[SecurityScheme, ...]] = []
        required: list[list[str]] = []
        is_optional: list[bool] = []
        cookie: str | None = None
        for step in self.steps(around):
            cookie = session_cookie_of(step) or cookie
            declared = self.security if step is self.function else security_of(step)
            alternatives = tuple(_in_cookie(scheme, cookie) for scheme in declared)
            if alternatives and alternatives not in asked:
                asked.append(alternatives)
                required.append([])
                is_optional.append(True)
            if not asked:
                continue
            position = asked.index(alternatives) if alternatives else -1
            needed = required_of(step)
            required[position] += needed or ()
            if needed is not None or (alternatives and not is_asked_optionally(step)):
                is_optional[position] = False
        return [
            Asked(tuple(_with_scopes(scheme, scopes) for scheme in alternatives), may_be_missing)
            for alternatives, scopes, may_be_missing in zip(asked, required, is_optional)
        ]

    def requires(self, around: Sequence[Middleware]) -> bool:
        """Return whether a step refuses some of those who have signed in."""
        return any(required_of(step) is not None for step in self.steps(around))

    def takers_of_session(self) -> list[str]:
        """Return what takes the session as a parameter: itself, and dependencies with their places."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        own = self.signature if self.dependencies is None else self.dependencies.signature
        takers = [f"`{self.name}`"] if own.takes_session else []
        return takers + [node.place for node in nodes if node.signature.takes_session]

    def steps(self, around: Sequence[Middleware]) -> list[Any]:
        """Return all that is called for a request, in this order: `around` is the middleware around it."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        return [*around, *self.middleware, *(node.function for node in nodes), self.function]


def _in_cookie(scheme: SecurityScheme, cookie: str | None) -> SecurityScheme:
    """Return the scheme of a session with the name of its cookie, where that is known; others as they are."""
    if not scheme.is_session or cookie is None:
        return scheme
    return replace(scheme, scheme={**scheme.scheme, "name": cookie})


def _with_scopes(scheme: SecurityScheme, scopes: Sequence[str]) -> SecurityScheme:
    return replace(scheme, scopes=(*scheme.scopes, *scopes)) if scopes else scheme


class RouteModule(Struct, frozen=True):
    """What a route's file exports: one handler for every method, or one for each of some."""

    route: Route
    handlers: Mapping[str, Handler]  # by method; ANY alone for `handler`
    config: RouteConfig
    middleware: tuple[Middleware, ...] = ()
    doc: str = ""
    # A type or a description by status code; under a method's name, those of that method alone.
    responses: Mapping[Any, Any] = field(default_factory=dict)

    ANY = "*"
