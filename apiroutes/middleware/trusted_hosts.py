"""A check that requests are for this site's own hosts (RFC 9110 section 7.2).

In: host names. Out: middleware that answers 400 to requests for other hosts, so that links and redirects are
never made from a forged Host header. Raises ValueError at start without a host, and for an invalid host name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.chain import never_waits
from apiroutes.errors import ApiError, shown
from apiroutes.http import listed_hosts, requested_host
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Middleware

__all__ = ["trusted_hosts"]


def trusted_hosts(hosts: Sequence[str]) -> Middleware:
    """Answer 400 to requests for hosts other than these.

    Letter case and ports are ignored. Raises ValueError without a host, and for an invalid host name.

    Args:
        hosts: The host names; a name with a leading dot matches that host and all its subdomains. Names may
            contain letters of any script and a port, which is ignored; IPv6 addresses may have brackets.
    """
    if isinstance(hosts, str) or not hosts:
        raise ValueError(f"hosts must be a list of host names, not {shown(hosts)}")
    names, parents = listed_hosts(hosts)

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        host = _host_of(req)
        if host is not None and (host in names or host.endswith(parents)):
            return next()
        raise ApiError(400, "Host is not trusted")

    return middleware


def _host_of(req: Request) -> str | None:
    """Return the host that the request is for; without a Host header (HTTP/1.0), the server's name."""
    requested = req.headers.get("Host")
    if requested is None:
        server = req.server
        if server is None or server[1] is None:
            return None
        requested = f"[{server[0]}]" if ":" in server[0] else server[0]
    return requested_host(requested)
