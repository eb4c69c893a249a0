"""Names and passwords: `Authorization: Basic …` (RFC 7617).

In: a function that knows users, or their passwords. Out: a step. Raises TypeError and ValueError for wrong
arguments, and ApiError 401 for a request without a valid password.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar, overload

from apiroutes.concurrency import is_async
from apiroutes.errors import shown
from apiroutes.request import Request
from apiroutes.secret_keys import weakness_of
from apiroutes.security.authorization import credentials_of
from apiroutes.security.known_secrets import KnownSecrets
from apiroutes.security.passwords import KnownHashes, is_hash, why_no_password
from apiroutes.security.schemes import MALFORMED, AuthScheme, challenge_of, check_realm
from apiroutes.security.sign_in import AsyncSignIn, PlainSignIn, SignIn, make_sign_in
from apiroutes.security.verifying import verifier_of

__all__ = ["basic"]

User = TypeVar("User")
_No = Literal[False]

# RFC 7617 section 2: control characters are in neither.
_has_control = re.compile("[\x00-\x1f\x7f]").search
# Characters. NIST SP 800-63B-4 section 3.1.1.2, for passwords without a second factor.
_SHORTEST = 15


@overload
def basic(  # type: ignore[overload-overlap]  # an awaitable is no user
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    realm: str = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User]: ...
@overload
def basic(  # type: ignore[overload-overlap]
    verify: Callable[..., Awaitable[User | _No | None]],
    *,
    realm: str = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> AsyncSignIn[User | None]: ...
@overload
def basic(
    verify: Mapping[str, str],
    *,
    realm: str = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[str]: ...
@overload
def basic(
    verify: Mapping[str, str],
    *,
    realm: str = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[str | None]: ...
@overload
def basic(
    verify: Callable[..., User | _No | None],
    *,
    realm: str = ...,
    optional: Literal[False] = ...,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User]: ...
@overload
def basic(
    verify: Callable[..., User | _No | None],
    *,
    realm: str = ...,
    optional: bool,
    csrf: bool = ...,
    scheme_name: str = ...,
) -> PlainSignIn[User | None]: ...
def basic(
    verify: Callable[..., Any] | Mapping[str, str],
    *,
    realm: str = "api",
    optional: bool = False,
    csrf: bool = True,
    scheme_name: str = "basic",
) -> SignIn[Any]:
    """Sign requests in by name and password, as middleware or as a dependency (RFC 7617).

    The user is `req.context["user"]`, or the value of a parameter: `user: Annotated[User, Depends(step)]`.
    Browsers ask for name and password, and send them with every request from then on. Raises TypeError for a
    function that cannot be called with these, and ValueError for passwords that are short or guessable.

    Args:
        verify: A function: `verify(name, password)`, or `verify(name, password, req)`, returns the user, or
            None or False for a wrong name or password; it may be a coroutine function. If it returns True,
            the user is the name. Or a dict of passwords by name: all in plain text, or all hashed by
            `hash_password`.
        realm: The name that browsers show when they ask.
        optional: Whether a request without a name and password passes; its user is None. One with wrong ones
            is refused.
        csrf: Whether routes get `csrf()`: browsers send the password with requests from other sites too.
        scheme_name: The scheme's name in the OpenAPI document.
    """
    check_realm(realm)
    never_waits = False
    known: Callable[[Any, Request], Any]
    if callable(verify):
        known = _named(verifier_of(verify, ("name", "password")), verify)
    else:
        known, never_waits = _known(verify)
    described = {"type": "http", "scheme": "basic"}
    # Section 2.1: the only parameter besides the realm.
    challenge = challenge_of("Basic", realm=realm, charset="UTF-8")
    scheme = AuthScheme(
        scheme_name,
        described,
        "Authorization",
        _credentials_of,
        known,
        lambda is_wrong: challenge,
        never_waits=never_waits,
        is_ambient=csrf,
    )
    return make_sign_in("basic", [scheme], is_optional=optional, source=verify)


def _credentials_of(request: Request) -> object:
    """Return name and password of a request (section 2): in base64, with the first colon between them."""
    encoded = credentials_of(request, "basic")
    if not isinstance(encoded, str):
        return encoded
    try:
        text = b64decode(encoded, validate=True).decode("utf-8")
    except ValueError:
        return MALFORMED
    name, colon, password = text.partition(":")
    return (name, password) if colon and _has_control(text) is None else MALFORMED


def _named(verify: Callable[[Any, Any], Any], source: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Return a function that returns the name where `verify` returns True."""
    if is_async(source):

        async def verify_later(credentials: Any, request: Any) -> Any:
            found = await verify(credentials, request)
            return credentials[0] if found is True else found

        return verify_later

    def verify_now(credentials: Any, request: Any) -> Any:
        found = verify(credentials, request)
        if hasattr(found, "__await__"):
            return _named_later(found, credentials[0])
        return credentials[0] if found is True else found

    return verify_now


async def _named_later(found: Awaitable[Any], name: str) -> Any:
    result = await found
    return name if result is True else result


def _known(passwords: object) -> tuple[Callable[[Any, Request], Any], bool]:
    """Return what verifies by a dict of passwords, and whether it never waits. Raises ValueError."""
    if not isinstance(passwords, Mapping):
        kind = type(passwords).__name__
        raise TypeError(f"basic was given a {kind}: write a function, or a dict of passwords by name")
    if not passwords:
        raise ValueError("the passwords are an empty dict, and nobody could sign in")
    for name, password in passwords.items():
        if not isinstance(name, str) or not name or ":" in name or _has_control(name):
            raise ValueError(f"the name {shown(name)} cannot be sent: a name is text without colons")
        if password is None:
            raise TypeError(f"the password of {shown(name)} is None: is its environment variable set?")
        if not isinstance(password, str):
            raise TypeError(f"the password of {shown(name)} is not a string")
    hashed = [name for name, password in passwords.items() if is_hash(password)]
    if len(hashed) == len(passwords):
        return partial(_owner_by_hash, KnownHashes(passwords)), False
    if hashed:
        raise ValueError("some of the passwords are hashed and some are not: hash them all")
    return partial(_owner, KnownSecrets(_read(passwords))), True


def _read(passwords: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names with their credentials, as in a request."""
    for name, password in passwords.items():
        weakness = why_no_password(password) or weakness_of(password, _SHORTEST)
        if weakness is not None:
            raise ValueError(f"the password of {shown(name)} {weakness}")
    return [(name, f"{name}:{password}") for name, password in passwords.items()]


def _owner(known: KnownSecrets, credentials: tuple[str, str], request: Request) -> str | None:
    return known.owner_of(":".join(credentials))


def _owner_by_hash(known: KnownHashes, credentials: tuple[str, str], request: Request) -> str | None:
    return known.owner_of(*credentials)
