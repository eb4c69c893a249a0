"""from_wsgi: WSGI middleware sees every answer made inside of it, and nothing outside of it is lost."""

from __future__ import annotations

import gzip
import itertools
import sys
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from apiroutes import App, from_wsgi
from apiroutes.errors import ResponseAborted
from apiroutes.streams import close
from tests.support import call, environ, project

Application = Callable[..., Iterable[bytes]]


# -- WSGI middleware of the kinds that there are


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
seen = []
calls = []
class Chunks:
    def __init__(self, *chunks):
        self.chunks = iter(chunks)
    def __iter__(self):
        return self
    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk
    def close(self):
        seen.append("closed")
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
ROUTE = HANDLERS + "def GET(req, res): return answer(req, res)\ndef POST(body): return body\n"
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


def app_with(root: Path, *middleware: Any) -> App:
    return App(project_at(root), middleware=middleware)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The same project without middleware."""
    return app_with(tmp_path_factory.mktemp("bare"))


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


@pytest.fixture(scope="module", params=KINDS)
def wrapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_with(tmp_path_factory.mktemp("wrapped"), *KINDS[request.param]())


HAS_NO_TYPE = {"204", "304 of the handler's"}


@pytest.mark.parametrize(("request_", "status", "content"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("method", [None, "HEAD"])
def test_wsgi_middleware_sees_every_answer(
    wrapped: App, bare: App, request_: dict[str, Any], status: int, content: bytes | None, method: str | None
) -> None:
    if method == "HEAD" and ("method" in request_ or "broken" in request_.get("target", "")):
        return  # it has a method of its own, or is not asked for content by HEAD without middleware
    request_ = {"method": method or "GET", **request_}
    answer, plain = call(wrapped, **request_), call(bare, **request_)
    assert (answer.status, answer.header("X-Secure")) == (status, str(status))
    assert answer.body == plain.body
    if content is not None and method is None:
        assert answer.body == content
    # Everything else is as it was without it; what has been kept in memory has a length.
    kept = [] if plain.header("Content-Length") else ["content-length"]
    added = {"x-secure", "x-outer", *kept}
    assert sorted(line for line in answer.headers if line[0].lower() not in added) == sorted(plain.headers)


def test_a_504_has_what_was_set_outside(tmp_path: Path) -> None:
    def note(req: Any, res: Any, next: Any) -> None:
        res.set_header("X-Outer", "1")
        next()

    answer = call(app_with(tmp_path, note, from_wsgi(Secure)), target="/api/slow")
    assert (answer.status, answer.header("X-Outer")) == (504, "1")


# -- conditions are decided outside


def test_an_etag_is_of_the_bytes_that_are_sent(tmp_path: Path) -> None:
    app = app_with(tmp_path, from_wsgi(Gzip))
    plain, packed = call(app), call(app, headers=[("Accept-Encoding", "gzip")])
    assert (gzip.decompress(packed.body), packed.header("Content-Encoding")) == (b'"ok"', "gzip")
    assert len({plain.header("ETag"), packed.header("ETag"), None}) == 3
    assert packed.header("Content-Length") == str(len(packed.body))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_etag_of_compressed_content_is_current(tmp_path: Path, method: str, depth: int) -> None:
    app = app_with(tmp_path, *[from_wsgi(Secure), from_wsgi(Gzip)][-depth:])
    accept = ("Accept-Encoding", "gzip")
    packed, plain = call(app, headers=[accept]), call(app)
    current = [("If-None-Match", packed.header("ETag") or "")]
    answer = call(app, method, headers=[accept, *current])
    assert (answer.status, answer.body, answer.header("ETag")) == (304, b"", packed.header("ETag"))
    assert "Accept-Encoding" in (answer.header("Vary") or "")
    assert call(app, method, headers=current).status == 200
    assert call(app, method, headers=[accept, ("If-None-Match", plain.header("ETag") or "")]).status == 200


def head_changing(change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]], status: str = "") -> Any:
    """WSGI middleware that changes the headers."""

    def factory(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            def start(said: str, headers: Any, exc_info: Any = None) -> Any:
                return start_response(status or said, change(headers), exc_info)

            return application(environ, start)

        return middleware

    return from_wsgi(factory)


def with_etag(value: str | None) -> Any:
    def change(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        others = [line for line in headers if line[0].lower() != "etag"]
        return others if value is None else [*others, ("ETag", value)]

    return head_changing(change)


@pytest.mark.parametrize(("etag", "sent"), [('"mine"', '"mine"'), ('W/"weak"', 'W/"weak"'), (None, None)])
def test_an_etag_of_its_own_stays(tmp_path: Path, etag: str | None, sent: str | None) -> None:
    app = app_with(tmp_path, with_etag(etag))
    assert call(app).header("ETag") == sent
    status = 200 if etag is None else 304
    assert call(app, headers=[("If-None-Match", etag or "*")]).status == status


def test_the_handlers_own_etag_is_compared(tmp_path: Path) -> None:
    handler = "def GET(res): res.set_header('ETag', '\"mine\"').json('ok')\n"
    app = App(project(tmp_path, {"pages/api/x.py": handler}), middleware=[from_wsgi(Secure)])
    answer = call(app, headers=[("If-None-Match", '"mine"')])
    assert (answer.status, answer.header("ETag"), answer.header("X-Secure")) == (304, '"mine"', "200")


def test_a_304_that_it_decided_keeps_the_etag(tmp_path: Path) -> None:
    class Conditional:
        def __init__(self, application: Application) -> None:
            self.application = application

        def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            heads: list[Any] = []
            self.application(environ, lambda *head: heads.append(head))
            start_response("304 Not Modified", heads[0][1])
            return []

    app = app_with(tmp_path, from_wsgi(Conditional))
    answer = call(app)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("ETag") is not None


def test_a_part_keeps_the_etag_of_the_whole(tmp_path: Path, bare: App) -> None:
    def ranged(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            heads: list[Any] = []
            content = b"".join(application(environ, lambda *head: heads.append(head)))
            start_response("206 Partial Content", [*heads[0][1], ("Content-Range", "bytes 0-0/4")])
            return [content[:1]]

        return middleware

    answer = call(app_with(tmp_path, from_wsgi(ranged)))
    assert (answer.status, answer.body, answer.header("Content-Length")) == (206, b'"', "1")
    assert answer.header("ETag") == call(bare).header("ETag")


# -- what was set outside


def outside(req: Any, res: Any, next: Any) -> None:
    res.set_header("X-Outer", "1").set_header("Vary", "Origin").set_cookie("outer", "1")
    next()
    res.set_header("X-Status", res.status_code)


OWN_ANSWERS = [
    (Auth, {}, 401, b"who?"),
    (ErrorPage, {"target": "/api/x?do=500"}, 503, b"<p>sorry"),
]


@pytest.mark.parametrize(("factory", "request_", "status", "content"), OWN_ANSWERS)
def test_what_was_set_outside_stays_when_it_answers_itself(
    tmp_path: Path, factory: Any, request_: dict[str, Any], status: int, content: bytes
) -> None:
    answer = call(app_with(tmp_path, outside, from_wsgi(factory)), **request_)
    assert (answer.status, answer.body) == (status, content)
    assert (answer.header("X-Outer"), answer.header("Vary")) == ("1", "Origin")
    assert answer.all("Set-Cookie") == ["outer=1; Path=/"]
    assert answer.header("X-H") is None


def replacing(headers: list[tuple[str, str]]) -> Any:
    """WSGI middleware with these headers in place of all."""
    return head_changing(lambda given: headers)


@pytest.mark.parametrize(
    ("said", "name", "values"),
    [
        ([], "X-Outer", ["1"]),
        ([("x-outer", "mine")], "X-Outer", ["mine"]),
        ([], "Vary", ["Origin"]),
        ([("Vary", "Accept-Encoding")], "Vary", ["Origin, Accept-Encoding"]),
        ([("Vary", "origin, Cookie")], "Vary", ["Origin, Cookie"]),
        ([], "Set-Cookie", ["outer=1; Path=/"]),
        ([("Set-Cookie", "inner=1")], "Set-Cookie", ["inner=1", "outer=1; Path=/"]),
        ([("Set-Cookie", "outer=1; Path=/; Secure")], "Set-Cookie", ["outer=1; Path=/; Secure"]),
        ([], "X-H", []),
        ([], "Content-Type", []),
    ],
)
def test_it_changes_what_was_set_outside_and_cannot_drop_it(
    tmp_path: Path, said: list[tuple[str, str]], name: str, values: list[str]
) -> None:
    assert call(app_with(tmp_path, outside, replacing(said))).all(name) == values


def test_what_a_step_inside_has_removed_stays_removed(tmp_path: Path) -> None:
    def remove(req: Any, res: Any, next: Any) -> None:
        next()
        res.remove_header("X-Outer")

    assert call(app_with(tmp_path, outside, from_wsgi(Secure), remove)).header("X-Outer") is None


def test_steps_around_it_see_and_change_its_answer(tmp_path: Path) -> None:
    def around(req: Any, res: Any, next: Any) -> None:
        next()
        res.set_header("X-Saw", f"{res.status_code} {res.headers['X-Secure']} {res.body!r}").status(202)

    answer = call(app_with(tmp_path, around, from_wsgi(Secure)))
    assert (answer.status, answer.header("X-Saw"), answer.body) == (202, "200 200 b'\"ok\"'", b'"ok"')


def test_its_headers_stay_when_a_step_outside_replaces_the_answer(tmp_path: Path) -> None:
    def replace(req: Any, res: Any, next: Any) -> str:
        next()
        return "mine"

    cookie = head_changing(
        lambda given: [*given, ("Set-Cookie", "a=1"), ("Content-Encoding", "br"), ("X-\xe9", "\xe9")]
    )
    answer = call(app_with(tmp_path, replace, cookie, from_wsgi(Secure)))
    assert (answer.status, answer.body, answer.header("X-H")) == (200, b"mine", None)
    assert (answer.header("X-Secure"), answer.all("Set-Cookie")) == ("200", ["a=1"])
    assert (answer.header("Content-Encoding"), answer.header("ETag") is None) == (None, False)


# -- exceptions go on outward


@pytest.mark.parametrize(
    "name", ["400", "409", "418 of an exception's", "500", "500 of a stream", "500 of an error", "422", "413"]
)
@pytest.mark.parametrize("kind", ["one", "buffers", "a generator", "two", "one between steps"])
def test_an_exception_goes_on_outward_when_its_answer_was_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    raised: list[BaseException] = []

    def transaction(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except BaseException as error:
            raised.append(error)
            res.set_header("X-Done", f"rolled back {res.status_code}")
            raise

    request_, status, _ = ANSWERS[name]
    answer = call(app_with(tmp_path, transaction, *KINDS[kind]()), **request_)
    assert (len(raised), answer.status, answer.header("X-Secure")) == (1, status, str(status))
    assert answer.header("X-Done") == f"rolled back {status}"
    assert len([record for record in caplog.records if record.exc_info]) == (status == 500)


def test_a_step_outside_may_answer_instead(tmp_path: Path) -> None:
    def instead(req: Any, res: Any, next: Any) -> Any:
        try:
            next()
        except Exception as error:
            return {"error": str(error)}

    app = app_with(tmp_path, instead, from_wsgi(Secure))
    answer = call(app, target="/api/x?do=500")
    assert (answer.status, answer.json(), answer.header("X-Secure")) == (200, {"error": "fault"}, "500")
    answer = call(app, target="/api/x?do=401")
    assert (answer.status, answer.header("WWW-Authenticate"), answer.header("Cache-Control")) == (
        200,
        None,
        None,
    )


def test_another_exception_outside_is_the_answer(tmp_path: Path) -> None:
    def other(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except ValueError:
            raise LookupError("other") from None

    answer = call(app_with(tmp_path, other, from_wsgi(ErrorPage)), target="/api/x?do=500")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")


class Failing(Secure):
    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        content = super().__call__(environ, start_response)
        where = environ.get("HTTP_FAIL")
        if where == "call":
            raise ArithmeticError(where)
        for chunk in content:
            yield chunk
            if where == "chunk":
                raise ArithmeticError(where)


@pytest.mark.parametrize("where", ["call", "chunk"])
@pytest.mark.parametrize("do", ["json", "500", "401"])
def test_a_fault_of_its_own_drops_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, where: str, do: str
) -> None:
    app = app_with(tmp_path, outside, from_wsgi(Failing))
    answer = call(app, target=f"/api/x?do={do}", headers=[("Fail", where)])
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert (answer.header("X-Outer"), answer.header("X-H"), answer.header("WWW-Authenticate")) == (
        "1",
        None,
        None,
    )
    assert f"ArithmeticError: {where}" in caplog.text
    assert ("ValueError: fault" in caplog.text) == (do == "500")


@pytest.mark.parametrize("status", ["99 X", "100 Continue", "600 X", "x", ""])
def test_a_status_that_is_none_is_a_fault(tmp_path: Path, status: str) -> None:
    def factory(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            start_response(status, [])
            return []

        return middleware

    assert call(app_with(tmp_path, from_wsgi(factory))).status == 500


# -- twice


def test_one_that_calls_its_application_twice_runs_everything_inside_twice(tmp_path: Path) -> None:
    calls: list[int] = []

    def flaky(req: Any, res: Any, next: Any) -> None:
        calls.append(res.status_code)
        res.append_header("X-Run", str(len(calls))).set_cookie("run", str(len(calls)))
        res.before_head(lambda: res.append_header("X-Hook", str(len(calls))))
        if len(calls) == 1:
            res.status(202)
            next()
            raise ValueError
        next()

    answer = call(app_with(tmp_path, outside, from_wsgi(Retry), flaky))
    assert (answer.status, answer.body, calls) == (200, b'"ok"', [200, 200])
    assert (answer.all("X-Run"), answer.all("X-Hook")) == (["2"], ["2"])
    assert answer.all("Set-Cookie") == ["outer=1; Path=/", "run=2; Path=/"]


@pytest.mark.parametrize("request_", [{}, {"target": "/api/x?do=500"}, {"method": "POST", "body": b"{}"}])
def test_a_guard_inside_one_that_tries_again_guards_every_time(
    tmp_path: Path, request_: dict[str, Any]
) -> None:
    ran: list[int] = []

    def handler(req: Any, res: Any, next: Any) -> None:
        ran.append(1)
        next()

    app = app_with(tmp_path, from_wsgi(Retry), from_wsgi(Auth), handler)
    assert (call(app, **request_).status, ran) == (401, [])


def test_both_calls_see_the_same_body(tmp_path: Path) -> None:
    bodies: list[Any] = []

    def note(req: Any, res: Any, next: Any) -> None:
        bodies.append(req.body)
        if len(bodies) == 1:
            raise ValueError
        next()

    answer = call(app_with(tmp_path, from_wsgi(Retry), note), "POST", headers=JSON, body=b"[1]")
    assert (answer.json(), bodies) == ([1], [[1], [1]])


def test_the_first_streams_content_is_closed(tmp_path: Path) -> None:
    app = app_with(tmp_path, from_wsgi(Retry, "2"))
    assert call(app, target="/api/x?do=stream").body == b"ab"
    assert call(app, target="/api/seen").json() == ["closed", "closed"]


def test_the_exception_of_the_last_call_counts(tmp_path: Path) -> None:
    calls: list[int] = []

    def note(req: Any, res: Any, next: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError
        next()

    caught: list[BaseException] = []

    def catch(req: Any, res: Any, next: Any) -> None:
        try:
            next()
        except BaseException as error:
            caught.append(error)
            raise

    assert (call(app_with(tmp_path, catch, from_wsgi(Retry), note)).status, caught) == (200, [])


def test_one_function_in_two_places_is_two(tmp_path: Path) -> None:
    mark = from_wsgi(Secure)
    answer = call(app_with(tmp_path, mark, asynchronous, mark))
    assert (answer.status, answer.all("X-Secure")) == (200, ["200", "200"])


# -- streams stay streams


@pytest.mark.parametrize("kind", ["one", "a generator", "two", "a copied environ", "one between steps"])
def test_a_stream_stays_one(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, *KINDS[kind]())
    answer: Any = app(environ(target="/api/x?do=stream"), nowhere)
    chunks = iter(answer)
    assert next(chunks) == b"a"
    assert call(app, target="/api/seen").json() == []
    assert b"".join(chunks) == b"b"
    answer.close()
    assert call(app, target="/api/seen").json() == ["closed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_closed_when_the_client_leaves(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, *KINDS[kind]())
    answer: Any = app(environ(target="/api/x?do=stream"), nowhere)
    next(iter(answer))
    close(answer)
    assert call(app, target="/api/seen").json() == ["closed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_fails_is_closed(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, *KINDS[kind]())
    assert call(app, target="/api/x?do=broken").status == 500
    assert call(app, target="/api/seen").json() == ["closed"]


@pytest.mark.parametrize("kind", ["one", "a generator", "two"])
def test_a_stream_that_fails_late_is_cut_off(tmp_path: Path, kind: str) -> None:
    app = app_with(tmp_path, *KINDS[kind]())
    with pytest.raises(ResponseAborted):
        call(app, target="/api/x?do=late")
    assert call(app, target="/api/seen").json() == ["closed"]


def test_one_that_drops_a_stream_leaves_it_closed(tmp_path: Path) -> None:
    def dropping(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            content = application(environ, start_response)
            if environ["QUERY_STRING"]:
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"mine"]
            return content

        return middleware

    app = app_with(tmp_path, from_wsgi(dropping))
    assert call(app, target="/api/x?do=stream").body == b"mine"
    assert call(app, target="/api/seen").json() == ["closed"]


def test_a_stream_may_be_compressed_piece_by_piece(tmp_path: Path) -> None:
    def deflating(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            packer = zlib.compressobj()
            heads: list[Any] = []
            content = application(environ, lambda *head: heads.append(head))
            start_response(heads[0][0], [*heads[0][1], ("Content-Encoding", "deflate")])
            for chunk in content:
                yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
            yield packer.flush()

        return middleware

    answer = call(app_with(tmp_path, from_wsgi(deflating)), target="/api/x?do=stream")
    assert (zlib.decompress(answer.body), answer.header("Content-Length")) == (b"ab", None)


@pytest.mark.parametrize(("kind", "is_cut"), [("one", True), ("a generator", True), ("buffers", False)])
def test_a_stream_that_is_too_short_is_no_whole_answer(tmp_path: Path, kind: str, is_cut: bool) -> None:
    handler = "def GET(res):\n    res.set_header('Content-Length', 9)\n    return iter(['a'])\n"
    app = App(project(tmp_path, {"pages/api/x.py": handler}), middleware=KINDS[kind]())
    if is_cut:
        with pytest.raises(ResponseAborted):
            call(app)
    else:
        assert call(app).status == 500


def test_a_stream_that_is_too_long_is_cut_before_it_is_kept(tmp_path: Path) -> None:
    handler = "def GET(res):\n    res.set_header('Content-Length', 3)\n    return iter(['ab', 'cd'])\n"
    app = App(project(tmp_path, {"pages/api/x.py": handler}), middleware=KINDS["buffers"]())
    assert call(app).body == b"abc"


# -- write()


class Writing:
    """WSGI middleware that writes, as PEP 3333 lets it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        heads: list[Any] = []
        content = self.application(environ, lambda *head: heads.append(head))
        write = start_response(*heads[0][:2])
        for chunk in content:
            write(chunk)
        return [b"!"]


def test_what_it_writes_leaves_with_what_was_set_outside_and_before_the_head(tmp_path: Path) -> None:
    def hooked(req: Any, res: Any, next: Any) -> None:
        res.before_head(lambda: res.set_header("X-Hook", res.status_code))
        next()

    answer = call(app_with(tmp_path, hooked, outside, from_wsgi(Writing)), target="/api/x?do=stream")
    assert (answer.status, answer.body) == (200, b"ab!")
    assert (answer.header("X-Outer"), answer.header("X-Hook"), answer.header("X-Status")) == (
        "1",
        "200",
        None,
    )


def test_what_it_writes_is_not_sent_on_head(tmp_path: Path) -> None:
    answer = call(app_with(tmp_path, from_wsgi(Writing)), "HEAD", "/api/x?do=stream")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_of_what_is_written_has_no_length(tmp_path: Path, kind: str) -> None:
    answer = call(app_with(tmp_path, *KINDS[kind]()), "HEAD", "/api/x?do=write")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", None)


def test_what_was_kept_can_be_changed_outside(tmp_path: Path) -> None:
    answer = call(app_with(tmp_path, outside, from_wsgi(Buffer)), target="/api/x?do=write")
    assert (answer.body, answer.header("X-Status")) == (b"ab", "200")


# -- the length of a HEAD


def test_a_head_that_it_answers_keeps_its_length(tmp_path: Path) -> None:
    def static(application: Application) -> Application:
        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Type", "text/css"), ("Content-Length", "9")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"123456789"]

        return middleware

    app = app_with(tmp_path, from_wsgi(static))
    got, head = call(app), call(app, "HEAD")
    assert (got.body, head.body) == (b"123456789", b"")
    assert got.headers == head.headers


def test_one_that_says_the_wrong_length_of_content_in_memory_is_put_right(tmp_path: Path) -> None:
    def change(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [
            ("Content-Length", "99") if name == "Content-Length" else (name, value) for name, value in headers
        ]

    assert call(app_with(tmp_path, head_changing(change))).header("Content-Length") == "4"


# -- the whole, around the App and inside it, through a validator


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_valid_around_and_inside(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(req: Any, res: Any, next: Any) -> None:
        next()
        if res.get_header("Content-Type") is None and res.status_code not in (204, 304):
            res.set_header("Content-Type", "text/plain")

    app = validator(app_with(tmp_path, from_wsgi(Secure), from_wsgi(validator), typed))
    request_, status, _ = ANSWERS[name]
    assert call(app, **request_).status == status


@pytest.mark.parametrize("ends", ["raise", "res.send('caught')", "return 'caught'"])
def test_an_error_keeps_its_status_until_it_is_caught(tmp_path: Path, ends: str) -> None:
    source = (
        "def catch(req, res, next):\n    try:\n        next()\n    except Exception:\n"
        f"        {ends}\ndef middle(req, res, next):\n"
        "    try:\n        next()\n    finally:\n        res.status(200)\n"
    )
    made: dict[str, Any] = {}
    exec(source, made)
    steps = [made["catch"], made["middle"], from_wsgi(Secure)]
    answer = call(app_with(tmp_path, *steps), target="/api/x?do=500")
    assert (answer.status, answer.body) == (
        (500, b"Internal Server Error") if ends == "raise" else (200, b"caught")
    )


def test_many_requests_at_once_have_each_their_own(tmp_path: Path) -> None:
    def mark(req: Any, res: Any, next: Any) -> None:
        res.set_header("X-Before", req.headers["X-Id"])
        next()
        res.set_header("X-After", f"{res.status_code} {req.headers['X-Id']}").set_cookie(
            "id", req.headers["X-Id"]
        )

    source = (
        "from apiroutes import ApiError\nasync def GET(req):\n    identifier = req.headers['X-Id']\n"
        "    if int(identifier) % 3 == 0: raise ApiError(409, identifier)\n"
        "    return iter([identifier]) if int(identifier) % 3 == 1 else identifier\n"
    )
    steps = [
        from_wsgi(Copied, "X-Outer"),
        mark,
        asynchronous,
        from_wsgi(Lazy),
        asynchronous,
        from_wsgi(Retry, "5"),
    ]
    app = App(project(tmp_path, {"pages/api/x.py": source}), middleware=steps)

    def ask(number: int) -> bool:
        answer = call(app, headers=[("X-Id", str(number))])
        status = 409 if number % 3 == 0 else 200
        after = None if status == 409 else f"200 {number}"
        said = (answer.status, answer.body.decode(), answer.header("X-Before"), answer.header("X-After"))
        cookies = [] if after is None else [f"id={number}; Path=/"]
        return said == (status, str(number), str(number), after) and answer.all("Set-Cookie") == cookies

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(ask, range(1200)))
    finally:
        sys.setswitchinterval(interval)
