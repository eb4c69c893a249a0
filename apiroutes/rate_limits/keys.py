"""Whose requests are counted together: by address, user, credential, or the result of a function.

In: requests. Out: the digest of what they are counted by, or None for a request that is not limited. Raises
TypeError for a value that would differ with each request.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

from apiroutes.rates import By
from apiroutes.request import Request

__all__ = ["digest_maker", "subject_maker"]

# What a request is counted by, as bytes; None for a request that is not limited.
Subject = Callable[[Request], "bytes | None"]

_log = logging.getLogger("apiroutes")

# The first 96 bits of addresses that contain an IPv4 address in the rest: ::ffff:0:0/96 (RFC 4291 section
# 2.5.5.2), and 64:ff9b::/96 (RFC 6052 section 2.1).
_BEFORE_IPV4 = (0xFFFF, 0x64_FF9B << 64)
# The first 16 bits of 6to4 networks, each a /48 with its owner's IPv4 address in the next 32 (RFC 3056
# section 2).
_6TO4 = 0x2002
# RFC 4291 section 2.5.4: the rest is the interface, which a client chooses as it likes (RFC 8981).
_NETWORK_BITS = 64
_WITH_PORT = r"(\d+\.\d+\.\d+\.\d+):\d+|\[([^]]+)\](?::\d+)?"


def subject_maker(by: By) -> Subject:
    """Return a function that finds the subject of a request."""
    if callable(by):
        return lambda req: _of_value(by(req))
    if by.startswith("body."):
        return partial(_field, by.removeprefix("body."))
    return {"address": _address, "user": _user, "key": _key}[by]


def _address(req: Request) -> bytes:
    address = req.remote_addr
    if not address:
        _warn_of_no_address()
        return b"address"
    return b"address:" + (_network_of(address) if ":" in address else address).encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _warn_of_no_address() -> None:
    # Record: A limit by "address" gets a request without an address; once in a process.
    _log.warning(
        "A rate limit counts all clients as one: the server gives no address, as behind a Unix socket. "
        "Put `proxy_fix` before it, or count by something else."
    )


@lru_cache(maxsize=4096)
def _network_of(address: str) -> str:
    """Return what an IPv6 address is counted by: its /64, or the IPv4 address that it represents."""
    from ipaddress import ip_address

    with_port = re.fullmatch(_WITH_PORT, address)  # as some proxies write addresses
    text = (with_port[1] or with_port[2]) if with_port else address
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return address
    number = int(parsed)
    if parsed.version == 4 or number >> 32 in _BEFORE_IPV4:
        return str(ip_address(number & 0xFFFFFFFF))
    if number >> 112 == _6TO4:
        return str(ip_address(number >> 80 & 0xFFFFFFFF))
    return f"{number >> _NETWORK_BITS:x}/64"


def _user(req: Request) -> bytes:
    user = req.context.get("user")
    if user is not None:
        return b"user:" + _text_of(_id_of(user))
    # A session that a step of the project has set may be any mapping.
    owner = None if req._open_session is None else getattr(req.session, "owner", None)
    return _address(req) if owner is None else b"user:" + _text_of(owner)


def _id_of(user: Any) -> object:
    """Return the `id` or `sub` of a user, or the user if it is a text or a number itself.

    Raises TypeError for others: the text of an object or of claims changes with its other content.
    """
    for name in ("id", "sub"):
        found = user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        if found is not None and not callable(found):
            return found
    if isinstance(user, (str, int)) and not isinstance(user, bool):
        return user
    kind = type(user).__name__
    raise TypeError(
        f"a rate limit cannot count by a user that is a {kind} without `id` and `sub`: add one of them, "
        "or say who it is, such as `by=lambda req: req.context['user'].name`"
    )


def _key(req: Request) -> bytes:
    """Return the credential that a sign-in step has accepted; the last of several.

    It reads no header field itself: a client can send anything in a field that nothing has checked, and a new
    value with each request, even if it has signed in with another credential.
    """
    for signed_in in reversed((req._signed_in or {}).values()):
        digest: bytes | None = signed_in.digest()
        if digest is not None:
            return b"key:" + digest
    return _user(req)


def _field(name: str, req: Request) -> bytes:
    """Return the text of a field of the body. Raises ApiError for a body that cannot be read."""
    body = req.body
    value = body.get(name) if isinstance(body, Mapping) else None
    # Letter case and surrounding white space do not make another account.
    text = value.strip().casefold() if isinstance(value, str) else ""
    return b"body:" + _text_of(text) if text else _address(req)


def _of_value(value: object) -> bytes | None:
    if hasattr(value, "__await__"):
        if inspect.iscoroutine(value):
            value.close()
        raise TypeError("by=... of a rate limit returned a coroutine: write a plain function")
    return None if value is None else b"function:" + _text_of(value)


def _text_of(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    kind = type(value)
    # Built-in types, and classes that define it, have a text of their own. The text of other objects is their
    # place in memory or, for a dataclass, all of their fields, any of which may change.
    if kind.__str__ is object.__str__ and not any(
        base.__module__ == "builtins" for base in kind.__mro__[:-1]
    ):
        raise TypeError(f"a rate limit cannot count by {kind.__name__!r}: count by a text or a number")
    return str(value).encode("utf-8", "surrogatepass")


def digest_maker(name: str, seconds: int) -> Callable[[bytes], bytes]:
    """Return a function that turns a subject into the key of its count, for one limit and one period.

    Subjects of any length become 16 bytes, and no address is stored.
    """
    limit = blake2b(f"{seconds}:{name}".encode("utf-8", "surrogatepass"), digest_size=32).digest()
    return lambda subject: blake2b(subject, digest_size=16, key=limit).digest()
