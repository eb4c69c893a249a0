"""The error for a server that calls an application through the wrong interface, such as ASGI instead of WSGI.

In: an ASGI call. Out: what such a server awaits: a 500 response, and a log line with the remedy. In the
opposite case, the name of `ASGIApplication.__call__` tells the server.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

__all__ = ["CALLED_BY_WSGI", "is_asgi_scope", "refuse_asgi"]

_CALLED_BY_ASGI = (
    "An ASGI server calls this App, which is a WSGI application. Give the server `module:app.asgi` instead "
    "of `module:app`, or `apiroutes:create_asgi_app()` instead of `apiroutes:create_app()`; "
    "uvicorn and granian take `--factory apiroutes:create_asgi_app`."
)
# Python puts it before "() missing 1 required positional argument": its own check of a call costs nothing.
CALLED_BY_WSGI = (
    "ASGIApplication is for ASGI servers, but this server calls it through WSGI: give it the App itself, "
    "`module:app`, or `apiroutes:create_app()`. ASGIApplication.__call__"
)

_log = logging.getLogger("apiroutes")

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


def is_asgi_scope(environ: Mapping[str, Any]) -> bool:
    """Return whether a supposed environ is an ASGI scope; PEP 3333 requires REQUEST_METHOD."""
    return "REQUEST_METHOD" not in environ and "type" in environ


def refuse_asgi(scope: Mapping[str, Any], receive: Any, send: Any) -> Any:
    """Return what an ASGI server awaits after a call; ASGI 2 passes neither `receive` nor `send`."""
    if receive is not None:
        return _refuse(scope, receive, send)

    def instance(receive: _Receive, send: _Send) -> Coroutine[Any, Any, None]:
        return _refuse(scope, receive, send)

    return instance


async def _refuse(scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
    # Record: An ASGI server calls an App, which is a WSGI application: give the server `app.asgi`.
    _log.error(_CALLED_BY_ASGI)
    if scope["type"] != "http":  # servers work without a lifespan, and close a WebSocket
        raise TypeError(_CALLED_BY_ASGI)
    content = f"{_CALLED_BY_ASGI}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": content})
