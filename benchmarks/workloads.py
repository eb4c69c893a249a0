"""The workloads: requests, and the responses that every peer must give.

`WORKLOADS` holds them by name: each with the connection in its environ, as under gunicorn, and once more
without it, as under granian (W1g and so on), as apiroutes may then read content in another way. A workload is
a few requests as a WSGI server would pass them (an environ and the content) and, for each, the response that
is checked before anything is timed.
"""

from __future__ import annotations

import json
import random
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import FileWrapper

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
WSGIApplication = Callable[..., Iterable[bytes]]

# gunicorn puts the connection into the environ. This one is real, and its other end stays open.
_CONNECTION, _CLIENT = socket.socketpair()

# What the workloads of a table have in common.
CONNECTED, NOT_CONNECTED = "gunicorn.socket in the environ", "no gunicorn.socket"

# The applications of a peer.
USUAL, NUMBERED, WITHOUT_ETAG = "usual", "of numbered routes", "without ETag"
CACHED, SHARED = "with a cache in memory", "with a cache that workers share"

JSON = "application/json"
TEXT = "All the world's a stage, and all the men and women mere players\n" * 1600


@dataclass(frozen=True)
class Response:
    """The required response to a request; a `body` of None leaves the body to the peer."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request, before a server puts a fresh `wsgi.input` into a fresh copy of `environ`."""

    environ: Environ
    content: bytes
    required: Response


@dataclass(frozen=True)
class Workload:
    """Requests that are timed together, `calls` of them in a round, to the application of that name."""

    name: str
    title: str
    requests: tuple[Request, ...]
    calls: int = 200
    application: str = USUAL
    group: str = CONNECTED


@dataclass(frozen=True)
class NumberedRoute:
    """A route of W8: it responds with `{"route": number}`, and with `"id"` if its last segment is dynamic."""

    number: int
    path: str
    dynamic: bool


def gunicorn_environ(method: str, target: str, headers: Mapping[str, str], content: bytes) -> Environ:
    """Return the environ that gunicorn makes of a request from a typical HTTP client."""
    path, _, query = target.partition("?")
    environ: Environ = {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "gunicorn/27.0.1",
        "gunicorn.socket": _CONNECTION,
        "REQUEST_METHOD": method,
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "python-requests/2.32.5",
        "HTTP_ACCEPT": "*/*",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.8",
        "HTTP_CONNECTION": "keep-alive",
        "wsgi.url_scheme": "http",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "53124",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
    }
    environ.update({f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()})
    if content:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
        environ["CONTENT_LENGTH"] = str(len(content))
    return environ


def get(target: str, required: Response, headers: Mapping[str, str] | None = None) -> Request:
    return Request(gunicorn_environ("GET", target, headers or {}, b""), b"", required)


def post(target: str, content_type: str, content: bytes, required: Response) -> Request:
    return Request(
        gunicorn_environ("POST", target, {"Content-Type": content_type}, content), content, required
    )


def static_json() -> Workload:
    return Workload("W1", "static route, JSON", (get("/api/hello", Response(200, {"message": "Hello"})),))


def dynamic_and_query() -> Workload:
    required = Response(200, {"id": "42", "sort": "name", "page": "2"})
    return Workload("W2", "dynamic route, two query keys", (get("/api/users/42?sort=name&page=2", required),))


def json_echo() -> Workload:
    value = {
        "id": 7,
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "active": True,
        "score": 9.5,
        "manager": None,
        "tags": ["engine", "notes", "numbers"],
        "address": {"street": "2 St James's Square", "city": "London", "country": "UK"},
        "note": "The Analytical Engine weaves algebraical patterns, just as the loom weaves flowers.",
    }
    content = json.dumps(value, separators=(",", ":")).encode()
    request = post("/api/echo", JSON, content, Response(200, value))
    return Workload("W3", "JSON of 300 bytes, echoed", (request,))


def urlencoded_form() -> Workload:
    form = {"name": "Ada Lovelace", "email": "ada@example.org", "city": "London", "message": "Hello & hi"}
    content = urlencode(form).encode()
    request = post("/api/form", "application/x-www-form-urlencoded", content, Response(200, form))
    return Workload("W4", "urlencoded form of four keys", (request,))


def multipart_file() -> Workload:
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    head = 'Content-Disposition: form-data; name="file"; filename="note.txt"\r\nContent-Type: text/plain'
    file = "A small file, as forms have them.\n" * 16
    content = f"--{boundary}\r\n{head}\r\n\r\n{file}\r\n--{boundary}--\r\n".encode()
    required = Response(200, {"filename": "note.txt", "size": len(file)})
    request = post("/api/upload", f"multipart/form-data; boundary={boundary}", content, required)
    return Workload("W5", "multipart form, one small file", (request,))


def cookies_and_headers() -> Workload:
    cookie = "session=8f14e45fceea167a; theme=dark; visits=1"
    headers = {
        "x-request-id": "c9f0f895fb98",
        "cache-control": "no-store",
        "set-cookie": "visits=2; Path=/; HttpOnly",
    }
    required = Response(201, {"session": "8f14e45fceea167a", "theme": "dark"}, headers)
    return Workload("W6", "cookies, headers, 201", (get("/api/session", required, {"Cookie": cookie}),))


def not_found() -> Workload:
    return Workload("W7", "404", (get("/api/missing", Response(404, None)),))


def numbered_routes() -> list[NumberedRoute]:
    """Return the 1,000 routes of W8: half of them static, half with a dynamic last segment."""
    static = [f"/api/area{area}/list{item}" for area in range(50) for item in range(10)]
    dynamic = [f"/api/area{area}/item{item}" for area in range(50) for item in range(10)]
    routes = [NumberedRoute(number, path, False) for number, path in enumerate(static)]
    return routes + [NumberedRoute(number, path, True) for number, path in enumerate(dynamic, len(static))]


def thousand_routes() -> Workload:
    choice = random.Random(8)  # the same lookups in every run
    requests = []
    for route in choice.choices(numbered_routes(), k=200):
        if route.dynamic:
            value = str(choice.randrange(10_000))
            requests.append(get(f"{route.path}/{value}", Response(200, {"route": route.number, "id": value})))
        else:
            requests.append(get(route.path, Response(200, {"route": route.number})))
    return Workload("W8", "1,000 routes, random lookups", tuple(requests), application=NUMBERED)


def large_json() -> Workload:
    record = {"id": 1_000_000, "name": "Ada Lovelace", "tags": ["engine", "notes"], "score": 9.5, "ok": True}
    size = len(json.dumps(record, separators=(",", ":"))) + 1
    items = [{**record, "id": 1_000_000 + number} for number in range(1_000_000 // size)]
    content = json.dumps(items, separators=(",", ":")).encode()
    request = post("/api/import", JSON, content, Response(200, {"items": len(items)}))
    return Workload("W9", "1 MB of JSON received", (request,), calls=2)


def large_text() -> Workload:
    return Workload("W10", "100 KB of text sent", (get("/api/text", Response(200, TEXT)),), calls=50)


def large_text_without_etag() -> Workload:
    return replace(
        large_text(), name="W10n", title="W10 where nobody makes an ETag", application=WITHOUT_ETAG
    )


def cached_json() -> Workload:
    request = get("/api/cached", Response(200, {"message": "Hello"}))
    return Workload("W11", "W1 from a cache in memory", (request,), application=CACHED)


def shared_json() -> Workload:
    return replace(cached_json(), name="W11s", title="W1 from a cache that workers share", application=SHARED)


def without_connection(make: Callable[[], Workload]) -> Callable[[], Workload]:
    """Return the workload as granian passes it: its environ has no connection."""

    def make_without_connection() -> Workload:
        workload = make()
        requests = tuple(
            replace(request, environ={k: v for k, v in request.environ.items() if k != "gunicorn.socket"})
            for request in workload.requests
        )
        return replace(workload, name=f"{workload.name}g", requests=requests, group=NOT_CONNECTED)

    return make_without_connection


WITH_CONNECTION: dict[str, Callable[[], Workload]] = {
    "W1": static_json,
    "W2": dynamic_and_query,
    "W3": json_echo,
    "W4": urlencoded_form,
    "W5": multipart_file,
    "W6": cookies_and_headers,
    "W7": not_found,
    "W8": thousand_routes,
    "W9": large_json,
    "W10": large_text,
    "W10n": large_text_without_etag,
    "W11": cached_json,
    "W11s": shared_json,
}
WORKLOADS = WITH_CONNECTION | {f"{name}g": without_connection(make) for name, make in WITH_CONNECTION.items()}
