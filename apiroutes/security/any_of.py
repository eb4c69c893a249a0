"""Several ways to sign in, any of which is enough.

In: steps. Out: one step. Raises TypeError and ValueError for steps that cannot be combined.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar, overload

from apiroutes.places import name_of
from apiroutes.security.schemes import AuthScheme
from apiroutes.security.sign_in import SignIn, make_sign_in

__all__ = ["any_of"]

First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")


@overload
def any_of(
    first: SignIn[First], second: SignIn[Second], /, *, optional: Literal[False] = ...
) -> SignIn[First | Second]: ...
@overload
def any_of(
    first: SignIn[First], second: SignIn[Second], /, *, optional: bool
) -> SignIn[First | Second | None]: ...
@overload
def any_of(
    first: SignIn[First],
    second: SignIn[Second],
    third: SignIn[Third],
    /,
    *,
    optional: Literal[False] = ...,
) -> SignIn[First | Second | Third]: ...
@overload
def any_of(
    first: SignIn[First], second: SignIn[Second], third: SignIn[Third], /, *, optional: bool
) -> SignIn[First | Second | Third | None]: ...
@overload
def any_of(*steps: SignIn[Any], optional: bool = ...) -> SignIn[Any]: ...
def any_of(*steps: SignIn[Any], optional: bool = False) -> SignIn[Any]:
    """Sign requests in by any of several steps: `any_of(bearer(verify), api_key(keys, header="X-API-Key"))`.

    The first step whose credentials came decides: wrong ones are refused, whatever else came. A 401 has the
    challenges of all. Raises ValueError for two steps that read the same credentials, and for an optional
    step.

    Args:
        *steps: Two or more steps that sign in, from `bearer`, `jwt`, `basic`, `api_key` and `session_user`.
        optional: Whether a request without any credentials passes; its user is None.
    """
    if len(steps) < 2:
        raise TypeError("any_of needs at least two steps: write any_of(bearer(...), api_key(...))")
    schemes: list[AuthScheme] = []
    for step in steps:
        if not isinstance(step, SignIn):
            name = name_of(step)
            raise TypeError(f"any_of was given `{name}`, not a step that signs in, such as bearer(...)")
        if step.is_optional:
            raise ValueError(f"`{name_of(step)}` is optional: give `optional=True` to any_of instead")
        for scheme in step.schemes:
            if any(_place(scheme) == _place(other) for other in schemes):
                raise ValueError(
                    f"two steps of any_of read the same credentials, {scheme.header}: "
                    "the second would never be called. Write one step with one function"
                )
            schemes.append(scheme)
    name = f"any_of({', '.join(map(name_of, steps))})"
    return make_sign_in(name, schemes, is_optional=optional)


def _place(scheme: AuthScheme) -> tuple[Any, ...]:
    """Return where a scheme has its credentials, with the name of a header as servers pass it on."""
    described = scheme.described
    place = (described["type"], described.get("scheme"), described.get("in"))
    name = str(described.get("name"))
    return (*place, name.upper().replace("-", "_") if described.get("in") == "header" else name)
