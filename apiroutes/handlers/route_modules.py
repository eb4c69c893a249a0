"""A route's file once it is loaded: its handlers, its `config` and its middleware, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apiroutes.handlers.calls import Call
from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.declarations import SecurityScheme, required_of, security_of
from apiroutes.handlers.dependencies import named
from apiroutes.handlers.dependency_graph import Dependencies
from apiroutes.handlers.signatures import Signature
from apiroutes.routing import Route
from apiroutes.structs import Struct, field, replace
from apiroutes.types import Middleware

__all__ = ["Handler", "RouteModule"]


class Handler(Struct, frozen=True):
    """A user's `function`: `call` takes request and response, `place` is its file and line.

    `name` is what the module calls it. The `signature` of one with `dependencies` has what these take as
    well, and it is called by a plan instead.
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
        """The names of what it depends on, in the order of the calls."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        return [named(node.function) for node in nodes]

    @property
    def waits_in(self) -> str | None:
        """The name of the first plain function of its dependencies and itself; None if all are async."""
        nodes = () if self.dependencies is None else self.dependencies.graph.nodes
        plain = next((node.function for node in nodes if not node.provider.runs_on_loop), None)
        if plain is not None:
            return named(plain)
        return None if self.is_async else self.name

    def asks(self, around: Sequence[Middleware]) -> list[tuple[SecurityScheme, ...]]:
        """Return the credentials that each step asks for: `around`, its middleware, dependencies and itself.

        Steps that ask for none, or for those of an earlier one, are left out. What a user has to have is
        asked of the credentials before, which are not optional then.
        """
        asked: list[tuple[SecurityScheme, ...]] = []
        required: list[list[tuple[str, ...]]] = []  # by step, what each requirement behind it has for scopes
        for step in self.steps(around):
            alternatives = self.security if step is self.function else security_of(step)
            if alternatives and alternatives not in asked:
                asked.append(alternatives)
                required.append([])
            scopes = required_of(step)
            if asked and scopes is not None:
                required[asked.index(alternatives) if alternatives else -1].append(scopes)
        return [
            tuple(_required(scheme, of_each) for scheme in alternatives) if of_each else alternatives
            for alternatives, of_each in zip(asked, required)
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


def _required(scheme: SecurityScheme, scopes: Sequence[tuple[str, ...]]) -> SecurityScheme:
    return replace(scheme, scopes=sum(scopes, scheme.scopes), is_optional=False)


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
