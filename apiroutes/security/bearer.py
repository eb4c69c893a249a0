"""Bearer tokens: `Authorization: Bearer …` (RFC 6750).

In: a function that knows tokens, or the tokens themselves. Out: a step. Raises TypeError and ValueError for
wrong arguments, and ApiError 401 for a request without a valid token.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, TypeVar, overload

from apiroutes.request import Request
from apiroutes.security.authorization import credentials_of
from apiroutes.security.known_secrets import KnownSecrets, Secrets, read_secrets
from apiroutes.security.schemes import MALFORMED, AuthScheme, challenge_of, check_realm
from apiroutes.security.sign_in import AsyncSignIn, PlainSignIn, SignIn, make_sign_in
from apiroutes.security.verifying import verifier_of

__all__ = ["bearer", "bearer_scheme"]

User = TypeVar("User")
_No = Literal[False]

# RFC 6750 section 2.1: b64token.
_TOKEN = r"[A-Za-z0-9._~+/-]+=*"
_is_token = re.compile(_TOKEN).fullmatch


@overload
def bearer(  # type: ignore[overload-overlap]  # an awaitable is no user
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    optional: Literal[False] = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User]: ...
@overload
def bearer(  # type: ignore[overload-overlap]  # an awaitable is no user
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    optional: bool,
    realm: str = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User | None]: ...
@overload
def bearer(
    verify: Secrets, *, optional: Literal[False] = ..., realm: str = ..., scheme_name: str = ...
) -> PlainSignIn[str]: ...
@overload
def bearer(
    verify: Secrets, *, optional: bool, realm: str = ..., scheme_name: str = ...
) -> PlainSignIn[str | None]: ...
@overload
def bearer(
    verify: Callable[..., User | _No | None],
    *,
    optional: Literal[False] = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User]: ...
@overload
def bearer(
    verify: Callable[..., User | _No | None],
    *,
    optional: bool,
    realm: str = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User | None]: ...
def bearer(
    verify: Callable[..., Any] | Secrets,
    *,
    optional: bool = False,
    realm: str = "api",
    scheme_name: str = "bearer",
) -> SignIn[Any]:
    """Sign requests in by a token, as middleware or as a dependency (RFC 6750).

    The user is `req.context["user"]`, or the value of a parameter: `user: Annotated[User, Depends(step)]`.
    Raises TypeError for a function that cannot be called with a token, and ValueError for tokens that are
    short or guessable.

    Args:
        verify: A function: `verify(token)`, or `verify(token, req)`, returns the user, or None or False for
            an invalid token; it may be a coroutine function. Or a token, a list of one client's tokens, or a
            dict of these by the client's name: then the user is that name, or `scheme_name`.
        optional: Whether a request without a token passes; its user is None. One with a wrong token is
            refused.
        realm: The realm that a 401 names.
        scheme_name: The scheme's name in the OpenAPI document.
    """
    if callable(verify):
        scheme = bearer_scheme(verifier_of(verify, ("token",)), realm, scheme_name)
    else:
        known = KnownSecrets(read_secrets(verify, scheme_name, _TOKEN))
        scheme = bearer_scheme(partial(_owner_of, known), realm, scheme_name, never_waits=True)
    return make_sign_in("bearer", [scheme], is_optional=optional, source=verify)


def bearer_scheme(
    verify: Callable[[str, Request], Any],
    realm: str,
    scheme_name: str,
    *,
    never_waits: bool = False,
    token_format: str | None = None,
    may_be_unavailable: bool = False,
) -> AuthScheme:
    """Return the scheme of bearer tokens that `verify` knows; see `AuthScheme`.

    `token_format` is OpenAPI's `bearerFormat`, such as "JWT".
    """
    check_realm(realm)
    described = {"type": "http", "scheme": "bearer"}
    if token_format is not None:
        described["bearerFormat"] = token_format
    return AuthScheme(
        scheme_name,
        described,
        "Authorization",
        _token_of,
        verify,
        partial(_challenge, realm),
        partial(_scope_challenge, realm),
        never_waits,
        may_be_unavailable=may_be_unavailable,
    )


def _token_of(request: Request) -> object:
    """Return the token of a request. One that RFC 6750 does not allow is malformed."""
    token = credentials_of(request, "bearer")
    if isinstance(token, str) and _is_token(token) is None:
        return MALFORMED
    return token


def _owner_of(known: KnownSecrets, token: str, request: Request) -> str | None:
    return known.owner_of(token)


def _challenge(realm: str, is_wrong: bool) -> str:
    """Return the challenge (RFC 6750 section 3).

    By that section, a malformed token is an `invalid_token` too, and never a 400: `invalid_request` is about
    tokens in several places, and this scheme has only one.
    """
    if is_wrong:
        return challenge_of("Bearer", realm=realm, error="invalid_token")
    return challenge_of("Bearer", realm=realm)


def _scope_challenge(realm: str, scopes: str) -> str:
    return challenge_of("Bearer", realm=realm, error="insufficient_scope", scope=scopes)
