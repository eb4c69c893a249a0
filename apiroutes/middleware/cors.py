"""Cross-origin requests (the Fetch standard, section 3.2).

In: the origins that may read responses. Out: middleware that answers preflights and sets the headers of other
responses. Raises ValueError at start for values that browsers would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.errors import shown
from apiroutes.http import METHODS, is_token
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["cors"]

# Pages do not need OPTIONS: it is the method of preflights.
_METHODS = tuple(method for method in METHODS if method != "OPTIONS")
_ORIGIN = r"[a-z][a-z0-9+.-]*://[^/\s*]+"


def cors(
    origins: Sequence[str] | str,
    *,
    methods: Sequence[str] = _METHODS,
    allow_headers: Sequence[str] | None = None,
    expose_headers: Sequence[str] = (),
    credentials: bool = False,
    max_age: int = 600,
) -> Middleware:
    """Let pages from `origins` read the responses, and answer their preflights.

    Raises ValueError for invalid origins.

    Args:
        origins: "*" for all origins, or a list of origins such as "https://example.com".
        methods: The methods that pages may use.
        allow_headers: The request headers that pages may send; None allows the headers that a preflight asks
            for.
        expose_headers: The response headers that pages may read, besides the headers that they may always
            read.
        credentials: Whether browsers send cookies. If so, the origins must be listed: a wildcard would give
            every page access.
        max_age: How long browsers keep the response to a preflight, in seconds.
    """
    allowed = _origins(origins, credentials)
    answer_preflight = _preflight(methods, allow_headers, max_age)
    exposed = ", ".join(expose_headers)

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        if allowed is not None:
            # Also without an Origin, so that a cache keeps both variants apart, and for every response from
            # inside.
            res.set_header("Vary", "Origin").before_head(_vary_by_origin)
        origin = req.environ.get("HTTP_ORIGIN")
        if origin is None or (allowed is not None and origin not in allowed):
            return next()
        res.set_header("Access-Control-Allow-Origin", "*" if allowed is None else origin)
        if credentials:
            res.set_header("Access-Control-Allow-Credentials", "true")
        if req.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in req.environ:
            answer_preflight(req, res)
            return None
        if exposed:
            res.set_header("Access-Control-Expose-Headers", exposed)
        return next()

    # Pages that act for the user, whose requests `csrf()` lets pass.
    middleware.origins_with_credentials = allowed if credentials else ()  # type: ignore[attr-defined]
    return middleware


def _vary_by_origin(res: Response) -> None:
    res.set_header("Vary", "Origin")


def _preflight(
    methods: Sequence[str], allow_headers: Sequence[str] | None, max_age: int
) -> Callable[[Request, Response], None]:
    """Return the function that answers a preflight (the Fetch standard, section 3.2)."""
    headers = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Max-Age": str(int(max_age)),
    }
    allowed_headers = None if allow_headers is None else ", ".join(allow_headers)

    def answer_preflight(req: Request, res: Response) -> None:
        res.set_headers(headers)
        requested = req.environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
        if allowed_headers is not None:
            res.set_header("Access-Control-Allow-Headers", allowed_headers)
        elif requested:
            res.set_header("Vary", "Access-Control-Request-Headers")
            names = ", ".join(name for name in _members(requested) if is_token(name))
            if names:
                res.set_header("Access-Control-Allow-Headers", names)
        res.status(204).end()

    return answer_preflight


def _origins(origins: Sequence[str] | str, credentials: bool) -> frozenset[str] | None:
    """Return the allowed origins; None for all."""
    if origins == "*" or list(origins) == ["*"]:
        if credentials:
            raise ValueError(
                "with credentials, list the origins: otherwise any page could read the responses"
            )
        return None
    if isinstance(origins, str):
        raise ValueError(f'origins must be "*" or a list of origins, not {shown(origins)}')
    for origin in origins:
        if not re.fullmatch(_ORIGIN, origin):
            raise ValueError(
                f"{shown(origin)} is not an origin such as 'https://example.com', without a path"
            )
    return frozenset(origins)


def _members(line: str) -> list[str]:
    """Return the members of a list (RFC 9110 section 5.6.1)."""
    return [member for part in line.split(",") if (member := part.strip(" \t"))]
