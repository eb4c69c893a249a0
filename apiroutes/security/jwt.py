"""JSON Web Tokens as bearer tokens: `Authorization: Bearer …` (RFC 6750, RFC 7519, RFC 8725).

In: the keys of an issuer, or where it publishes them, and what its tokens contain. Out: a step. Raises
TypeError, ValueError and ImportError for wrong arguments, ApiError 401 for a request without a valid token,
and 503 while the keys are out of reach. The log says why a token was refused, at the level debug.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeVar, overload

from apiroutes.concurrency import is_async
from apiroutes.errors import shown
from apiroutes.security.bearer import bearer_scheme
from apiroutes.security.sign_in import SignIn, make_sign_in
from apiroutes.security.verifying import verifier_of

__all__ = ["jwt"]

User = TypeVar("User")
_No = Literal[False]
_Claims = Mapping[str, Any]
_Names = str | Sequence[str] | None
_Seconds = float | timedelta


@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: None = ...,
    optional: Literal[False] = ...,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[_Claims]: ...
@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: None = ...,
    optional: bool,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[_Claims | None]: ...
@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: Callable[..., Awaitable[User | _No | None]],
    optional: Literal[False] = ...,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[User]: ...
@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: Callable[..., Awaitable[User | _No | None]],
    optional: bool,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[User | None]: ...
@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: Callable[..., User | _No | None],
    optional: Literal[False] = ...,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[User]: ...
@overload
def jwt(
    key: object = ...,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = ...,
    user: Callable[..., User | _No | None],
    optional: bool,
    required: Sequence[str] = ...,
    types: Sequence[str] | None = ...,
    leeway: _Seconds = ...,
    timeout: _Seconds = ...,
    allow_http: bool = ...,
    realm: str = ...,
    scheme_name: str = ...,
) -> SignIn[User | None]: ...
def jwt(
    key: object = None,
    *,
    algorithms: Sequence[str],
    audience: _Names,
    issuer: _Names,
    jwks_url: str | None = None,
    user: Callable[..., Any] | None = None,
    optional: bool = False,
    required: Sequence[str] = (),
    types: Sequence[str] | None = None,
    leeway: _Seconds = 60,
    timeout: _Seconds = 2,
    allow_http: bool = False,
    realm: str = "api",
    scheme_name: str = "jwt",
) -> SignIn[Any]:
    """Sign requests in by a JSON Web Token of an issuer, as middleware or as a dependency.

    The user is `req.context["user"]`, or the value of a parameter: `user: Annotated[dict, Depends(step)]`. A
    token must have `exp`. `require` finds the scopes in the claims `scope` (RFC 8693 section 4.2) and `scp`.
    Raises TypeError and ValueError for arguments that are wrong or not safe, and ImportError without PyJWT.

    Args:
        key: A secret, a public key as PEM, a list of several, or a mapping of their names (`kid`) to keys;
            None with `jwks_url`.
        algorithms: The algorithms that the issuer signs with, such as `["RS256"]`.
        audience: The values of `aud` that are accepted, one or several; with None a token with `aud` is
            refused, as it is meant for others.
        issuer: The values of `iss` that are accepted, one or several; with None the token may come from
            anybody who has the key.
        jwks_url: Where the issuer publishes its keys.
        user: A function: `user(claims)`, or `user(claims, req)`, returns the user, or None or False to
            refuse the token; it may be a coroutine function. Without it the user is the claims, a read-only
            mapping.
        optional: Whether a request without a token passes; its user is None. One with an invalid
            token is refused.
        required: The claims that a token must have besides `exp`.
        types: The values of `typ` that are accepted, such as `["at+jwt"]` of RFC 9068; None for "JWT",
            "at+jwt" and a token without `typ`.
        leeway: The time by which clocks may differ, in seconds or as a timedelta.
        timeout: How long a request waits at most for the keys of `jwks_url`, in seconds or as a timedelta.
        allow_http: Whether `jwks_url` may be http.
        realm: The realm that a 401 names.
        scheme_name: The scheme's name in the OpenAPI document.
    """
    from apiroutes.security.tokens import TokenRules

    rules = TokenRules(
        _algorithms(algorithms),
        _types(types),
        _names(audience, "audience"),
        _names(issuer, "issuer"),
        _seconds(leeway, "leeway"),
        ("exp", *(_names(required, "required") or ())),
    )
    keys = _keys(key, jwks_url, rules.algorithms, _seconds(timeout, "timeout"), allow_http)
    scheme_of = partial(bearer_scheme, realm=realm, scheme_name=scheme_name, token_format="JWT")
    return _step(rules, keys, jwks_url is not None, user, optional, scheme_of)


def _step(
    rules: Any,
    keys: Any,
    may_wait: bool,
    user: Callable[..., Any] | None,
    is_optional: bool,
    scheme_of: Callable[..., Any],
) -> SignIn[Any]:
    from apiroutes.security.token_verifying import PublishedKeysSignIn, TokenVerifier

    verifier = TokenVerifier(rules, keys, None if user is None else verifier_of(user, ("claims",)))
    is_async_user = user is not None and is_async(user)
    scheme_of = partial(scheme_of, may_be_unavailable=may_wait)
    if may_wait and not is_async_user:
        return PublishedKeysSignIn(scheme_of(verifier.verify_on_loop), verifier, is_optional, user)
    scheme = scheme_of(
        verifier.verify_on_loop if is_async_user else verifier.verify, never_waits=user is None
    )
    return make_sign_in("jwt", [scheme], is_optional=is_optional, source=user)


# -- a project's arguments ------------------------------------------------------------------------


def _algorithms(algorithms: object) -> tuple[str, ...]:
    from apiroutes.security.token_keys import check_algorithms

    return check_algorithms(algorithms)


def _keys(key: object, url: str | None, algorithms: tuple[str, ...], seconds: float, allow_http: bool) -> Any:
    """Return the source of the keys. Raises TypeError and ValueError."""
    from apiroutes.security.token_keys import keys_of

    if (key is None) == (url is None):
        hint = " Is the environment variable of the key set?" if key is None else ""
        raise TypeError(f"jwt(...) takes either `key` or `jwks_url`, where its keys come from.{hint}")
    if url is None:
        return keys_of(key, algorithms)
    from apiroutes.security.jwks import published_keys

    return published_keys(url, algorithms, seconds, allow_http)


def _types(types: Sequence[str] | None) -> tuple[str | None, ...]:
    """Return the values of `typ` in lower case (RFC 7515 section 4.1.9), with None for a token without it."""
    if types is None:
        return None, "jwt", "at+jwt"
    names = _names(types, "types")
    if not names:
        raise ValueError('jwt(types=[]) accepts no token: write the types, such as ["at+jwt"]')
    return tuple(name.lower().removeprefix("application/") for name in names)


def _names(names: _Names, what: str) -> tuple[str, ...] | None:
    """Return one name or several as a tuple. Raises TypeError and ValueError."""
    if names is None:
        return None
    several = (names,) if isinstance(names, str) else names
    if not isinstance(several, Iterable) or not all(isinstance(name, str) for name in several):
        raise TypeError(f"jwt({what}=...) is neither a string nor a list of strings")
    if not all(several := tuple(several)) or (what in ("audience", "issuer") and not several):
        raise ValueError(f"jwt({what}=...) is empty: write the value that tokens have, or None")
    return several


def _seconds(value: _Seconds, what: str) -> float:
    """Return a time in seconds. Raises TypeError and ValueError."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"jwt({what}=...) is a {type(value).__name__}: write seconds, or a timedelta")
    if not (0 <= seconds < math.inf) or (what == "timeout" and not seconds):
        raise ValueError(f"jwt({what}={shown(value)}) is not a duration: write seconds, or a timedelta")
    return float(seconds)
