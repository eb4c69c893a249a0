"""One project with sync, async and mixed routes answers the same over WSGI and ASGI."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from apiroutes import App
from tests.asgi_server import AsWSGI
from tests.support import Answer, Extra, call, project

TAG = """
{define} tag(req, res, next):
    res.set_header("X-Tag", "before")
    try:
        {wait}next()
    finally:
        res.append_header("X-Tag", f"after {{res.status_code}}")
"""
BUILT_IN = """
from apiroutes.middleware import cors, proxy_fix, security_headers, trusted_hosts
built_in = [
    cors(["https://a.example"], credentials=True), security_headers(), proxy_fix(x_prefix=1),
    trusted_hosts(["localhost"]),
]
"""
HANDLERS = """
import dataclasses, datetime, pathlib
from apiroutes import ApiError, Event, event_stream, file, html, json, redirect, stream, text
from werkzeug.exceptions import ImATeapot
from werkzeug.wrappers import Response

@dataclasses.dataclass
class User:
    name: str
    age: int = 0

{define} GET(req, res, kind: str = "json", query=None):
    if kind == "json": return {{"a": [1, None, "\\u00e9"], "q": req.query, "c": req.cookies, "p": req.params}}
    if kind == "res": return res.status(201).set_header("X-A", "1").set_cookie("c", "\\u00e9").json([1])
    if kind == "text": return "text \\u00e9"
    if kind == "bytes": return b"\\x00\\xff"
    if kind == "none": return res.status(204)
    if kind == "nothing": return None
    if kind == "html": return html("<p>")
    if kind == "redirect": return redirect("/elsewhere?\\u00e9", 303)
    if kind == "teapot": raise ImATeapot("short")
    if kind == "forbidden": raise ApiError(403, "No", {{"X-Why": "because"}})
    if kind == "fault": raise RuntimeError("secret")
    if kind == "exit": raise SystemExit(3)
    if kind == "unsendable": return {{"a": object()}}
    if kind == "stream": return stream(iter(["a", b"b", "c"]))
    if kind == "empty": return stream(iter([]))
    if kind == "chunks": return ({generator})()
    if kind == "events": return event_stream(iter([Event({{"n": 1}}, id="7"), "two\\nlines", None]))
    if kind == "file": return file({path!r}, max_age=60)
    if kind == "attachment": return file({path!r}, as_attachment=True, download_name="\\u00e9.txt")
    if kind == "opened": return open({path!r}, "rb")
    if kind == "wsgi": return Response("from Werkzeug", 202, {{"X-B": "2"}})
    if kind == "asgi": return asgi_application
    if kind == "length": res.set_header("Content-Length", "3"); return stream(iter(["ab", "cd"]))
    if kind == "hook": res.before_head(lambda: res.set_header("X-Hook", "1")); return {{"a": 1}}
    if kind == "written": res.write("a"); res.write(b"b"); return None
    if kind == "etag": return res.set_header("ETag", '"own"').json(1)
    raise ApiError(404, kind)

async def async_chunks():
    for chunk in (b"x", "y"):
        yield chunk

def plain_chunks():
    yield b"x"
    yield "y"

async def asgi_application(scope, receive, send):
    headers = [(b"content-type", b"text/plain"), (b"x-c", b"3")]
    await send({{"type": "http.response.start", "status": 203, "headers": headers}})
    await send({{"type": "http.response.body", "body": b"from ", "more_body": True}})
    await send({{"type": "http.response.body", "body": b"ASGI"}})

{define} POST(req, res):
    files = [(name, file.filename, file.read().decode()) for name, file in req.files.items()]
    body = req.body if not isinstance(req.body, bytes) else req.body.decode("latin-1")
    return {{"body": body, "files": files}}

{define} PUT(body: User, notify: bool = False):
    return {{"user": body, "notify": notify, "at": datetime.date(2020, 1, 2)}}

middleware = [{middleware}]
"""
# fmt: off
KINDS = (
    "json", "res", "text", "bytes", "none", "nothing", "html", "redirect", "teapot", "forbidden", "fault",
    "exit", "unsendable", "stream", "empty", "chunks", "events", "file", "attachment", "opened", "wsgi",
    "asgi", "length", "hook", "written", "etag", "unknown",
)
# fmt: on
# The name of a route: how its handler is defined, and the middleware around it.
ROUTES = {
    "plain": ("def", ""),
    "coroutine": ("async def", ""),
    "plain_in_async": ("def", "async_tag"),
    "async_in_plain": ("async def", "tag"),
    "async_in_async": ("async def", "async_tag"),
    "async_in_built_in": ("async def", "*built_in"),
    "async_in_wsgi": ("async def", "from_wsgi(lambda application: application)"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    root = tmp_path_factory.mktemp("project")
    (root / "data.txt").write_text("0123456789" * 10)
    files = {}
    for name, (define, middleware) in ROUTES.items():
        generator = "async_chunks" if define == "async def" else "plain_chunks"
        files[f"pages/api/{name}/[[...id]].py"] = (
            "from apiroutes import from_wsgi\n"
            + TAG.format(define="def", wait="")
            + TAG.format(define="async def", wait="await ").replace("tag(", "async_tag(", 1)
            + BUILT_IN
            + HANDLERS.format(
                define=define, generator=generator, middleware=middleware, path=str(root / "data.txt")
            )
        )
    return App(project(root, files), max_query_keys=50, body_size_limit="1kb")


FORM = (
    b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
    b'--b\r\nContent-Disposition: form-data; name=f; filename="x.txt"\r\n\r\ncontent\r\n--b--\r\n'
)
FORM_TYPE = ("Content-Type", "multipart/form-data; boundary=b")
JSON_TYPE = ("Content-Type", "application/json")
# Method, the rest of the target, headers, content.
REQUESTS: list[tuple[str, str, list[tuple[str, str]], bytes]] = [
    *(("GET", f"?kind={kind}", [], b"") for kind in KINDS),
    *(("HEAD", f"?kind={kind}", [], b"") for kind in ("json", "stream", "file", "forbidden", "asgi", "none")),
    ("GET", "/a%2Fb/%C3%A9?x=1&x=2&y", [("Cookie", "a=b; c=%20")], b""),
    ("GET", "/%ff", [], b""),
    ("GET", "//a/", [], b""),
    ("GET", "?" + "&".join("k" * 60), [], b""),
    ("GET", "?kind=json", [("If-None-Match", "*")], b""),
    ("GET", "?kind=file", [("Range", "bytes=10-19")], b""),
    ("GET", "?kind=file", [("Range", "bytes=500-")], b""),
    ("GET", "?kind=forbidden", [("Accept", "application/json")], b""),
    ("GET", "?kind=json", [("Origin", "https://a.example"), ("X-Forwarded-Prefix", "/p")], b""),
    ("OPTIONS", "", [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")], b""),
    ("DELETE", "", [], b""),
    ("BREW", "", [], b""),
    ("POST", "", [JSON_TYPE], b'{"a": [1, 2.5, "\\u00e9"]}'),
    ("POST", "", [JSON_TYPE], b"{"),
    ("POST", "", [JSON_TYPE], b" " * 1025),
    ("POST", "", [FORM_TYPE], FORM),
    ("POST", "", [FORM_TYPE], FORM[:-9]),
    ("POST", "", [("Content-Type", "application/x-www-form-urlencoded")], b"a=1&a=2&b=%C3%A9"),
    ("POST", "", [("Content-Type", "text/plain; charset=latin-1")], b"\xe9"),
    ("POST", "", [("Content-Type", "image/png")], b"\x89"),
    ("POST", "", [("Content-Encoding", "gzip")], b"x"),
    ("POST", "", [], b""),
    ("PUT", "?notify=true", [JSON_TYPE], b'{"name": "Ada", "age": 3}'),
    ("PUT", "?notify=maybe", [JSON_TYPE], b'{"age": "three"}'),
]
# With content also chunked.
EXCHANGES = [
    (route, is_chunked, *request)
    for route, request, is_chunked in itertools.product(ROUTES, REQUESTS, (False, True))
    if request[3] or not is_chunked
]


def test_there_are_more_than_300_exchanges() -> None:
    assert len(EXCHANGES) > 300


def shown(answer: Answer) -> Any:
    """An answer with the header as ASGI has it, and without what is never the same."""
    headers = [(name.lower(), value) for name, value in answer.headers if name.lower() != "date"]
    return answer.status, headers, answer.body


@pytest.mark.parametrize(("route", "is_chunked", "method", "rest", "headers", "body"), EXCHANGES)
def test_both_interfaces_answer_the_same(
    app: App,
    route: str,
    is_chunked: bool,
    method: str,
    rest: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    extra = Extra({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None} if is_chunked else {})
    target = f"/api/{route}{rest}"
    by_wsgi, by_asgi = (
        call(interface, method, target, headers, body, **extra) for interface in (app, AsWSGI(app.asgi))
    )
    assert shown(by_asgi) == shown(by_wsgi)


def test_the_exchanges_cover_both_kinds_of_chains(app: App) -> None:
    on_loop = {
        resource.pattern for resource in app.resources.values() if resource.find_on_loop("GET") is not None
    }
    assert len(on_loop) == 3
    assert len(app.resources) == len(ROUTES)
