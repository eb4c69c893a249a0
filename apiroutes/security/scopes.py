"""Scopes: what a user, or the credentials of a request, may be used for (RFC 6749 section 3.3).

In: strings and users, as projects and issuers of tokens write them. Out: sets of scopes. Raises ValueError
and TypeError for other values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from apiroutes.errors import shown

__all__ = ["read_scopes", "scopes_of"]

# RFC 6749 section 3.3: visible ASCII, without the quotation mark and the backslash.
_is_scope = re.compile(r"[!#-\[\]-~]+").fullmatch
# The names that a user's scopes may have.
_NAMES = ("scopes", "scope")


def read_scopes(scope: object) -> tuple[str, ...]:
    """Return the scopes that a project requires: a string with spaces between them, or a list of strings."""
    listed = scope.split() if isinstance(scope, str) else scope
    if not isinstance(listed, Collection) or not all(isinstance(item, str) for item in listed):
        raise TypeError("a scope must be a string, or a list of strings")
    if not listed:
        raise ValueError("the scope is empty, so everybody would have it")
    for item in listed:
        if _is_scope(item) is None:
            raise ValueError(f"{shown(item)} cannot be a scope: a scope is visible ASCII text without spaces")
    return tuple(dict.fromkeys(listed))


def scopes_of(user: Any, of_credentials: Collection[str] | None) -> Collection[str]:
    """Return a user's own scopes, or else those of the credentials. Raises TypeError for other values."""
    found = None
    for name in _NAMES:
        found = user.get(name) if isinstance(user, Mapping) else getattr(user, name, None)
        if found is not None:
            break
    else:
        found = () if of_credentials is None else of_credentials
    if isinstance(found, str):
        return found.split()
    if not isinstance(found, Collection) or isinstance(found, (bytes, bytearray)):
        raise TypeError(f"the scopes of a user are a {type(found).__name__}, not a string or list of strings")
    return found
