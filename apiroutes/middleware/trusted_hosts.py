"""Only requests for this site's own hosts (RFC 9110 section 7.2).

In: host names. Out: middleware that answers 400 for the others, so that no link or redirect is
made from a Host header that a client invented. Raises ValueError at start without a host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import get_host

from apiroutes.declarations import Middleware
from apiroutes.errors import ApiError
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["trusted_hosts"]


def trusted_hosts(hosts: Sequence[str]) -> Middleware:
    """Serve `hosts` alone; a name with a leading dot stands for it and all below it."""
    if isinstance(hosts, str) or not hosts:
        raise ValueError(f"hosts is a list of host names, not {hosts!r}")
    trusted = list(hosts)

    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        try:
            get_host(req.scheme, req.headers.get("Host"), req.server, trusted)
        except SecurityError:
            raise ApiError(400, "Host is not trusted") from None
        return next()

    return middleware
