"""Cross-origin requests (the Fetch standard, section 3.2).

In: which origins may read answers. Out: middleware that answers preflights and marks the other
answers. Raises ValueError at start for what browsers would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.http import is_token
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["cors"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s*]+")


def cors(
    origins: Sequence[str] | str,
    *,
    methods: Sequence[str] = _METHODS,
    allow_headers: Sequence[str] | None = None,
    expose_headers: Sequence[str] = (),
    credentials: bool = False,
    max_age: int = 600,
) -> Middleware:
    """Let pages of `origins` read the answers.

    `origins` is "*", or a list of origins such as "https://example.com". `allow_headers` None
    allows what the preflight asks for. With `credentials` cookies are sent along, and the
    origins must be named, because to any page with a wildcard they would be open. `max_age`
    is how many seconds a preflight's answer holds. Raises ValueError.
    """
    allowed = _origins(origins, credentials)
    preflight = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Max-Age": str(int(max_age)),
    }
    exposed = ", ".join(expose_headers)
    fixed_headers = None if allow_headers is None else ", ".join(allow_headers)

    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        if allowed is not None:
            # Also without one: a cache must not mix the two. Whatever becomes of the answer inside.
            res.set_header("Vary", "Origin").before_head(vary)
        origin = req.environ.get("HTTP_ORIGIN")
        if origin is None or (allowed is not None and origin not in allowed):
            return next()
        res.set_header("Access-Control-Allow-Origin", "*" if allowed is None else origin)
        if credentials:
            res.set_header("Access-Control-Allow-Credentials", "true")
        if req.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in req.environ:
            _answer_preflight(req, res)
            return None
        if exposed:
            res.set_header("Access-Control-Expose-Headers", exposed)
        return next()

    def vary(res: Response) -> None:
        res.set_header("Vary", "Origin")

    def _answer_preflight(req: Request, res: Response) -> None:
        for name, value in preflight.items():
            res.set_header(name, value)
        asked = req.environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
        if fixed_headers is not None:
            res.set_header("Access-Control-Allow-Headers", fixed_headers)
        elif asked:
            res.set_header("Vary", "Access-Control-Request-Headers")
            names = ", ".join(name for name in _members(asked) if is_token(name))
            if names:
                res.set_header("Access-Control-Allow-Headers", names)
        res.status(204).end()

    return middleware


def _origins(origins: Sequence[str] | str, credentials: bool) -> frozenset[str] | None:
    """The allowed origins, None for all."""
    if origins == "*" or list(origins) == ["*"]:
        if credentials:
            raise ValueError("with credentials, name the origins: any page could read the answers otherwise")
        return None
    if isinstance(origins, str):
        raise ValueError(f'origins is "*" or a list of origins, not {origins!r}')
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is not an origin such as 'https://example.com', without a path")
    return frozenset(origins)


def _members(line: str) -> list[str]:
    """The members of a list (RFC 9110 section 5.6.1)."""
    return [member for part in line.split(",") if (member := part.strip(" \t"))]
