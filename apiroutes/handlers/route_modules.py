"""A route's file once it is loaded: its handlers, its `config` and its middleware, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apiroutes.handlers.calls import Call
from apiroutes.handlers.config import RouteConfig
from apiroutes.handlers.declarations import SecurityScheme, security_of
from apiroutes.handlers.dependencies import named
from apiroutes.handlers.dependency_graph import Dependencies
from apiroutes.handlers.signatures import Signature
from apiroutes.routing import Route
from apiroutes.structs import Struct, field
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

        Steps that ask for none are left out.
        """
        steps = [security_of(step) for step in (*around, *self.middleware)]
        depended = [] if self.dependencies is None else self.dependencies.security
        return [alternatives for alternatives in (*steps, *depended, self.security) if alternatives]


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
