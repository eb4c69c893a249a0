"""from_wsgi: streams stay streams, and `write` writes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, from_wsgi
from apiroutes.errors import ResponseAborted
from apiroutes.streams import close
from tests.middleware.wsgi_middleware import (
    KINDS,
    Application,
    Buffer,
    app_with,
    nowhere,
    outside,
)
from tests.support import call, environ, project

# -- streams stay streams


@pytest.mark.parametrize("kind", ["one", "a generator", "two", "a copied environ", "one between steps"])
def test_a_stream_stays_a_stream(tmp_path: Path, kind: str) -> None:
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


def test_a_stream_that_it_ignores_is_closed(tmp_path: Path) -> None:
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
def test_a_stream_that_is_too_short_is_cut_off(tmp_path: Path, kind: str, is_cut: bool) -> None:
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


def test_its_writes_leave_with_headers_set_outside_and_by_hooks(tmp_path: Path) -> None:
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


def test_its_writes_are_not_sent_on_head(tmp_path: Path) -> None:
    answer = call(app_with(tmp_path, from_wsgi(Writing)), "HEAD", "/api/x?do=stream")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_of_a_written_response_has_no_length(tmp_path: Path, kind: str) -> None:
    answer = call(app_with(tmp_path, *KINDS[kind]()), "HEAD", "/api/x?do=write")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", None)


def test_a_buffered_write_can_be_changed_outside(tmp_path: Path) -> None:
    answer = call(app_with(tmp_path, outside, from_wsgi(Buffer)), target="/api/x?do=write")
    assert (answer.body, answer.header("X-Status")) == (b"ab", "200")
