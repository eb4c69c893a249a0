"""WSGI by hand, with nothing but PEP 3333: no checks, no limits, no ETag; the floor of the table.

The two peers made from it differ only in how they read and write JSON. Queries, forms, cookies and the
multipart form are parsed just well enough for the workloads: the escapes are those of ASCII characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.workloads import TEXT, Environ, NumberedRoute, StartResponse, WSGIApplication

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]
Handler = Callable[[Environ, StartResponse], list[bytes]]
NumberedHandler = Callable[[StartResponse, str], list[bytes]]

JSON_TYPE = ("Content-Type", "application/json; charset=utf-8")
TEXT_TYPE = ("Content-Type", "text/plain; charset=utf-8")


CHARACTERS = {f"{code:02{case}}": chr(code) for code in range(128) for case in "xX"}


def read(environ: Environ) -> bytes:
    content: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return content


def read_query(query: str) -> dict[str, str]:
    """Read a query string or a urlencoded form whose names have no escapes."""
    pairs = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if "+" in value:
            value = value.replace("+", " ")
        if "%" in value:
            value, *rest = value.split("%")
            for part in rest:
                value += CHARACTERS[part[:2]] + part[2:]
        pairs[name] = value
    return pairs


def make_application(decode: Decode, encode: Encode) -> WSGIApplication:
    """Make the application for every workload but W8."""

    def hello(environ: Environ, start_response: StartResponse) -> list[bytes]:
        return send_json(start_response, {"message": "Hello"})

    def user(environ: Environ, start_response: StartResponse) -> list[bytes]:
        query = read_query(environ["QUERY_STRING"])
        user_id = environ["PATH_INFO"].rpartition("/")[2]
        return send_json(start_response, {"id": user_id, "sort": query["sort"], "page": query["page"]})

    def echo(environ: Environ, start_response: StartResponse) -> list[bytes]:
        return send_json(start_response, decode(read(environ)))

    def form(environ: Environ, start_response: StartResponse) -> list[bytes]:
        return send_json(start_response, read_query(read(environ).decode()))

    def upload(environ: Environ, start_response: StartResponse) -> list[bytes]:
        boundary = environ["CONTENT_TYPE"].partition("boundary=")[2]
        part = read(environ).split(f"--{boundary}".encode())[1]
        head, _, file = part[2:-2].partition(b"\r\n\r\n")
        filename = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        return send_json(start_response, {"filename": filename, "size": len(file)})

    def session(environ: Environ, start_response: StartResponse) -> list[bytes]:
        cookies = dict(pair.split("=", 1) for pair in environ["HTTP_COOKIE"].split("; "))
        headers = [
            ("X-Request-Id", "c9f0f895fb98"),
            ("Cache-Control", "no-store"),
            ("Set-Cookie", f"visits={int(cookies['visits']) + 1}; Path=/; HttpOnly"),
        ]
        value = {"session": cookies["session"], "theme": cookies["theme"]}
        return send_json(start_response, value, "201 Created", headers)

    def import_items(environ: Environ, start_response: StartResponse) -> list[bytes]:
        return send_json(start_response, {"items": len(decode(read(environ)))})

    def text(environ: Environ, start_response: StartResponse) -> list[bytes]:
        content = TEXT.encode()
        start_response("200 OK", [TEXT_TYPE, ("Content-Length", str(len(content)))])
        return [content]

    def send_json(
        start_response: StartResponse,
        value: Any,
        status: str = "200 OK",
        headers: Sequence[tuple[str, str]] = (),
    ) -> list[bytes]:
        content = encode(value)
        start_response(status, [JSON_TYPE, ("Content-Length", str(len(content))), *headers])
        return [content]

    static: dict[tuple[str, str], Handler] = {
        ("GET", "/api/hello"): hello,
        ("POST", "/api/echo"): echo,
        ("POST", "/api/form"): form,
        ("POST", "/api/upload"): upload,
        ("GET", "/api/session"): session,
        ("POST", "/api/import"): import_items,
        ("GET", "/api/text"): text,
    }

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        handler = static.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if handler is not None:
            return handler(environ, start_response)
        if environ["PATH_INFO"].startswith("/api/users/"):
            return user(environ, start_response)
        return not_found(start_response)

    return application


def make_numbered_application(encode: Encode, routes: Sequence[NumberedRoute]) -> WSGIApplication:
    """Make the application for W8: a dict of static paths, and one of paths before a dynamic segment."""

    def send_json(start_response: StartResponse, value: Any) -> list[bytes]:
        content = encode(value)
        start_response("200 OK", [JSON_TYPE, ("Content-Length", str(len(content)))])
        return [content]

    def make_handler(route: NumberedRoute) -> NumberedHandler:
        number = route.number
        if route.dynamic:
            return lambda start_response, value: send_json(start_response, {"route": number, "id": value})
        return lambda start_response, value: send_json(start_response, {"route": number})

    static = {route.path: make_handler(route) for route in routes if not route.dynamic}
    dynamic = {route.path: make_handler(route) for route in routes if route.dynamic}

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"]
        handler = static.get(path)
        if handler is not None:
            return handler(start_response, "")
        prefix, _, value = path.rpartition("/")
        handler = dynamic.get(prefix)
        if handler is not None:
            return handler(start_response, value)
        return not_found(start_response)

    return application


def not_found(start_response: StartResponse) -> list[bytes]:
    start_response("404 Not Found", [TEXT_TYPE, ("Content-Length", "9")])
    return [b"Not Found"]
