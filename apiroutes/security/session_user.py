"""Users by their session: who has signed in before, by `session.rotate(owner=...)`.

In: a function that finds the user of an owner. Out: a step. Raises TypeError for an unusable function, and
ApiError 401 for a request whose session has no owner.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar, overload

from apiroutes.request import Request
from apiroutes.security.schemes import AuthScheme, challenge_of
from apiroutes.security.sign_in import AsyncSignIn, PlainSignIn, make_sign_in
from apiroutes.security.verifying import verifier_of

__all__ = ["session_user"]

User = TypeVar("User")
_No = Literal[False]


@overload
def session_user(
    load: None = ..., *, optional: Literal[False] = ..., scheme_name: str = ...
) -> PlainSignIn[str]: ...
@overload
def session_user(load: None = ..., *, optional: bool, scheme_name: str = ...) -> PlainSignIn[str | None]: ...
@overload
def session_user(  # type: ignore[overload-overlap]  # an awaitable is no user
    load: Callable[..., Awaitable[User | _No | None]],
    *,
    optional: Literal[False] = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User]: ...
@overload
def session_user(  # type: ignore[overload-overlap]  # an awaitable is no user
    load: Callable[..., Awaitable[User | _No | None]], *, optional: bool, scheme_name: str = ...
) -> AsyncSignIn[User | None]: ...
@overload
def session_user(
    load: Callable[..., User | _No | None], *, optional: Literal[False] = ..., scheme_name: str = ...
) -> PlainSignIn[User]: ...
@overload
def session_user(
    load: Callable[..., User | _No | None], *, optional: bool, scheme_name: str = ...
) -> PlainSignIn[User | None]: ...
def session_user(
    load: Callable[..., Any] | None = None, *, optional: bool = False, scheme_name: str = "session"
) -> Any:
    """Sign requests in by the owner of their session, as middleware or as a dependency, inside `sessions()`.

    The user is `req.context["user"]`, or the value of a parameter: `user: Annotated[User, Depends(step)]`.
    Requests from other sites are checked as `sessions()` says. Raises TypeError for a function that cannot
    be called with an owner.

    Args:
        load: A function: `load(owner)`, or `load(owner, req)`, returns the user, or None or False if the
            user no longer exists; it may be a coroutine function. Without it the user is the owner, as given
            to `session.rotate(owner=...)`.
        optional: Whether a request passes if its session has no owner, or an owner that is gone; its user is
            None.
        scheme_name: The scheme's name in the OpenAPI document.
    """
    scheme = AuthScheme(
        scheme_name,
        # Without the cookie's name, which the `sessions()` around it knows.
        {"type": "apiKey", "in": "cookie"},
        "Cookie",
        _owner_of,
        _itself if load is None else verifier_of(load, ("owner",), "load"),
        _challenge,
        never_waits=load is None,
        is_session=True,
    )
    return make_sign_in("session_user", [scheme], is_optional=optional, source=load)


def _owner_of(request: Request) -> str | None:
    """Return the owner of a session; `sessions()` has fetched it if reading may not wait."""
    return request.session.owner


def _itself(owner: str, request: Request) -> str:
    return owner


def _challenge(is_wrong: bool) -> str:
    """Return a challenge, which every 401 has (RFC 9110 section 11.6.1), with a scheme that has no RFC."""
    return challenge_of("Session", realm="api")
