"""The URLs of the stores of the response cache and of rate limits; no text shows the password in them.

In: a project's setting. Out: the name of a store, or a `StoreURL`. Raises ValueError for a URL that cannot be
read; the message never has any part of it.
"""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from apiroutes.errors import shown
from apiroutes.secret_keys import Secret

__all__ = ["StoreURL", "read_shared_store", "read_store"]

_NAMES = ("sqlite", "memory", "none")
_SCHEMES = ("redis", "rediss", "unix")
# What may be repeated in a message: no URL, and nothing that could contain a password.
_HARMLESS = r"[\w-]{1,20}"
_ESCAPED = "; in a password, '/', '?', '#' and '@' are written %2F, %3F, %23 and %40"


class StoreURL(Secret):
    """The URL of a Redis. Its `repr` and its text show only the scheme; `reveal()` returns it."""

    __slots__ = ("_url",)

    _url: str

    def __init__(self, url: str) -> None:
        object.__setattr__(self, "_url", url)

    def reveal(self) -> str:
        """Return the URL, with its password."""
        return self._url

    def address(self) -> str:
        """Return the URL without the user, the password and the parameters."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def _secret(self) -> str:
        return self._url


def read_store(value: object) -> str | StoreURL:
    """Return the store that a setting names: one that keeps everything, or "none". Raises ValueError."""
    return _read(value, _NAMES)


def read_shared_store(value: object) -> str | StoreURL:
    """Return the store that a setting names, which may not be "none". Raises ValueError."""
    return _read(value, _NAMES[:-1])


def _read(value: object, names: tuple[str, ...]) -> str | StoreURL:
    if isinstance(value, StoreURL):
        return value
    if isinstance(value, str) and value in names:
        return value
    if not isinstance(value, str) or "://" not in value:
        is_shown = not isinstance(value, str) or re.fullmatch(_HARMLESS, value, re.ASCII)
        what = shown(value) if is_shown else "the value"
        raise ValueError(f"{what} is neither a URL nor one of {', '.join(map(repr, names))}")
    _check(value)
    return StoreURL(value)


def _check(url: str) -> None:
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES:
        what = repr(scheme) if re.fullmatch(_HARMLESS, scheme, re.ASCII) else "the URL's scheme"
        _refuse(f"{what} is not one of {', '.join(map(repr, _SCHEMES))}")
    if not url.isprintable() or " " in url:
        _refuse("the URL has a space or a control character")
    try:
        parts = urlsplit(url)
    except ValueError:
        _refuse("the URL's host cannot be read")
    if "#" in url:
        _refuse(f"the URL has a '#'{_ESCAPED}")
    if scheme == "unix":
        _check_socket(parts)
    else:
        _check_server(parts)


def _check_server(parts: SplitResult) -> None:
    try:
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete:
        _refuse(f"the URL has no host, or an invalid port{_ESCAPED}")
    if not re.fullmatch(r"/?|/[0-9]+", parts.path, re.ASCII):
        _refuse("the URL's path is not a database number, such as '/0'")


def _check_socket(parts: SplitResult) -> None:
    if parts.netloc.rpartition("@")[2] or parts.path in ("", "/"):
        _refuse("the URL has no absolute path to a socket, such as 'unix:///run/redis.sock'")


def _refuse(message: str) -> NoReturn:
    raise ValueError(message) from None  # the cause may contain a part of the password
