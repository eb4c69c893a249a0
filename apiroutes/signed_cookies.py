"""Cookies that the project has signed: made for a response, and verified in a request.

In: a name, a value and its expiry, or the cookies of a request; the keys. Out: a signed text, or the values
by name. An invalid cookie (forged, cut, expired, with another name or key) counts as absent and raises
nothing. Without a key, RuntimeError is raised.

The expiry is part of the signed text, because a client may keep its cookie longer. So is the name, so that no
value can be moved to another cookie.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from apiroutes.errors import shown
from apiroutes.secret_keys import SecretKeys, missing_key
from apiroutes.signing import sign, unsign

__all__ = ["SignedCookies", "sign_cookie"]

_WHO = "signed cookies need"


class SignedCookies(Mapping[str, str]):
    """The values of a request's cookies that `res.set_signed_cookie` has set, by name; read-only.

    Each value is verified when it is first read. It is valid if it had not expired when this object was made:
    for the whole request, or not at all.
    """

    __slots__ = ("_cookies", "_keys", "_now", "_values")

    def __init__(self, cookies: Mapping[str, str], keys: SecretKeys | None) -> None:
        """Take the cookies as they were sent. Raises RuntimeError without keys."""
        if keys is None:
            raise missing_key(_WHO)
        self._cookies = cookies
        self._keys = keys
        self._now = time.time()
        self._values: dict[str, str | None] = {}  # of the cookies that were read; None if invalid

    def __getitem__(self, name: str) -> str:
        if name not in self._values:
            self._values[name] = self._verify(name)
        value = self._values[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in [*self._cookies] if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _verify(self, name: str) -> str | None:
        content = unsign(f"cookies.{name}", self._keys, self._cookies.get(name, ""))
        if content is None:
            return None
        end, _, value = content.partition(b":")
        return value.decode() if not end or self._now < float(end) else None


def sign_cookie(
    request: Any,
    name: str,
    value: str,
    max_age: float | timedelta | None,
    expires: datetime | float | None,
) -> str:
    """Return a value as it is sent: signed for the cookie's name by the newest key of a request's project.

    It is valid for `max_age`, or else until `expires`. Raises RuntimeError without a key, TypeError for a
    value that is not a str, and ValueError for a time that is not a number.
    """
    keys: SecretKeys | None = getattr(request, "_secret_keys", None)
    if keys is None:
        raise missing_key(_WHO)
    if not isinstance(value, str):
        raise TypeError(f"the value of the cookie {name!r} must be a str, not {shown(value)}")
    end = _end(max_age, expires)
    content = f"{'' if end is None else f'{end:.3f}'}:{str.__str__(value)}"
    return sign(f"cookies.{name}", keys, content.encode())


def _end(max_age: float | timedelta | None, expires: datetime | float | None) -> float | None:
    """Return when a cookie expires, in seconds since the epoch; `max_age` wins (RFC 6265 section 4.1.2.2)."""
    if max_age is not None:
        seconds = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
        return time.time() + _number("max_age", seconds)
    if isinstance(expires, datetime):  # a time without a zone is in UTC, as in the attribute
        aware = expires if expires.tzinfo is not None else expires.replace(tzinfo=timezone.utc)
        return aware.timestamp()
    return None if expires is None else _number("expires", expires)


def _number(name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or not -(10**12) < value < 10**12:
        raise ValueError(f"a signed cookie's {name} must be a number of seconds, not {shown(value)}")
    return value
