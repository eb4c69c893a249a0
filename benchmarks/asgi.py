"""Requests as an ASGI 3 server passes them, and calls that are driven by hand.

`ASGI_WORKLOADS` holds the workloads by name: those of WSGI, to handlers that are async throughout.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import replace
from typing import Any

from benchmarks.workloads import Environ, Request, Workload, json_echo, static_json

Message = MutableMapping[str, Any]
ASGIApplication = Callable[..., Coroutine[Any, Any, None]]
Call = Callable[[], Coroutine[Any, Any, None]]


class SuspendedError(Exception):
    """The application waits for something, so that a loop would have to drive it."""


class DifferentMessagesError(Exception):
    """The messages are not the response of the workload."""


def scope_of(environ: Environ) -> Message:
    """Return the scope of the request that a WSGI server passes with this environ."""
    headers = [
        (name.removeprefix("HTTP_").lower().replace("_", "-").encode(), value.encode())
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": "http",
        "path": environ["PATH_INFO"],
        "raw_path": environ["PATH_INFO"].encode(),
        "query_string": environ["QUERY_STRING"].encode(),
        "root_path": "",
        "headers": headers,
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 53124),
    }


def prepared_call(application: ASGIApplication, request: Request, sent: list[Message]) -> Call:
    """Return a function that calls the application once; the messages that it sends go to `sent`."""
    scope = scope_of(request.environ)

    async def receive() -> Message:
        return {"type": "http.request", "body": request.content, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    return lambda: application(scope, receive, send)


def drive(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits to its end. Raises SuspendedError if it does."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise SuspendedError


def check_messages(workload: Workload, sent: list[Message]) -> None:
    """Raise DifferentMessagesError unless the messages are the workload's response."""
    required = workload.requests[0].required
    content = b"".join(message.get("body", b"") for message in sent)
    if sent[0].get("status") != required.status or json.loads(content) != required.body:
        raise DifferentMessagesError(f"{workload.name}: {sent}")


def by_asgi(make: Callable[[], Workload]) -> Callable[[], Workload]:
    """Return the workload that asks for the same of an async handler."""

    def make_by_asgi() -> Workload:
        workload = make()
        (request,) = workload.requests
        path = request.environ["PATH_INFO"].replace("/api/", "/api/async/")
        request = replace(request, environ={**request.environ, "PATH_INFO": path, "RAW_URI": path})
        return replace(
            workload, name=f"{workload.name}a", requests=(request,), group="by ASGI, async handler"
        )

    return make_by_asgi


ASGI_WORKLOADS = {"W1a": by_asgi(static_json), "W3a": by_asgi(json_echo)}
