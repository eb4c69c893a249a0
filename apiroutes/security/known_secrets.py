"""Secrets that a project knows, and who has them.

In: secrets, as a project sets them. Out: the name of a secret's owner. Raises ValueError and TypeError for
secrets that are missing, short or guessable; the message never has any part of one.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Union

from apiroutes.secret_keys import Secret, weakness_of

__all__ = ["KnownSecrets", "Secrets", "read_secrets"]

# A secret, several of one client, so that one can replace another, or each client's secrets by its name.
Secrets = Union[str, Sequence[str], Mapping[str, Union[str, Sequence[str]]]]

# Characters. Random letters, digits, `-` and `_` have 132 bits: the chance of guessing them is at most
# 2^-128, as RFC 6749 section 10.10 demands.
_SHORTEST = 22


class KnownSecrets(Secret):
    """The digests of secrets, each with its owner's name."""

    __slots__ = ("_digests",)

    _digests: tuple[tuple[str, bytes], ...]

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        """Keep the digests of secrets with their owners' names. Raises ValueError for two equal ones."""
        digests = [(name, _digest(secret)) for name, secret in secrets]
        if len({digest for _, digest in digests}) < len(digests):
            raise ValueError("two of the secrets are the same, so their clients could not be told apart")
        object.__setattr__(self, "_digests", tuple(digests))

    def owner_of(self, secret: str) -> str | None:
        """Return the name of a secret's owner; None for an unknown secret. It always takes equally long.

        All are compared, by digests of equal length.
        """
        digest, owner = _digest(secret), None
        for name, known in self._digests:
            if hmac.compare_digest(digest, known):
                owner = name
        return owner

    def _secret(self) -> str:
        return ",".join(digest.hex() for _, digest in self._digests)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def read_secrets(secrets: object, default_name: str, characters: str) -> Iterator[tuple[str, str]]:
    """Yield each secret with its owner's name, which is `default_name` if it has no name.

    `characters` is a regular expression for what a request can carry. Raises ValueError and TypeError.
    """
    named: Mapping[object, object] = secrets if isinstance(secrets, Mapping) else {default_name: secrets}
    if not named:
        raise ValueError("the secrets are an empty dict, and nobody could sign in")
    for name, own in named.items():
        of = f" of {name!r}" if isinstance(secrets, Mapping) else ""
        if not isinstance(name, str) or not name:
            raise TypeError("the name of a client is not a string, or is empty")
        if own is None:
            raise TypeError(f"the secret{of} is None: is its environment variable set?")
        listed = [own] if isinstance(own, str) else own
        if not isinstance(listed, (list, tuple)) or not all(isinstance(secret, str) for secret in listed):
            raise TypeError(f"the secret{of} is neither a string nor a list of strings")
        if not listed:
            raise ValueError(f"the list of secrets{of} is empty, and nobody could sign in")
        for number, secret in enumerate(listed, 1):
            which = f"the secret{of}" if len(listed) == 1 else f"secret {number} of {len(listed)}{of}"
            _check(secret, which, characters)
            yield name, secret


def _check(secret: str, which: str, characters: str) -> None:
    weakness = weakness_of(secret, _SHORTEST)
    if weakness is None and re.fullmatch(characters, secret) is None:
        weakness = "has a character that a request cannot carry there"
    if weakness is not None:
        raise ValueError(
            f"{which} {weakness}. Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
