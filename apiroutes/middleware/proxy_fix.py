"""What a trusted proxy says about the client, by Werkzeug's ProxyFix.

In: how many proxies are in front. Out: middleware that takes scheme, host and client address
from their X-Forwarded headers. Without it no such header means anything.
"""

from __future__ import annotations

from werkzeug.middleware.proxy_fix import ProxyFix

from apiroutes.declarations import Middleware
from apiroutes.middleware.wsgi_bridge import from_wsgi

__all__ = ["proxy_fix"]


def proxy_fix(*, x_for: int = 1, x_proto: int = 1, x_host: int = 0, x_port: int = 0) -> Middleware:
    """Trust the last `x_for`, `x_proto`, `x_host` and `x_port` values that proxies have added.

    A number larger than there are proxies lets clients choose. The path's prefix is left
    alone, because the routes have been matched by then.
    """
    return from_wsgi(ProxyFix, x_for=x_for, x_proto=x_proto, x_host=x_host, x_port=x_port, x_prefix=0)
