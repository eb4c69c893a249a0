"""Authentication schemes: where a request has its credentials, and whom they belong to (RFC 9110 section 11).

In: requests. Out: credentials, and the user whom they belong to. Invalid credentials raise nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apiroutes.concurrency import is_async
from apiroutes.errors import shown
from apiroutes.request import Request
from apiroutes.structs import Struct

__all__ = ["MALFORMED", "AuthScheme", "Scoped", "challenge_of", "check_realm"]


class _Malformed:
    def __repr__(self) -> str:
        return "MALFORMED"


# What `AuthScheme.read` returns for credentials of the scheme that nobody can have.
MALFORMED: Final = _Malformed()


class Scoped(Struct, frozen=True):
    """A user with the scopes of the credentials, as `AuthScheme.verify` may return it."""

    user: Any
    scopes: tuple[str, ...]


class AuthScheme(Struct, frozen=True, eq=False):
    """One way to sign in.

    `name` and `described` are its Security Scheme Object in the OpenAPI document. `header` has the
    credentials. `read` returns those that came, None if none of this scheme did, or MALFORMED. `verify` is
    called with them and the request: it returns the user, or `Scoped`; None or False for wrong credentials.
    It may be a coroutine function, or never wait (`never_waits`). `challenge` is what a 401 says in
    `WWW-Authenticate`, with credentials and without; `scope_challenge` what a 403 says there about missing
    scopes, if anything. `is_ambient`: whether browsers send the credentials unasked, with requests from any
    site, and nothing else is done about that. `is_session`: whether they are the session, whose cookie and
    protection are those of the `sessions()` around the step. `may_be_unavailable`: whether it answers 503
    while another party's server is unavailable.
    """

    name: str
    described: Mapping[str, Any]
    header: str
    read: Callable[[Request], Any]
    verify: Callable[[Any, Request], Any]
    challenge: Callable[[bool], str]
    scope_challenge: Callable[[str], str] | None = None
    never_waits: bool = False
    is_ambient: bool = False
    is_session: bool = False
    may_be_unavailable: bool = False

    @property
    def is_async(self) -> bool:
        return is_async(self.verify)


def challenge_of(scheme: str, **parameters: str) -> str:
    """Return a challenge (RFC 9110 section 11.6.1), with its parameters as quoted strings (section 5.6.4)."""
    quoted = (f'{name}="{_escaped(value)}"' for name, value in parameters.items())
    return f"{scheme} {', '.join(quoted)}"


def check_realm(realm: str) -> None:
    """Raise ValueError for a realm that no header can carry as it is."""
    if not isinstance(realm, str) or not realm.isascii() or not realm.isprintable() or not realm:
        raise ValueError(f"the realm must be printable ASCII text, not {shown(realm)}")


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"")
