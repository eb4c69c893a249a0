"""A handler in two parts: the dependencies of its directories and module, and the handler inside them.

In: a handler, and its endpoint. Out: the handler without these dependencies, and a function that puts them
around another function, such as one that may answer from a cache: they run for every request, whatever that
function does. It raises what the dependencies and the function raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiroutes.handler_steps import Endpoint, Planned, sync_planned
from apiroutes.handlers import Dependencies, Handler, PlanOf
from apiroutes.response import Response
from apiroutes.structs import replace

__all__ = ["Around", "split_guards"]

# Wraps a function that takes a response.
Around = Callable[[Callable[[Response], None]], Callable[[Response], None]]


def split_guards(endpoint: Endpoint, handler: Handler) -> tuple[Handler, Around | None]:
    """Return a handler without the dependencies around it, and what calls them; None if there are none.

    The second part takes a function `inner(response)`, and returns a function for a `Step` with
    `keeps_response`. That runs the dependencies on the request of the response, calls `inner`, and then
    resumes generators: with its exception, or after its stream, as around a handler. `inner` gets the
    response as a handler does, and so calls the step of the other part, or responds itself. It is not called
    if a dependency has responded.

    A dependency that both parts need is called once in each part: the inner part may run for another request,
    or not at all.
    """
    dependencies = handler.dependencies
    around = None if dependencies is None else dependencies.guards
    if dependencies is None or around is None:
        return handler, None
    own = dependencies.own
    signature = dependencies.signature if own is None else own.whole_signature
    inner = replace(handler, dependencies=own, signature=signature)
    return inner, lambda function: _Guards(endpoint, handler, around, function).run


class _Guards(Planned):
    """Dependencies around a function; `run` calls all of them."""

    def __init__(
        self,
        endpoint: Endpoint,
        handler: Handler,
        dependencies: Dependencies,
        function: Callable[[Response], None],
    ) -> None:
        target = PlanOf(
            _unless_answered(function),
            dependencies.signature,
            None,
            _respond_nothing,
            lambda error, request: endpoint.told(error, handler, request),
            endpoint.module.config.max_duration is not None,
        )
        super().__init__(dependencies, target)
        self.run, self._use = sync_planned(self.plan(), handler)
        endpoint.planned.append(self)


def _unless_answered(function: Callable[[Response], None]) -> Callable[[Response], None]:
    def call(response: Response) -> None:
        if not response._state:
            function(response)
            response._in_middleware = (
                False  # it still belongs to a handler, until the dependencies have ended
            )

    return call


def _respond_nothing(result: Any, request: Any, response: Any) -> None:
    """Leave the response as it is."""
