"""Signatures as data: what a function takes of a request, and the annotations that say so.

In: functions. Out: their parameters with evaluated annotations. Raises ParameterError for an annotation whose
names are missing.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_type_hints

from apiroutes.handlers.calls import REQUEST_PARTS, SESSION, Arguments, Call, Reader
from apiroutes.handlers.dependencies import Depends, unaliased
from apiroutes.handlers.parameter_errors import ParameterError
from apiroutes.structs import Struct, field

__all__ = ["BOTH", "Parameter", "Signature", "asks_for_dependency", "hint_of", "signature_of"]

_EMPTY = inspect.Parameter.empty

# The request and the response.
BOTH = Arguments([REQUEST_PARTS["request"], REQUEST_PARTS["response"]], {})


class Parameter(Struct, frozen=True):
    """A part of the request that a handler takes as a type.

    `source` is "path", "query", "body" or "files". `name` is None where the annotation covers the
    whole source, or several of its parameters.
    """

    source: str
    name: str | None
    annotation: Any
    is_required: bool = True
    default: Any = None
    description: str | None = None


class Signature(Struct, frozen=True):
    """How a handler is called, and what it takes as types; `returns` is its return annotation."""

    call: Call
    inputs: tuple[Parameter, ...] = ()
    returns: Any = _EMPTY
    takes_any_body: bool = False  # `body`, or `req`, which has one, without a type
    names: tuple[str, ...] = ()  # of single values in the request, in the order of the parameters
    # How a function with dependencies is called, which has no `call` of its own.
    arguments: Arguments = BOTH
    readers: tuple[Reader, ...] = ()
    dependencies: Mapping[str, Depends] = field(default_factory=dict)  # by the parameter

    @property
    def takes_session(self) -> bool:
        """Whether the function takes the client's session."""
        return SESSION in (*self.arguments.by_position, *self.arguments.by_name.values())

    @property
    def reads_body(self) -> bool:
        """Whether the call itself reads the body, as a type."""
        return any(parameter.source == "body" for parameter in self.inputs)

    @property
    def takes_content(self) -> bool:
        """Whether the handler takes the body or a file as a type."""
        return any(parameter.source in ("body", "files") for parameter in self.inputs)


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature that a call must fit: a wrapper's own, unless the wrapper takes any arguments."""
    try:
        own = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # a built-in function without a signature
        return None
    takes_anything = any(
        parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        for parameter in own.parameters.values()
    )
    return inspect.signature(function) if takes_anything else own


def hint_of(function: Any, name: str, annotation: Any, is_needed: bool = True) -> Any:
    """Return the annotation as a type; one that is not needed may fail to evaluate."""
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    scope = _globals_of(function)
    try:
        return get_type_hints(holder, globalns=scope, include_extras=True)[name]
    except Exception as error:
        if not is_needed and not annotation.startswith("Request["):
            return _EMPTY
        raise ParameterError(
            f"the annotation of {name!r}, {annotation!r}, cannot be evaluated: {error}",
            "Import its names when the file is loaded too, not for type checking alone.",
        ) from error


def asks_for_dependency(function: Any, parameter: inspect.Parameter) -> bool:
    """Return whether a parameter asks for a dependency, in its annotation or, by mistake, as its default."""
    if isinstance(parameter.default, Depends):
        return True
    try:
        annotation = hint_of(function, parameter.name, parameter.annotation, is_needed=False)
    except ParameterError:
        return False
    return isinstance(unaliased(annotation), Depends)


def _globals_of(function: Any) -> dict[str, Any]:
    """Return the names of the module that a function, or a class, is defined in."""
    while isinstance(function, partial):
        function = function.func
    scope: dict[str, Any] | None = getattr(inspect.unwrap(function), "__globals__", None)
    if scope is None:
        name = "__init__" if isinstance(function, type) else "__call__"
        method = getattr(function if isinstance(function, type) else type(function), name, None)
        scope = getattr(inspect.unwrap(method) if callable(method) else None, "__globals__", None)
    if scope is None:
        scope = vars(sys.modules.get(getattr(function, "__module__", ""), types))
    return scope
