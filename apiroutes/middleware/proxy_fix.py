"""The X-Forwarded headers of trusted proxies, read by Werkzeug's ProxyFix.

In: the number of proxies in front. Out: middleware that takes the scheme, host, client address and mount
point from their X-Forwarded headers. Without this middleware, these headers are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from apiroutes.chain import never_waits
from apiroutes.errors import shown
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.types import Environ, Middleware, StartResponse

__all__ = ["proxy_fix"]


def proxy_fix(
    *, x_for: int = 1, x_proto: int = 1, x_host: int = 0, x_port: int = 0, x_prefix: int = 0
) -> Middleware:
    """Take the scheme, host, client and mount point from the `X-Forwarded-*` headers of trusted proxies.

    Each argument is the number of proxies that add a value to the header: with `n`, the value n-th from the
    end is used, and 0 ignores the header. If the number is larger than the number of proxies, clients can
    forge the value. Raises TypeError and ValueError for anything else.

    Args:
        x_for: Number of values of `X-Forwarded-For`, the client's address.
        x_proto: Number of values of `X-Forwarded-Proto`, the scheme.
        x_host: Number of values of `X-Forwarded-Host`, the host.
        x_port: Number of values of `X-Forwarded-Port`, the port.
        x_prefix: Number of values of `X-Forwarded-Prefix`, for a proxy that removes a prefix from the path.
            The prefix is added to URLs and redirects again; routes are matched without it.
    """
    _check_numbers(x_for=x_for, x_proto=x_proto, x_host=x_host, x_port=x_port, x_prefix=x_prefix)
    # ProxyFix itself would replace SCRIPT_NAME with the prefix.
    fix = ProxyFix(_nothing, x_for=x_for, x_proto=x_proto, x_host=x_host, x_port=x_port, x_prefix=0)

    @never_waits
    def middleware(req: Request, res: Response, next: Callable[[], Any]) -> Any:
        environ = req.environ
        prefix = _prefix(environ.get("HTTP_X_FORWARDED_PREFIX", ""), x_prefix)
        if prefix:
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")
        fix(environ, _start_nothing)
        req._replace_environ(environ)
        return next()

    return middleware


def _check_numbers(**numbers: object) -> None:
    for name, number in numbers.items():
        if not isinstance(number, int) or number < 0:
            error = ValueError if isinstance(number, int) else TypeError
            raise error(
                f"proxy_fix({name}=...) takes a number of proxies, such as 1, or 0 to ignore the header, "
                f"not {shown(number)}"
            )


def _nothing(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Stand in for the application that ProxyFix calls after it has changed the environ."""
    return ()


def _start_nothing(*arguments: object) -> Callable[[bytes], object]:
    raise AssertionError("ProxyFix answers nothing itself")


def _prefix(field: str, trusted: int) -> str:
    values = [value.strip().strip("/") for value in field.split(",")]
    if not trusted or len(values) < trusted or not values[-trusted]:
        return ""
    return "/" + values[-trusted]
