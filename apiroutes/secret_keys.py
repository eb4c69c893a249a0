"""Secrets of a project that no text shows, above all the key that signs data which clients send back.

In: values that a project sets. Out: keys that no text shows. Raises ValueError and TypeError for keys that
are missing, short or guessable; the message never contains any part of a key.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import NoReturn, TypeVar

__all__ = [
    "HIDDEN",
    "Secret",
    "SecretKeys",
    "hide_secrets",
    "is_secret",
    "may_hold_secret",
    "missing_key",
    "new_secret_key",
    "read_secret_keys",
    "weakness_of",
]

_Self = TypeVar("_Self", bound="Secret")

HIDDEN = "••••••"

# Characters; they contain at least 128 bits if a generator draws them, even as hexadecimal digits.
_SHORTEST = 32
# A random key of hexadecimal digits has fewer once in 25 million times.
_FEWEST_DIFFERENT = 8
# Words of example keys; they do not count.
_PLACEHOLDER = re.compile(
    r"change|default|django|example|insecure|password|placeholder|replace|secret|your?|key|"
    r"super|that|this|should|please|must|something|long|production|development|random|string",
    re.I,
)
# Parts of the names of headers, variables and query values whose values are secrets.
_NAME_OF_SECRET = re.compile(
    r"auth|cookie|token|secret|pass(w|phrase|code)|pwd|credential|session|csrf|xsrf|signature|jwt|api[-_]?key"
    r"|pass($|[-_])|(^|[-_])(key|sig|sid|otp|pin|pw|code|hash|assertion)($|[-_])",
    re.IGNORECASE,
)
# The prefix that `django-admin startproject` writes into a file that is committed.
_OF_DJANGO = "django-insecure-"
# The share of characters besides such words below which a key counts as a placeholder.
_BESIDE = 0.75


class Secret:
    """A value that no text shows: its `repr` is only the class, and it cannot be changed or pickled."""

    __slots__ = ()

    def _secret(self) -> str:
        """Return the hidden value."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({HIDDEN})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or type(other) is not type(self):
            return NotImplemented
        return secrets.compare_digest(self._secret().encode(), other._secret().encode())

    def __hash__(self) -> int:
        return hash(self._secret())

    def __copy__(self: _Self) -> _Self:
        return self

    def __deepcopy__(self: _Self, memo: object) -> _Self:  # `dataclasses.asdict` makes deep copies
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = f"{type(self).__name__} cannot be pickled: pickled data is stored or sent"
        raise TypeError(message)


class SecretKeys(Secret):
    """The secret keys of a project: the first key signs, and all keys verify, so that a key can be replaced.

    Its `repr` and `str` show no part of them, and it cannot be pickled; `reveal()` returns the keys.
    """

    __slots__ = ("_keys",)

    _keys: tuple[str, ...]

    def __init__(self, keys: Sequence[str]) -> None:
        object.__setattr__(self, "_keys", tuple(keys))

    def reveal(self) -> tuple[str, ...]:
        """Return the keys: sign with the first, and verify with each."""
        return self._keys

    def _secret(self) -> str:
        return ",".join(self._keys)


def new_secret_key() -> str:
    """Return a new key: 256 random bits, as letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(32)


def read_secret_keys(value: object) -> SecretKeys:
    """Return the keys of a list, or a text as one key. Raises ValueError and TypeError."""
    if isinstance(value, SecretKeys):
        return value
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, (list, tuple)) or not all(isinstance(key, str) for key in keys):
        raise TypeError("the value is neither a string nor a list of strings")
    stripped = [key.strip() for key in keys]
    if not stripped:
        raise ValueError("the list is empty")
    for number, key in enumerate(stripped, 1):
        weakness = weakness_of(key)
        if weakness is not None:
            which = "the key" if len(stripped) == 1 else f"key {number} of {len(stripped)}"
            raise ValueError(f"{which} {weakness}")
    return SecretKeys(stripped)


def weakness_of(key: str, shortest: int = _SHORTEST) -> str | None:
    """Return what is wrong with a key, without any part of it; it needs at least `shortest` characters."""
    if not key:
        return "is empty"
    if not key.isprintable():
        return "has a control character"
    rest = re.sub(_PLACEHOLDER, "", key)
    is_placeholder = rest != key and len(re.sub(r"[-_ .!]", "", rest)) < shortest * _BESIDE
    if is_placeholder or key.startswith(_OF_DJANGO):
        return "is a placeholder, or has too little besides words of one, and could be guessed"
    if len(key) < shortest:
        return f"has fewer than {shortest} characters, and could be guessed"
    if len(set(rest)) < _FEWEST_DIFFERENT or (key + key).find(key, 1) < len(key):
        return "repeats itself, and could be guessed"
    return None


def missing_key(who: str) -> RuntimeError:
    """Return the error for a missing secret key; `who` needs it, such as "signed cookies need"."""
    return RuntimeError(
        f"{who} `secret_key`, which is not set: set it, as APIROUTES_SECRET_KEY in the environment, to what "
        "`apiroutes secret` prints"
    )


# -- what messages show ----------------------------------------------------------------------------

# Swapped letters count too: a message shows a misspelled name, and its value may be the key. The steps that
# are given secrets have them in their calls.
_ASSIGNMENT = r"""(?is)(?:\w*s[ecr]{3,4}t\w*["']?\s*[:=]|\b(?:bearer|basic|api_key|jwt)\s*\()(.*)"""
# The name of a variable that is read is not a secret, and is shown.
_VARIABLE = r"""(?:\benviron\[|\bgetenv\(|\benviron\.get\()(?:"\w+"|'\w+')"""
# So is the name of the client whose secret a variable contains. Beside a literal it is not shown: if the two
# are swapped, as in `{"the token": "ada"}`, the token would be shown.
_CLIENT = rf"""(?:"\w+"|'\w+')\s*:\s*(?:os\.)?{_VARIABLE}"""
_VALUE = rf"""(?P<told>{_VARIABLE}|{_CLIENT})|(\"\"\"|'''|["'])(?:\\.|(?!\2).)*(\2|$)|\b\d[\w.]*"""


# The part before the `@` of a URL, and a password in its parameters. In a store's URL, everything up to the
# last `@` is hidden: its password may have been written without escapes.
_CREDENTIALS = (
    r"(?i)(\b(?:rediss?|unix):/+).*(?=@)",
    r"(?i)(\w:/+)[^\s/@:]*:\S*(?=@)",
    r"(?i)([?&]password=)[^&\s\"'#]+",
)


def hide_secrets(line: str) -> str:
    """Return a line of a project's file without the value that it assigns to a name such as `secret_key`.

    Passwords in URLs are left out as well.
    """
    for pattern in _CREDENTIALS:
        line = re.sub(pattern, rf"\1{HIDDEN}", line)
    found = re.search(_ASSIGNMENT, line)
    if found is None:
        return line
    return line[: found.start(1)] + re.sub(_VALUE, _hidden, found[1])


def _hidden(value: re.Match[str]) -> str:
    return value["told"] or f"{value[2] or ''}{HIDDEN}{value[3] or ''}"


def may_hold_secret(text: str) -> bool:
    """Return whether a text gives a value to a name such as `secret_key`, or has a URL with a password."""
    return any(re.search(pattern, text) for pattern in (_ASSIGNMENT, *_CREDENTIALS))


def is_secret(name: str) -> bool:
    """Return whether a value of this name may be a secret."""
    return _NAME_OF_SECRET.search(name) is not None
