"""A function that replaces a step which is both middleware and dependency, as tests need it.

In: the step, and a function of any kind, with parameters and dependencies of its own. Out: a function of
request and response, which makes the value and lets the step keep it for later steps. Raises
ParameterError for a function whose parameters cannot be filled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiroutes.handlers.calls import Arguments, Needed
from apiroutes.handlers.dependencies import Depends
from apiroutes.handlers.dependency_graph import Dependencies
from apiroutes.handlers.plans import PlanOf, plan_of
from apiroutes.handlers.signatures import Signature

__all__ = ["value_maker"]


def _as_it_is(value: Any, _: Any = None) -> Any:
    return value


def value_maker(step: Any, function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Return the function; an async one where the value needs a coroutine. A generator ends at once."""
    arguments = Arguments([Needed("value")], {})
    signature = Signature(_as_it_is, arguments=arguments, dependencies={"value": Depends(function)})
    values: dict[int, Any] = {}  # by the request, until its call returns

    def keep(value: Any, request: Any, response: Any) -> None:
        step.keep_value(request, value)
        values[id(request)] = value

    graph = Dependencies.of("override", signature, (), (), {}).graph
    plan = plan_of(PlanOf(_as_it_is, signature, None, keep, None, False), graph)

    async def make_later(request: Any, response: Any) -> Any:
        await plan.run(request, response)
        return values.pop(id(request))

    def make_value(request: Any, response: Any) -> Any:
        plan.run(request, response)
        return values.pop(id(request))

    return make_later if plan.is_async else make_value
