"""from_wsgi: WSGI middleware sees every response made inside it, and cannot drop what was set outside."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from apiroutes import App, from_wsgi
from tests.middleware.wsgi_middleware import (
    ANSWERS,
    KINDS,
    Application,
    Auth,
    Copied,
    ErrorPage,
    Gzip,
    Lazy,
    Retry,
    Secure,
    app_with,
    asynchronous,
    outside,
)
from tests.support import call, project


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> App:
    """The same project without middleware."""
    return app_with(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module", params=KINDS)
def wrapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_with(tmp_path_factory.mktemp("wrapped"), *KINDS[request.param]())


@pytest.mark.parametrize(("request_", "status", "content"), ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("method", [None, "HEAD"])
def test_wsgi_middleware_sees_every_response(
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


OWN_ANSWERS = [
    (Auth, {}, 401, b"who?"),
    (ErrorPage, {"target": "/api/x?do=500"}, 503, b"<p>sorry"),
]


@pytest.mark.parametrize(("factory", "request_", "status", "content"), OWN_ANSWERS)
def test_headers_set_outside_stay_when_it_responds_itself(
    tmp_path: Path, factory: Any, request_: dict[str, Any], status: int, content: bytes
) -> None:
    answer = call(app_with(tmp_path, outside, from_wsgi(factory)), **request_)
    assert (answer.status, answer.body) == (status, content)
    assert (answer.header("X-Outer"), answer.header("Vary")) == ("1", "Origin")
    assert answer.all("Set-Cookie") == ["outer=1; Path=/; HttpOnly; SameSite=Lax"]
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
        ([], "Set-Cookie", ["outer=1; Path=/; HttpOnly; SameSite=Lax"]),
        ([("Set-Cookie", "inner=1")], "Set-Cookie", ["inner=1", "outer=1; Path=/; HttpOnly; SameSite=Lax"]),
        ([("Set-Cookie", "outer=1; Path=/; Secure")], "Set-Cookie", ["outer=1; Path=/; Secure"]),
        ([], "X-H", []),
        ([], "Content-Type", []),
    ],
)
def test_it_can_change_but_not_drop_headers_set_outside(
    tmp_path: Path, said: list[tuple[str, str]], name: str, values: list[str]
) -> None:
    assert call(app_with(tmp_path, outside, replacing(said))).all(name) == values


def test_a_header_that_a_step_inside_removed_stays_removed(tmp_path: Path) -> None:
    def remove(req: Any, res: Any, next: Any) -> None:
        next()
        res.remove_header("X-Outer")

    assert call(app_with(tmp_path, outside, from_wsgi(Secure), remove)).header("X-Outer") is None


def test_steps_around_it_see_and_change_its_response(tmp_path: Path) -> None:
    def around(req: Any, res: Any, next: Any) -> None:
        next()
        res.set_header("X-Saw", f"{res.status_code} {res.headers['X-Secure']} {res.body!r}").status(202)

    answer = call(app_with(tmp_path, around, from_wsgi(Secure)))
    assert (answer.status, answer.header("X-Saw"), answer.body) == (202, "200 200 b'\"ok\"'", b'"ok"')


def test_its_headers_stay_when_a_step_outside_replaces_the_response(tmp_path: Path) -> None:
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


def test_a_wrong_length_of_content_in_memory_is_corrected(tmp_path: Path) -> None:
    def change(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [
            ("Content-Length", "99") if name == "Content-Length" else (name, value) for name, value in headers
        ]

    assert call(app_with(tmp_path, head_changing(change))).header("Content-Length") == "4"


# -- the whole, around the App and inside it, through a validator


@pytest.mark.parametrize("name", ANSWERS)
def test_every_response_is_valid_wsgi_around_and_inside(
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


def test_each_of_many_requests_gets_its_own_response(tmp_path: Path) -> None:
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
        cookies = [] if after is None else [f"id={number}; Path=/; HttpOnly; SameSite=Lax"]
        return said == (status, str(number), str(number), after) and answer.all("Set-Cookie") == cookies

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(ask, range(1200)))
    finally:
        sys.setswitchinterval(interval)
