"""The operations of a project: the methods of a route, with the handlers that answer them.

In: the module of a route. Out: its operations, and the annotations for which they need schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from apiroutes.handlers import (
    Handler,
    Parameter,
    Returns,
    RouteModule,
    declared_responses,
    refuses_other_sites,
    returns_of,
)
from apiroutes.http import METHODS
from apiroutes.marks import is_rate_limit, may_be_unavailable
from apiroutes.structs import Struct
from apiroutes.types import Middleware

__all__ = ["Operation", "annotations_of", "operations_of"]

# The methods that describe a `handler` for every method; the methods with a body, if it takes one.
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


class Operation(Struct, frozen=True):
    """A method of a route, and the handler that answers it."""

    module: RouteModule
    method: str
    handler: Handler
    returns: Returns

    @property
    def inputs(self) -> Sequence[Parameter]:
        return self.handler.signature.inputs

    @property
    def declared(self) -> dict[int, Any]:
        """The responses that the module declares for the method, by status code."""
        return declared_responses(self.module, self.method)

    @property
    def takes_any_body(self) -> bool:
        """Whether the operation takes a body without a type."""
        return self.handler.signature.takes_any_body and self.method in _METHODS_WITH_BODY

    def refuses_other_sites(self, around: Sequence[Middleware]) -> bool:
        """Return whether a `csrf()` in the chain may refuse it."""
        steps = (*around, *self.handler.middleware)
        return self.method not in _SAFE_METHODS and any(map(refuses_other_sites, steps))

    def is_limited(self, around: Sequence[Middleware]) -> bool:
        """Return whether a rate limit in the chain may refuse it."""
        return any(map(is_rate_limit, (*around, *self.handler.middleware)))

    def may_be_unavailable(self, around: Sequence[Middleware]) -> bool:
        """Return whether it answers 503 if a store or a server that a step needs is unavailable."""
        return any(map(may_be_unavailable, self.handler.steps(around)))


def operations_of(module: RouteModule) -> Iterator[Operation]:
    """Yield the operations of a module.

    A `handler` gets every method, and only its code knows which ones it supports. Here they are the methods
    that `responses` names, or else the usual methods, without GET and DELETE if an annotation takes the
    content.
    """
    for method, handler in module.handlers.items():
        returns = returns_of(handler)
        if method == RouteModule.ANY:
            usual = _METHODS_WITH_BODY if handler.signature.takes_content else _METHODS
            named = [name for name in METHODS if name in module.responses]
            for name in named or usual:
                yield Operation(module, name, handler, returns)
        else:
            yield Operation(module, method, handler, returns)


def annotations_of(operation: Operation) -> Iterator[tuple[Any, bool]]:
    """Yield every annotation for which the operation needs a schema, and whether its values are sent."""
    yield from ((meaning, True) for meaning in operation.declared.values() if not isinstance(meaning, str))
    yield from ((part.annotation, False) for part in operation.inputs if part.source != "files")
    yield from (
        (part, True) for part in (operation.returns.json, operation.returns.events) if part is not None
    )
