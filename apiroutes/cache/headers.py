"""The headers about the cache: Cache-Control, Vary, Age and Cache-Status (RFC 9111, RFC 9211).

In: a response, and what the cache has done. Out: the response with these headers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from apiroutes.cache.targets import header_name
from apiroutes.http import HeaderLines
from apiroutes.response import Response
from apiroutes.wsgi import PRIVATE

__all__ = [
    "BYPASSED",
    "DRAFT",
    "forwarded",
    "hit_status",
    "keep_from_others",
    "set_control",
    "set_default",
    "set_status",
    "vary_lines",
]

# The Cache-Control of answers to one client alone.
BYPASSED = PRIVATE
DRAFT = "private, no-cache, no-store, max-age=0, must-revalidate"


def forwarded(why: str, *, is_stored: bool = False, has_waited: bool = False, detail: str = "") -> str:
    """Return our member of Cache-Status for a request that a handler has answered (RFC 9211 section 2)."""
    return "".join(
        (
            f"apiroutes; fwd={why}",
            "; stored" if is_stored else "",
            "; collapsed" if has_waited else "",
            f"; detail={detail}" if detail else "",
        )
    )


def hit_status(left: float, has_waited: bool = False) -> str:
    """Return our member for an answer of the store that is fresh for so many seconds; negative: stale."""
    ttl = "" if math.isinf(left) else f"; ttl={math.floor(left)}"
    return f"apiroutes; hit{ttl}; collapsed" if has_waited else f"apiroutes; hit{ttl}"


def set_status(response: Response, member: str) -> None:
    """Add our member to Cache-Status."""
    if response._write is None:
        response._append("cache-status", "Cache-Status", member)


def set_control(response: Response, value: str) -> None:
    """Set Cache-Control unless it is set; a response with a cookie takes it back when it is sent."""
    if response._write is None and "cache-control" not in response._headers:
        line = "Cache-Control", value
        response._headers["cache-control"] = line
        response._shared_control = line


def keep_from_others(response: Response) -> None:
    """Keep shared caches from storing a response, unless the project has set its own rule."""
    if response._shared_control is not None and response._write is None:
        response._apply("set", "cache-control", [("Cache-Control", BYPASSED)])
        response._shared_control = None


def set_default(response: Response, key: str, name: str, value: str) -> None:
    """Set a header unless it is set."""
    if response._write is None and key not in response._headers:
        response._headers[key] = (name, value)


def vary_lines(names: Iterable[str], declared: Iterable[str], ignores_cookies: bool) -> HeaderLines:
    """Return the line of Vary for an answer that depends on headers with these keys in the environ.

    `declared` are names as the project has written them. A cache in front must not send the anonymous answer
    to a client with a cookie.
    """
    written: dict[str, Any] = {name.lower(): name for name in declared}
    shown = [written.get(header_name(key).lower(), header_name(key)) for key in names]
    if not ignores_cookies:
        shown.append("Cookie")
    return (("Vary", ", ".join(shown)),) if shown else ()
