"""What http.py asks of a server: requests, over how many connections, and the content of the responses.

`LOADS` holds them by name. A path of the async handlers begins with /api/async.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.workloads import Request, Response, get, json_echo, post

# The kind of handler: for OWN the one that suits the interface, async under ASGI.
SYNC, ASYNC, OWN = "sync", "async", "own"

HELLO = {"message": "Hello"}
FILE = b"0123456789abcde\n" * (1_000_000 // 16)
EVENTS = [{"number": number} for number in range(20)]


@dataclass(frozen=True)
class Load:
    """A request that is sent again and again, over each of these numbers of connections."""

    name: str
    title: str
    handler: str
    request: Request
    connections: tuple[int, ...]
    read: Callable[[bytes], Any] = json.loads
    needs_cache: bool = False

    def path(self, asgi: bool) -> str:
        path: str = self.request.environ["PATH_INFO"]
        is_async = self.handler == ASYNC or (self.handler == OWN and asgi)
        return path.replace("/api/", "/api/async/") if is_async else path


def raw_request(request: Request, path: str) -> bytes:
    """Return a request to another path as it is sent."""
    environ = request.environ
    lines = [f"{environ['REQUEST_METHOD']} {path} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            lines.append(f"{name.removeprefix('HTTP_').replace('_', '-').title()}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.content


def read_events(content: bytes) -> list[Any]:
    """Return the data of server-sent events, which must be JSON."""
    lines = content.decode().splitlines()
    return [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]


def _upload() -> Request:
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    head = 'Content-Disposition: form-data; name="file"; filename="note.txt"\r\nContent-Type: text/plain'
    content = f"--{boundary}\r\n{head}\r\n\r\n".encode() + FILE + f"\r\n--{boundary}--\r\n".encode()
    required = Response(200, {"filename": "note.txt", "size": len(FILE)})
    return post("/api/upload", f"multipart/form-data; boundary={boundary}", content, required)


_HELLO = get("/api/hello", Response(200, HELLO))
_WAIT_5 = get("/api/wait5", Response(200, HELLO))
_CACHED_5 = get("/api/cached5", Response(200, HELLO))
_WAIT_50 = get("/api/wait50", Response(200, HELLO))
_ECHO = json_echo().requests[0]
_EVENTS = get("/api/events", Response(200, EVENTS))

LOADS = {
    load.name: load
    for load in (
        Load("json", "JSON, sync handler", SYNC, _HELLO, (8, 64, 512)),
        Load("json_async", "JSON, async handler", ASYNC, _HELLO, (8, 64, 512)),
        Load("echo", "JSON of 300 bytes, echoed", OWN, _ECHO, (64,)),
        Load("wait5", "a wait of 5 ms, sync handler", SYNC, _WAIT_5, (64,)),
        Load("cached5", "the same handler, cached", SYNC, _CACHED_5, (64,), needs_cache=True),
        Load("wait5_async", "a wait of 5 ms, async handler", ASYNC, _WAIT_5, (64,)),
        Load("wait50", "a wait of 50 ms, sync handler", SYNC, _WAIT_50, (512,)),
        Load("wait50_async", "a wait of 50 ms, async handler", ASYNC, _WAIT_50, (512,)),
        Load("upload", "a file of 1 MB received", OWN, _upload(), (8,)),
        Load("events", "20 server-sent events", OWN, _EVENTS, (8,), read_events),
    )
}
