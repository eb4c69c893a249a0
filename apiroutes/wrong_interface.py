"""What a server is told that calls an application by the other interface, ASGI where it is WSGI's.

In: a call of ASGI. Out: what such a server awaits: a response 500, and a line of the log, with the remedy.
The other way round a server is told by the name of `ASGIApplication.__call__`.
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
    "ASGIApplication is for ASGI servers, and this one calls it by WSGI: give it the App itself, "
    "`module:app`, or `apiroutes:create_app()`. ASGIApplication.__call__"
)

_log = logging.getLogger("apiroutes")

_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


def is_asgi_scope(environ: Mapping[str, Any]) -> bool:
    """Return whether what should be an environ is a scope; PEP 3333 requires REQUEST_METHOD."""
    return "REQUEST_METHOD" not in environ and "type" in environ


def refuse_asgi(scope: Mapping[str, Any], receive: Any, send: Any) -> Any:
    """Return what an ASGI server awaits of a call; with neither `receive` nor `send`, as ASGI 2 has it."""
    if receive is not None:
        return _refuse(scope, receive, send)

    def instance(receive: _Receive, send: _Send) -> Coroutine[Any, Any, None]:
        return _refuse(scope, receive, send)

    return instance


async def _refuse(scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
    # Record: An ASGI server calls an App, which is a WSGI application: it is to be given `app.asgi`.
    _log.error(_CALLED_BY_ASGI)
    if scope["type"] != "http":  # servers do without a lifespan, and close a WebSocket
        raise TypeError(_CALLED_BY_ASGI)
    content = f"{_CALLED_BY_ASGI}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": content})
