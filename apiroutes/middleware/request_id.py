"""A name for each request, to find it in logs (W3C Trace Context, where the client sends it).

In: requests. Out: `req.context["request_id"]` and a header of the response. Raises nothing:
what a client sends is taken only when it is harmless.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from apiroutes.declarations import Middleware
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["request_id"]

_SENT = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Trace Context section 3.2.2: version, trace-id, parent-id, flags; all zeros is no trace-id.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def request_id(header: str = "X-Request-ID", *, trust_client: bool = True) -> Middleware:
    """Give each request an id: the trace-id of `traceparent`, the client's own, or a new one.

    With `trust_client` off it is always a new one.
    """
    key = "HTTP_" + header.upper().replace("-", "_")

    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        identifier = _sent(req.environ, key) if trust_client else None
        identifier = identifier or secrets.token_hex(16)
        req.context["request_id"] = identifier
        res.set_header(header, identifier)
        return next()

    return middleware


def _sent(environ: dict[str, Any], key: str) -> str | None:
    trace = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    if trace is not None:
        return trace[1]
    sent: str = environ.get(key, "")
    return sent if _SENT.fullmatch(sent) else None
