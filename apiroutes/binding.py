"""A handler's parameters to the arguments it is called with, read once from its signature.

In: a function. Out: a function of request and response. Raises BindingError for a parameter
that means nothing here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["BindingError", "bind"]

Bound = Callable[[Any, Any], Any]

_MEANINGS: dict[str, Bound] = {
    "request": lambda request, response: request,
    "req": lambda request, response: request,
    "response": lambda request, response: response,
    "res": lambda request, response: response,
    "params": lambda request, response: request.params,
    "query": lambda request, response: request.query,
    "body": lambda request, response: request.body,
    "context": lambda request, response: request.context,
}


class BindingError(TypeError):
    """A parameter that cannot be filled; `remedy` says what can."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.remedy = "Parameters are called " + ", ".join(_MEANINGS) + "; the rest needs a default."


def bind(function: Callable[..., Any]) -> Bound:
    """The function as one of (request, response), whichever of their parts it asks for."""
    signature = _signature(function)
    if signature is None:
        return function
    parameters = list(signature.parameters.values())
    kinds = {parameter.kind for parameter in parameters}
    names = tuple(parameter.name.lstrip("_") for parameter in parameters)
    takes_both = (
        names in (("req", "res"), ("request", "response")) or inspect.Parameter.VAR_POSITIONAL in kinds
    )
    if takes_both and inspect.Parameter.KEYWORD_ONLY not in kinds:
        return function
    return _caller(function, parameters)


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """How the function is really called: a wrapper's own parameters, unless it takes anything."""
    try:
        own = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # built in; nothing is known
        return None
    takes_anything = any(
        parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        for parameter in own.parameters.values()
    )
    return inspect.signature(function) if takes_anything else own


def _caller(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> Bound:
    by_position: list[Bound] = []
    by_name: dict[str, Bound] = {}
    for parameter in parameters:
        meaning = _MEANINGS.get(parameter.name.lstrip("_"))
        if meaning is None:
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD and not _is_own(parameter):
                raise BindingError(f"the parameter {parameter.name!r} means nothing here")
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY or by_name:
            by_name[parameter.name] = meaning
        else:
            by_position.append(meaning)
    if by_name:
        return lambda request, response: function(
            *[meaning(request, response) for meaning in by_position],
            **{name: meaning(request, response) for name, meaning in by_name.items()},
        )
    # Most take few, and a list of arguments is made for the others alone.
    if not by_position:
        return lambda request, response: function()
    if len(by_position) == 1:
        only = by_position[0]
        return lambda request, response: function(only(request, response))
    if len(by_position) == 2:
        first, second = by_position
        return lambda request, response: function(first(request, response), second(request, response))
    return lambda request, response: function(*[meaning(request, response) for meaning in by_position])


def _is_own(parameter: inspect.Parameter) -> bool:
    """A private name with a default is the function's own business: `_cache={}`."""
    return parameter.name.startswith("_") and parameter.default is not inspect.Parameter.empty
