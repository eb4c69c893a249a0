"""Passwords of users, kept as hashes: Argon2id with RFC 9106's second recommended option (section 4).

In: passwords, and the hashes that a project keeps. Out: hashes, and whether a password matches one. Raises
ValueError for a password that cannot be hashed, RuntimeError on an event loop, and ImportError without
argon2-cffi. A hash that cannot be verified matches nothing, and raises nothing.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from apiroutes.concurrency import coroutines
from apiroutes.secret_keys import Secret
from apiroutes.threads import waiting

__all__ = [
    "KnownHashes",
    "hash_password",
    "hash_password_async",
    "is_hash",
    "needs_rehash",
    "verify_password",
    "verify_password_async",
    "why_no_password",
]

_log = logging.getLogger("apiroutes")

_Result = TypeVar("_Result")

# Characters. NIST SP 800-63B-4 section 3.1.1.2 asks for at least 64; each is four bytes at most.
_MAX_PASSWORD = 4096
# Each takes 64 MiB and four threads for a moment: eight at once took 448 MB.
_AT_ONCE = 2
# A hash of another program that needs more is not verified: KiB, and passes over them.
_MAX_MEMORY, _MAX_TIME = 2**20, 32
# Hashes of other kinds: of crypt(3), such as bcrypt's, and of Django.
_OTHER_HASH = re.compile(r"\$\w+\$|(pbkdf2|scrypt|bcrypt|argon2)\w*\$|scrypt:|pbkdf2:")


class _Turns:
    """Lets a few threads of the process hash at once."""

    def __init__(self) -> None:
        self.begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.begin)  # no thread of the parent gives a turn back

    def begin(self) -> None:
        self._semaphore = threading.Semaphore(_AT_ONCE)

    def take(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call a function when it is this thread's turn."""
        with self._semaphore:
            return function(*arguments)


_turns = _Turns()


def hash_password(password: str) -> str:
    """Return the hash of a password, a string of 97 characters to store; each call returns a different one.

    It takes about 0.1 s and 64 MiB; a process makes two at a time, and others wait. In a coroutine, use
    `await hash_password_async(password)`. Raises ValueError for a password that is empty, has more than
    4096 characters or is not Unicode text, RuntimeError on an event loop, and ImportError if the extra `auth`
    is not installed.
    """
    _refuse_loop("hash_password")
    content = _content_of(password)
    if content is None or not password:
        raise ValueError(f"a password must be Unicode text of 1 to {_MAX_PASSWORD} characters")
    hashed: str = _turns.take(_hasher().hash, content)
    return hashed


def verify_password(password: str, hash: str | None) -> bool:
    """Return whether a password matches a hash.

    A hash of None means an unknown user: no password matches it, and the check takes as long as for a known
    user, so that nobody learns who is known. It waits as `hash_password` does. In a coroutine, use
    `await verify_password_async(password, hash)`. A string that is not an Argon2 hash matches no password
    and is logged. Raises RuntimeError on an event loop, and ImportError if the extra `auth` is not installed.
    """
    _refuse_loop("verify_password")
    content = _content_of(password)
    if content is None:
        return False
    reason = None if hash is None else _why_not_hash(hash)
    if reason is not None:
        # Record: The `hash` given to `verify_password` is not an Argon2 hash.
        _log.error("A stored password hash %s, so no password matches it", reason)
        hash = None
    if hash is None:
        _turns.take(_fits, content, _nobodys_hash())
        return False
    return _turns.take(_fits, content, hash)


async def hash_password_async(password: str) -> str:
    """Return what `hash_password` returns for a `password`; a thread computes it."""
    return await coroutines.in_request_thread(hash_password, password)


async def verify_password_async(password: str, hash: str | None) -> bool:
    """Return what `verify_password` returns for a `password` and a `hash`; a thread computes it."""
    return await coroutines.in_request_thread(verify_password, password, hash)


def needs_rehash(hash: str) -> bool:
    """Return whether a hash was made differently from how `hash_password` makes it today.

    When a user has just signed in, the password is available for a new hash.
    """
    return _why_not_hash(hash) is not None or _hasher().check_needs_rehash(hash)


class KnownHashes(Secret):
    """Hashes of passwords by the names of users."""

    __slots__ = ("_hashes",)

    _hashes: Mapping[str, str]

    def __init__(self, hashes: Mapping[str, str]) -> None:
        """Keep them. Raises ValueError unless all are Argon2 hashes, and ImportError without argon2-cffi."""
        for name, hash in hashes.items():
            reason = _why_not_hash(hash)
            if reason is not None:
                raise ValueError(f"the password of {name!r} {reason}")
        object.__setattr__(self, "_hashes", dict(hashes))

    def owner_of(self, name: str, password: str) -> str | None:
        """Return the name if the password is its user's; any name takes equally long."""
        return name if verify_password(password, self._hashes.get(name)) else None

    def _secret(self) -> str:
        return repr(sorted(self._hashes.items()))


def is_hash(text: str) -> bool:
    """Return whether a text looks like an Argon2 hash."""
    return text.startswith("$argon2")


def why_no_password(text: str) -> str | None:
    """Return why a text cannot be meant as a password; None if it can."""
    if _OTHER_HASH.match(text):
        return "is a hash of another kind than Argon2, which is not supported: use hash_password"
    return None


def _content_of(password: str) -> bytes | None:
    """Return the bytes of a password; None for what cannot be a password.

    NIST SP 800-63B-4 section 3.1.1.2: what looks alike is one password, in Normalization Form C; RFC 8265
    section 4.2.2 says the same. ASCII text is in that form.
    """
    if not isinstance(password, str):
        raise TypeError(f"a password must be a str, not a {type(password).__name__}")
    if len(password) > _MAX_PASSWORD:
        return None
    if not password.isascii():
        from unicodedata import normalize

        password = normalize("NFC", password)
    try:
        return password.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return None


def _refuse_loop(name: str) -> None:
    if waiting.is_on_loop():
        raise RuntimeError(
            f"{name} takes 0.1 s, and would block the event loop: write `await {name}_async(...)`"
        )


def _why_not_hash(hash: str) -> str | None:
    """Return why a text cannot be verified as a hash; the reason has no part of it."""
    _hasher()  # raises ImportError
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    if not isinstance(hash, str):
        return f"is a {type(hash).__name__}, not a str"
    if not hash.isascii() or not is_hash(hash):
        return "is not an Argon2 hash"
    try:
        found = extract_parameters(hash)
    except (InvalidHashError, ValueError):
        return "is not a complete Argon2 hash"
    if found.memory_cost > _MAX_MEMORY or found.time_cost > _MAX_TIME:
        return "asks for more memory or time than a request may take"
    return None


@lru_cache(maxsize=1)
def _hasher() -> Any:
    """Return the hasher, with argon2-cffi's default profile."""
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise ImportError("hashing passwords needs argon2-cffi: pip install 'apiroutes[auth]'") from error
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    """Return a hash like those that are made today, which matches no password: its bytes are random."""
    from base64 import b64encode

    hasher = _hasher()
    salt, content = (
        b64encode(os.urandom(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${content}"


def _fits(content: bytes, hash: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

    try:
        _hasher().verify(hash, content)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        # Record: Argon2 cannot use a hash, because it is damaged or asks for too much memory.
        _log.error("A stored password hash could not be verified, so no password matches it: %s", error)
        return False
    return True
