"""Functions of a project that say whose credentials these are, called with the request if they take it.

In: a function, and the names of the values in its credentials. Out: a function of the credentials and the
request. Raises TypeError for a function that cannot be called with them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from apiroutes.concurrency import is_async
from apiroutes.handlers import asks_for_dependency
from apiroutes.places import place_of

__all__ = ["verifier_of"]

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def verifier_of(
    verify: Callable[..., Any], names: tuple[str, ...], called: str = "verify"
) -> Callable[[Any, Any], Any]:
    """Return a function of the credentials and the request, for `AuthScheme.verify`; an async one for an
    async one. `names` are the values' names in messages, and `called` is the function's; several values are
    a tuple of credentials.
    """
    takes_request = _takes_request(verify, names, called)
    if len(names) == 1 and takes_request:
        return verify
    call = _with_one(verify) if len(names) == 1 else _with_several(verify, takes_request)
    return _as_coroutine(call) if is_async(verify) else call


def _with_one(verify: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda credentials, request: verify(credentials)


def _with_several(verify: Callable[..., Any], takes_request: bool) -> Callable[[Any, Any], Any]:
    if takes_request:
        return lambda credentials, request: verify(*credentials, request)
    return lambda credentials, request: verify(*credentials)


def _as_coroutine(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def verify(credentials: Any, request: Any) -> Any:
        return await call(credentials, request)

    return verify


def _is_generator(verify: Callable[..., Any]) -> bool:
    functions = (verify, getattr(verify, "__call__", None))  # noqa: B004  (an object's own __call__)
    return any(inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one) for one in functions)


def _takes_request(verify: Callable[..., Any], names: tuple[str, ...], called: str) -> bool:
    """Return whether a function takes the request after the credentials. Raises TypeError."""
    usual = f"`def {called}({', '.join(names)}): ...`, or `def {called}({', '.join(names)}, req): ...`"
    if not callable(verify):
        raise TypeError(f"{called} is a {type(verify).__name__}, which cannot be called: write {usual}")
    if isinstance(verify, type):
        raise TypeError(f"`{verify.__name__}` is a class, and would let everybody in: write {usual}")
    if _is_generator(verify):
        raise TypeError(f"{place_of(verify)} is a generator, and would let everybody in: write `return`")
    try:
        signature = inspect.signature(verify)
    except (TypeError, ValueError):  # a built-in function without a signature
        return False
    _check_dependencies(verify, signature, names)
    count = len(names)
    parameters = [part for part in signature.parameters.values() if part.kind in _BY_POSITION]
    next_one = parameters[count] if len(parameters) > count else None
    takes_request = next_one is not None and (
        next_one.default is inspect.Parameter.empty or next_one.name in ("req", "request")
    )
    try:
        signature.bind(*[None] * (count + takes_request))
    except TypeError:
        message = f"{place_of(verify)} cannot be called with the {' and the '.join(names)}: write {usual}"
        raise TypeError(message) from None
    return takes_request


def _check_dependencies(
    verify: Callable[..., Any], signature: inspect.Signature, names: tuple[str, ...]
) -> None:
    """Raise TypeError for a function with dependencies: around a handler nothing fills them."""
    for parameter in signature.parameters.values():
        if asks_for_dependency(verify, parameter):
            name = parameter.name
            raise TypeError(
                f"{place_of(verify)} has the dependency `{name}`, and nothing fills it: the function gets "
                f"the {', the '.join(names)} and the request alone. Write a dependency instead, with "
                f"`@security_scheme(...)` above `def current_user(req, {name}: ...)`"
            )
