"""Headers that restrict what a browser does with a response.

In: the headers to change or leave out. Out: middleware that sets the headers before the handler runs, which
may set its own. Raises ValueError at start for an invalid header value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["security_headers"]

# For an API: a response is never a page, and is never shown in a frame.
_DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def security_headers(
    overrides: Mapping[str, str | None] | None = None, *, hsts: int | None = None
) -> Middleware:
    """Set headers that restrict what a browser does with a response; a handler may set its own.

    They are `X-Content-Type-Options: nosniff`, `X-Frame-Options: DENY`, `Referrer-Policy: no-referrer`,
    `Content-Security-Policy: default-src 'none'; frame-ancestors 'none'` and `Cross-Origin-Resource-Policy:
    same-origin`. Raises ValueError for an invalid header value.

    Args:
        overrides: Other values, by header name; None leaves a header out.
        hsts: How many seconds browsers use only HTTPS for this host and its subdomains
            (`Strict-Transport-Security`); None for no such header. It is sent only over HTTPS (RFC 6797
            section 7.2).
    """
    headers = {name.lower(): (name, value) for name, value in _DEFAULTS.items()}
    for name, value in (overrides or {}).items():
        headers.pop(name.lower(), None)
        if value is not None:
            headers[name.lower()] = (name, value)
    secure = None if hsts is None else f"max-age={int(hsts)}; includeSubDomains"
    check = Response()
    for name, value in headers.values():
        check.set_header(name, value)

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        for name, value in headers.values():
            res.set_header(name, value)
        if secure is not None and req.scheme == "https":
            res.set_header("Strict-Transport-Security", secure)
        return next()

    return middleware
