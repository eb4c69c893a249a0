"""Which names of headers and query keys mean that the value is a secret, and what is shown instead.

In: names, targets of requests. Out: whether a value is shown, and targets without secrets.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

from apiroutes.secret_keys import HIDDEN, is_secret

__all__ = ["HIDDEN", "is_secret", "without_secrets"]


def without_secrets(target: str) -> str:
    """Return the target of a request with `HIDDEN` for each value of its query that may be a secret."""
    path, mark, query = target.partition("?")
    return path + mark + "&".join(map(_without_secret, query.split("&")))


def _without_secret(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={HIDDEN}" if equals and value and is_secret(unquote_plus(name)) else pair
