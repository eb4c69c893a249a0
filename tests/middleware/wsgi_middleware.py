"""Kinds of WSGI middleware, and a project whose handlers respond in every way."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

from apiroutes import App, from_wsgi
from tests.support import CHUNKS, project

Application = Callable[..., Iterable[bytes]]


class Secure:
    """Adds a header to every answer, by its own start_response."""

    def __init__(self, application: Application, name: str = "X-Secure") -> None:
        self.application, self.name = application, name

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, (self.name, status[:3])], exc_info)

        return self.application(environ, start)


class Buffer(Secure):
    """Keeps all until it has all, and tells the status from a list of its own."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        head: list[Any] = []
        chunks: list[bytes] = []

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            head[:] = status, headers
            return chunks.append

        content = self.application(environ, start)
        try:
            chunks += content
        finally:
            if hasattr(content, "close"):
                content.close()
        start_response(head[0], [*head[1], (self.name, head[0][:3])])
        return chunks


class Lazy(Secure):
    """A generator: nothing runs before the first chunk is asked for."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        yield from super().__call__(environ, start_response)


class Copied(Secure):
    """Hands on an environ of its own."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return super().__call__({**environ, "REMOTE_ADDR": "10.0.0.1"}, start_response)


class Gzip(Secure):
    """Compresses, with the time in it, as most do; streams piece by piece."""

    stamps = itertools.count(1)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        head: list[Any] = []

        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            head[:] = status, headers
            return None

        content = self.application(environ, start)
        if head[0][:3] in ("204", "304") or "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
            start_response(*head)
            return content
        packed = gzip.compress(b"".join(content), mtime=next(self.stamps))
        headers = [line for line in head[1] if line[0] != "Content-Length"]
        headers += [
            ("Content-Encoding", "gzip"),
            ("Vary", "Accept-Encoding"),
            ("Content-Length", str(len(packed))),
        ]
        start_response(head[0], headers)
        return [packed]


class Retry:
    """Calls its application a second time when the first answer is an error."""

    def __init__(self, application: Application, statuses: str = "45") -> None:
        self.application, self.statuses = application, statuses

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        heads: list[Any] = []

        def start(*head: Any) -> None:
            heads.append(head)

        content = self.application(environ, start)
        if heads[-1][0][0] in self.statuses:
            if hasattr(content, "close"):
                content.close()
            content = self.application(environ, start)
        start_response(*heads[-1][:2])
        return content


class Auth:
    """Answers by itself unless there is a key."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_KEY"):
            return self.application(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Basic")])
        return [b"who?"]


class ErrorPage(Secure):
    """Makes an answer of its own of every error."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        heads: list[Any] = []
        content = self.application(environ, lambda *head: heads.append(head))
        if heads[0][0][0] != "5":
            start_response(*heads[0][:2])
            return content
        start_response("503 Service Unavailable", [("Content-Type", "text/html"), ("X-Secure", "503")])
        return [b"<p>sorry"]


HANDLERS = """
import io, werkzeug
from apiroutes import ApiError, file, use
from werkzeug.exceptions import Conflict, abort
calls = []
def application(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/csv"), ("X-App", "1")])
    return [b"a,", b"b"]
def answer(req, res):
    calls.append(req.query.get("do"))
    do = req.query.get("do", "json")
    if do == "json": res.set_header("X-H", "h").json("ok")
    elif do == "201": res.status(201).send("made")
    elif do == "204": res.status(204)
    elif do == "304": res.status(304).set_header("ETag", '"e"').end()
    elif do == "400": raise ApiError(400, "bad", {"X-E": "e"})
    elif do == "401": raise ApiError(401, "who", {"WWW-Authenticate": "Basic"})
    elif do == "403": return werkzeug.Response("no", 403)
    elif do == "404": raise ApiError(404, "gone")
    elif do == "409": raise Conflict("twice")
    elif do == "418": abort(werkzeug.Response("teapot", 418))
    elif do == "500": raise ValueError("fault")
    elif do == "object": return object()
    elif do == "nothing": return None
    elif do == "302": res.redirect(302, "/there")
    elif do == "stream": return Chunks(b"a", b"", b"b")
    elif do == "broken": return Chunks(ValueError("fault"))
    elif do == "late": return Chunks(b"a", ValueError("fault"))
    elif do == "write": res.set_header("Content-Type", "text/plain").write("a"); res.end("b")
    elif do == "application": return application
    elif do == "file": return io.BytesIO(b"abc")
    elif do == "twice": res.json(1); res.json(2)
    elif do == "bad": raise ApiError(400, "x", {"X-E": "a\\nb"})
"""
ROUTE = CHUNKS + HANDLERS + "def GET(req, res): return answer(req, res)\ndef POST(body): return body\n"
TYPED = "config = {'api': {'bodyParser': {'sizeLimit': 8}}}\ndef POST(body: list[int]): return body\n"
SLOW = "import time\nconfig = {'maxDuration': 0.05}\ndef GET():\n    time.sleep(1)\n    return 1\n"
SEEN = "from . import x\ndef GET(): return x.seen\n"
JSON = [("Content-Type", "application/json")]

# (what is asked, the status, the content where it is one text)
ANSWERS: dict[str, tuple[dict[str, Any], int, bytes | None]] = {
    "200": ({}, 200, b'"ok"'),
    "201": ({"target": "/api/x?do=201"}, 201, b"made"),
    "204": ({"target": "/api/x?do=204"}, 204, b""),
    "304 of the handler's": ({"target": "/api/x?do=304"}, 304, b""),
    "302": ({"target": "/api/x?do=302"}, 302, b"/there"),
    "308": ({"target": "/api/x/"}, 308, b"/api/x"),
    "400": ({"target": "/api/x?do=400"}, 400, b"bad"),
    "400 of a path": ({"target": "/api/at/%ff"}, 400, b"Bad Request"),
    "400 of a body": ({"method": "POST", "headers": JSON, "body": b"{"}, 400, b"Invalid JSON"),
    "401": ({"target": "/api/x?do=401"}, 401, b"who"),
    "403": ({"target": "/api/x?do=403"}, 403, b"no"),
    "404": ({"target": "/api/x?do=404"}, 404, b"gone"),
    "404 of a path": ({"target": "/api/nope"}, 404, b"Not Found"),
    "405": ({"method": "PUT"}, 405, b"Method Not Allowed"),
    "409": ({"target": "/api/x?do=409"}, 409, b"twice"),
    "413": (
        {"target": "/api/typed", "method": "POST", "headers": JSON, "body": b"[" + b"1," * 9 + b"1]"},
        413,
        None,
    ),
    "418 of an exception's": ({"target": "/api/x?do=418"}, 418, b"teapot"),
    "422": ({"target": "/api/typed", "method": "POST", "headers": JSON, "body": b"{}"}, 422, None),
    "OPTIONS": ({"method": "OPTIONS"}, 204, b""),
    "500": ({"target": "/api/x?do=500"}, 500, b"Internal Server Error"),
    "500 of a value": ({"target": "/api/x?do=object"}, 500, b"Internal Server Error"),
    "500 of nothing": ({"target": "/api/x?do=nothing"}, 500, b"Internal Server Error"),
    "500 of a stream": ({"target": "/api/x?do=broken"}, 500, b"Internal Server Error"),
    "500 of an error": ({"target": "/api/x?do=bad"}, 500, b"Internal Server Error"),
    "stream": ({"target": "/api/x?do=stream"}, 200, b"ab"),
    "file": ({"target": "/api/x?do=file"}, 200, b"abc"),
    "written": ({"target": "/api/x?do=write"}, 200, b"ab"),
    "application": ({"target": "/api/x?do=application"}, 201, b"a,b"),
    "a first answer": ({"target": "/api/x?do=twice"}, 200, b"1"),
}


def nowhere(*head: Any) -> Callable[[bytes], object]:
    """A server that keeps nothing."""
    return lambda content: None


def project_at(root: Path) -> Path:
    at = "def GET(): return 1\n"
    return project(
        root,
        {
            "pages/api/x.py": ROUTE,
            "pages/api/seen.py": SEEN,
            "pages/api/typed.py": TYPED,
            "pages/api/slow.py": SLOW,
            "pages/api/at/[id].py": at,
        },
    )


def app_with(root: Path, *middleware: Any, **settings: Any) -> App:
    return App(project_at(root), middleware=middleware, **settings)


KINDS: dict[str, Callable[[], list[Any]]] = {
    "one": lambda: [from_wsgi(Secure)],
    "buffers": lambda: [from_wsgi(Buffer)],
    "a generator": lambda: [from_wsgi(Lazy)],
    "a copied environ": lambda: [from_wsgi(Copied)],
    "two": lambda: [from_wsgi(Secure, "X-Outer"), from_wsgi(Secure)],
    "two that buffer": lambda: [from_wsgi(Buffer, "X-Outer"), from_wsgi(Buffer)],
    "a generator in one that copies": lambda: [from_wsgi(Copied, "X-Outer"), from_wsgi(Lazy)],
    "one between steps": lambda: [asynchronous, from_wsgi(Secure), asynchronous],
    "a validator": lambda: [from_wsgi(validator), from_wsgi(Secure)],
    "in a validator": lambda: [from_wsgi(Secure), from_wsgi(validator)],
}


async def asynchronous(req: Any, res: Any, next: Any) -> None:
    await next()


def outside(req: Any, res: Any, next: Any) -> None:
    """Middleware around the WSGI middleware."""
    res.set_header("X-Outer", "1").set_header("Vary", "Origin").set_cookie("outer", "1")
    next()
    res.set_header("X-Status", res.status_code)
