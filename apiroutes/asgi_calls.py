"""The response of another ASGI application, as an async stream of its content.

In: an application and the environ of its request. Out: an async iterable, and a status and headers, which are
available with the first piece of content. Raises RuntimeError for an application that violates ASGI.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from apiroutes.errors import shown
from apiroutes.event_loop import in_request_thread
from apiroutes.types import ASGIFunction, Environ

__all__ = ["ASGICall"]

_log = logging.getLogger("apiroutes")

_CHUNK = 2**16


class ASGICall:
    """One call of an application. `head` is its status and headers, once it has sent them.

    The application is cancelled if its content is closed early. What it does after the end of its response,
    such as a background task, runs to completion.
    """

    def __init__(self, application: ASGIFunction, environ: Environ) -> None:
        self._application = application
        self._environ = environ
        self._is_received = False
        self.is_whole = False  # whether the application has sent everything
        self.head: tuple[int, list[tuple[str, str]]] | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # It holds one message, so that the application produces no more than the client accepts.
        messages: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(1)
        task = asyncio.create_task(self._run(messages))
        try:
            while not self.is_whole and (message := await messages.get()) is not None:
                if self.head is None:
                    self._take_head(message)
                    continue
                self.is_whole = not message.get("more_body", False)
                if content := bytes(message.get("body", b"")):
                    yield content
            if not self.is_whole:
                await task  # raises its error
                part = "its response" if self.head is None else "the end of its response"
                raise RuntimeError(f"the returned ASGI application ended before {part}")
        finally:
            if self.is_whole:
                _running.add(task)
                task.add_done_callback(_end_background)
            else:
                task.cancel()
                with contextlib.suppress(BaseException):
                    await task

    def _take_head(self, message: Mapping[str, Any]) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"the returned ASGI application sent {shown(message['type'])} first")
        status = int(message["status"])
        if not 200 <= status <= 599:
            raise RuntimeError(f"the returned ASGI application sent the status {shown(status)}")
        lines = [
            (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
            for name, value in message.get("headers", ())
        ]
        self.head = status, lines

    async def _run(self, messages: asyncio.Queue[Mapping[str, Any] | None]) -> None:
        try:
            await self._application(_scope_of(self._environ), self._receive, messages.put)
        except (KeyboardInterrupt, SystemExit) as error:  # of a task, which would end the loop
            raise RuntimeError(f"the returned ASGI application ended with {error!r}") from error
        finally:
            with contextlib.suppress(asyncio.QueueFull):
                messages.put_nowait(None)

    async def _receive(self) -> Mapping[str, Any]:
        """Return a piece of the request's content; after its end, wait for the end of the response."""
        if self._is_received:
            await asyncio.Event().wait()
        source = self._environ["wsgi.input"]
        piece: bytes = await in_request_thread(source.read, _CHUNK)
        self._is_received = len(piece) < _CHUNK
        return {"type": "http.request", "body": piece, "more_body": not self._is_received}


# asyncio itself does not keep tasks.
_running: set[asyncio.Task[None]] = set()


def _end_background(task: asyncio.Task[None]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        # Record: An ASGI application that a handler returned has raised an exception after its response was
        # complete.
        _log.error("a returned ASGI application failed after its response", exc_info=error)


def _scope_of(environ: Environ) -> dict[str, Any]:
    """Return the scope of a request: the server's own, or a scope made from the environ."""
    scope = environ.get("asgi.scope")
    if scope is not None:
        # Extensions are further messages, which nothing here understands.
        return {**scope, "extensions": {}}
    mount, path = (
        environ.get(name, "").encode("latin-1").decode("utf-8", "replace")
        for name in ("SCRIPT_NAME", "PATH_INFO")
    )
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or quote(mount + path)
    port = environ.get("SERVER_PORT", "")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").removeprefix("HTTP/"),
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": mount + path,
        "raw_path": target.partition("?")[0].encode("latin-1"),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": mount,
        "headers": list(_headers_of(environ)),
        "client": (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0)),
        "server": (environ.get("SERVER_NAME", ""), int(port) if port.isdigit() else None),
        "state": {},
    }


def _headers_of(environ: Environ) -> Iterator[tuple[bytes, bytes]]:
    for key, value in environ.items():
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value):
            name = key.removeprefix("HTTP_").replace("_", "-").lower()
            yield name.encode("latin-1"), value.encode("latin-1")
