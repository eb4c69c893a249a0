"""API keys, in a header of their own or in a cookie.

In: a function that knows keys, or the keys themselves. Out: a step. Raises TypeError and ValueError for wrong
arguments, and ApiError 401 for a request without a valid key.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, TypeVar, overload

from apiroutes.errors import shown
from apiroutes.http import is_token
from apiroutes.request import Request
from apiroutes.security.authorization import MAX_CREDENTIALS
from apiroutes.security.known_secrets import KnownSecrets, Secrets, read_secrets
from apiroutes.security.schemes import MALFORMED, AuthScheme, challenge_of
from apiroutes.security.sign_in import AsyncSignIn, PlainSignIn, SignIn, make_sign_in
from apiroutes.security.verifying import verifier_of

__all__ = ["api_key"]

User = TypeVar("User")
_No = Literal[False]

# Visible ASCII without the comma, which separates two headers with one name.
_IN_HEADER = r"[!-+\--~]+"
# RFC 6265 section 4.1.1, without the percent sign, which escapes other characters.
_IN_COOKIE = r"[!#-$&-+\--:<-\[\]-~]+"
_is_key = re.compile(_IN_HEADER).fullmatch

# Headers that have steps of their own.
_TAKEN = {"authorization": "write bearer(...) or basic(...)", "cookie": "write api_key(..., cookie=...)"}


@overload
def api_key(  # type: ignore[overload-overlap]  # an awaitable is no user
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User]: ...
@overload
def api_key(  # type: ignore[overload-overlap]
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User | None]: ...
@overload
def api_key(
    verify: Secrets,
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[str]: ...
@overload
def api_key(
    verify: Secrets,
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[str | None]: ...
@overload
def api_key(
    verify: Callable[..., User | _No | None],
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User]: ...
@overload
def api_key(
    verify: Callable[..., User | _No | None],
    *,
    header: str | None = ...,
    cookie: str | None = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User | None]: ...
def api_key(
    verify: Callable[..., Any] | Secrets,
    *,
    header: str | None = None,
    cookie: str | None = None,
    optional: bool = False,
    csrf: bool = True,
    scheme_name: str = "api_key",
) -> SignIn[Any]:
    """Sign requests in by a key, as middleware or as a dependency: `api_key(verify, header="X-API-Key")`.

    The user is `req.context["user"]`, or the value of a parameter: `user: Annotated[User, Depends(step)]`.
    The key is in a header or in a cookie. It is never read from the query: logs, histories and `Referer`
    keep URLs. Raises TypeError for a function that cannot be called with a key, and ValueError for keys that
    are short or guessable.

    Args:
        verify: A function: `verify(key)`, or `verify(key, req)`, returns the user, or None or False for an
            invalid key; it may be a coroutine function. Or a key, a list of one client's keys, or a dict of
            these by the client's name: then the user is that name, or `scheme_name`.
        header: The header that contains the key; either this or `cookie`.
        cookie: The cookie that contains the key.
        optional: Whether a request without a key passes; its user is None. One with a wrong key is refused.
        csrf: Whether routes get `csrf()`, for a key in a cookie: browsers send cookies with requests from
            other sites too.
        scheme_name: The scheme's name in the OpenAPI document.
    """
    place, name = _place_of(header, cookie)
    known: Callable[[Any, Request], Any]
    if callable(verify):
        known = verifier_of(verify, ("key",))
    else:
        characters = _IN_HEADER if place == "header" else _IN_COOKIE
        known = partial(_owner_of, KnownSecrets(read_secrets(verify, scheme_name, characters)))
    scheme = AuthScheme(
        scheme_name,
        {"type": "apiKey", "in": place, "name": name},
        name if place == "header" else "Cookie",
        _header_reader(name) if place == "header" else _cookie_reader(name),
        known,
        _challenge,
        never_waits=not callable(verify),
        is_ambient=csrf and place == "cookie",
    )
    return make_sign_in("api_key", [scheme], is_optional=optional, source=verify)


def _place_of(header: str | None, cookie: str | None) -> tuple[str, str]:
    """Return where the key is: OpenAPI's word for it, and the name there. Raises TypeError and ValueError."""
    if (header is None) == (cookie is None):
        raise TypeError('api_key needs one place for the key: `header="X-API-Key"` or `cookie="key"`')
    place, name = ("header", header) if cookie is None else ("cookie", cookie)
    if not isinstance(name, str) or not is_token(name):
        raise ValueError(f"{shown(name)} cannot be the name of a {place}")
    if place == "header" and name.lower() in _TAKEN:
        raise ValueError(f"the header {name} is for other credentials: {_TAKEN[name.lower()]}")
    return place, name


def _header_reader(name: str) -> Callable[[Request], object]:
    """Return what reads the key from a header."""
    key = "HTTP_" + name.upper().replace("-", "_")

    def read(request: Request) -> object:
        value: str | None = request.environ.get(key)
        if value is None:
            return None
        return value if len(value) <= MAX_CREDENTIALS and _is_key(value) else MALFORMED

    return read


def _cookie_reader(name: str) -> Callable[[Request], object]:
    """Return what reads the key from a cookie."""

    def read(request: Request) -> object:
        value = request.cookies.get(name)
        if value is None:
            return None
        return value if 0 < len(value) <= MAX_CREDENTIALS and value.isprintable() else MALFORMED

    return read


def _owner_of(known: KnownSecrets, key: str, request: Request) -> str | None:
    return known.owner_of(key)


def _challenge(is_wrong: bool) -> str:
    """Return a challenge, which every 401 has (RFC 9110 section 11.6.1), with a scheme that has no RFC."""
    return challenge_of("ApiKey", realm="api")
