"""An id for each request, to find it in logs (from W3C Trace Context, if the client sends one).

In: requests. Out: `req.context["request_id"]`, a response header, and the fields of log records. An id from
the client is used only if it is harmless.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.logs import fields_of, sent_request_id
from apiroutes.middleware.log_context import call_with_fields
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["request_id"]


def request_id(header: str = "X-Request-ID", *, trust_client: bool = True) -> Middleware:
    """Give each request an id: the trace-id of `traceparent`, the client's own, or a new one.

    The id is in `req.context["request_id"]`, in a response header, and in all log records of the request. An
    id from the client is used only if it is harmless: up to 128 letters, digits, `.`, `_` and `-`.

    Args:
        header: The header that contains the id, in requests and responses.
        trust_client: Whether to use an id that the client sends; if False, the id is always new.
    """
    key = "HTTP_" + header.upper().replace("-", "_")

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        identifier = sent_request_id(req.environ, key) if trust_client else None
        identifier = identifier or secrets.token_hex(16)
        req.context["request_id"] = identifier
        res.set_header(header, identifier)
        return call_with_fields(fields_of(req, identifier), res, next)

    return middleware
