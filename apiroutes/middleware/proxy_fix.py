"""The X-Forwarded headers of trusted proxies, read by Werkzeug's ProxyFix.

In: the number of proxies in front. Out: middleware that takes scheme, host, client address and the
mount point from their X-Forwarded headers. Without it these headers are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from werkzeug.middleware.proxy_fix import ProxyFix

from apiroutes.middleware.wsgi_bridge import from_wsgi
from apiroutes.types import Environ, Middleware, StartResponse

__all__ = ["proxy_fix"]


def proxy_fix(
    *, x_for: int = 1, x_proto: int = 1, x_host: int = 0, x_port: int = 0, x_prefix: int = 0
) -> Middleware:
    """Trust the last `x_for`, `x_proto`, `x_host`, `x_port` and `x_prefix` values that proxies have added.

    With a number larger than that of the proxies, clients choose the value. `X-Forwarded-Prefix` is for a
    proxy that removes a prefix from the path: URLs and redirects get it back, routes are found without it.
    """
    return from_wsgi(
        _Mounted, x_prefix, x_for=x_for, x_proto=x_proto, x_host=x_host, x_port=x_port, x_prefix=0
    )


class _Mounted:
    """ProxyFix with the prefix put in front of SCRIPT_NAME, which ProxyFix itself would replace."""

    def __init__(self, application: Callable[..., Iterable[bytes]], trusted: int, **options: int) -> None:
        self._application = ProxyFix(application, **options)
        self._trusted = trusted

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        prefix = self._prefix(environ.get("HTTP_X_FORWARDED_PREFIX", ""))
        if prefix:
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        return self._application(environ, start_response)

    def _prefix(self, field: str) -> str:
        values = [value.strip().strip("/") for value in field.split(",")]
        if not self._trusted or len(values) < self._trusted or not values[-self._trusted]:
            return ""
        return "/" + values[-self._trusted]
