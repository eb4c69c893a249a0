"""The types that several files of the package share, each defined once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

__all__ = [
    "ASGIFunction",
    "ROUTE",
    "Environ",
    "FaultObserver",
    "HeaderList",
    "Middleware",
    "Params",
    "StartResponse",
    "WSGIApplication",
]

# PEP 3333's types.
Environ = dict[str, Any]
HeaderList = list[tuple[str, str]]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApplication = Callable[..., Iterable[bytes]]

# An ASGI 3 application: (scope, receive, send).
ASGIFunction = Callable[[Any, Any, Any], Awaitable[None]]

# The environ's key for the route's pattern, such as `/api/users/[id]`; None on a path without a route.
ROUTE = "apiroutes.route"

# Called with a server error, the request, and what happened, such as "failed".
FaultObserver = Callable[[BaseException, Any, str], object]

# (request, response, next), sync or async.
Middleware = Callable[..., Any]
# The parameters of a path, a query or a form, by name; a catch-all and a repeated name have a list.
Params = dict[str, "str | list[str]"]
