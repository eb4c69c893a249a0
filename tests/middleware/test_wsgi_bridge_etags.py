"""from_wsgi and the ETag of the App: what WSGI middleware sees of it, may do to it, and what is sent."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, from_wsgi
from tests.middleware.wsgi_middleware import Application, Gzip, Secure
from tests.support import call, project

SETTINGS: dict[str, dict[str, Any]] = {
    "strong": {"etag": True},
    "weak": {"etag": "weak"},
    "off": {"etag": False},
    "too large": {"etag_max_size": 99},
}
PREFIXES = {"strong": '"', "weak": 'W/"', "off": None, "too large": None}

HANDLER = "def GET(): return 'x' * 100\n"
OWN = "def GET(res): res.set_header('ETag', '\"mine\"').send('x' * 100)\n"


def wrapped(root: Path, kind: str, factory: Any, handler: str = HANDLER) -> App:
    return App(project(root, {"pages/api/x.py": handler}), middleware=[from_wsgi(factory)], **SETTINGS[kind])


def prefix_of(etag: str | None) -> str | None:
    return None if etag is None else etag[: etag.index('"') + 1]


class Changing:
    """Changes the content, or an ETag that it sees: to another one, or to none if `etag` is None."""

    def __init__(self, application: Application, change: Any = bytes, etag: str | None = "") -> None:
        self.application, self.change, self.etag = application, change, etag
        self.seen: list[str | None] = []

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        head: list[Any] = []
        content = self.change(b"".join(self.application(environ, lambda *given: head.extend(given))))
        status, headers = head[:2]
        self.seen.append(dict(headers).get("ETag"))
        dropped = {"content-length"} if self.etag == "" else {"content-length", "etag"}
        headers = [line for line in headers if line[0].lower() not in dropped]
        if self.etag:
            headers.append(("ETag", self.etag))
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [content]


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_response_that_it_leaves_alone_is_as_without_it(tmp_path: Path, kind: str) -> None:
    bare = App(project(tmp_path / "bare", {"pages/api/x.py": HANDLER}), **SETTINGS[kind])
    app, etag = wrapped(tmp_path, kind, Secure), call(bare).header("ETag")
    assert (call(app).header("ETag"), prefix_of(etag)) == (etag, PREFIXES[kind])
    for wanted in ("*", etag or '"a"', f"W/{etag}"):
        headers = [("If-None-Match", wanted)]
        assert call(app, headers=headers).status == call(bare, headers=headers).status


@pytest.mark.parametrize("kind", SETTINGS)
def test_it_sees_the_etag(tmp_path: Path, kind: str) -> None:
    instances: list[Changing] = []

    def factory(application: Application) -> Changing:
        instances.append(Changing(application))
        return instances[0]

    etag = call(wrapped(tmp_path, kind, factory)).header("ETag")
    assert (instances[0].seen, prefix_of(etag)) == ([etag], PREFIXES[kind])


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_other_bytes_have_another_etag_of_the_same_kind(tmp_path: Path, kind: str, method: str) -> None:
    app, accept = wrapped(tmp_path, kind, Gzip), [("Accept-Encoding", "gzip")]
    plain, packed, again = call(app), call(app, headers=accept), call(app, headers=accept)
    assert gzip.decompress(packed.body) == plain.body
    assert [prefix_of(answer.header("ETag")) for answer in (plain, packed)] == [PREFIXES[kind]] * 2
    assert packed.header("ETag") == again.header("ETag")
    if PREFIXES[kind]:
        assert plain.header("ETag") != packed.header("ETag")
        etag = packed.header("ETag") or ""
        assert call(app, method, headers=[*accept, ("If-None-Match", etag)]).status == 304
        assert call(app, method, headers=[("If-None-Match", etag)]).status == 200


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("handler", [HANDLER, OWN])
@pytest.mark.parametrize("etag", ['"theirs"', 'W/"theirs"'])
def test_an_etag_that_it_sets_stays_and_is_compared(
    tmp_path: Path, kind: str, handler: str, etag: str
) -> None:
    app = wrapped(tmp_path, kind, lambda application: Changing(application, etag=etag), handler)
    assert call(app).header("ETag") == etag
    statuses = [call(app, headers=[("If-None-Match", tag)]).status for tag in (etag, '"theirs"', '"mine"')]
    assert statuses == [304, 304, 200]


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_handlers_etag_stays_through_it(tmp_path: Path, kind: str) -> None:
    app = wrapped(tmp_path, kind, Changing, OWN)
    answer = call(app, headers=[("If-None-Match", '"mine"')])
    assert (answer.status, answer.header("ETag")) == (304, '"mine"')


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("handler", [HANDLER, OWN])
def test_an_etag_that_it_removes_is_not_made_anew(tmp_path: Path, kind: str, handler: str) -> None:
    app = wrapped(tmp_path, kind, lambda application: Changing(application, etag=None), handler)
    assert call(app).header("ETag") is None
    was_tagged = handler is OWN or PREFIXES[kind] is not None
    assert call(app, headers=[("If-None-Match", "*")]).status == (200 if was_tagged else 304)


@pytest.mark.parametrize(("size", "prefix"), [(98, '"'), (99, '"'), (100, None)])
def test_content_that_it_has_made_too_large_has_no_etag(
    tmp_path: Path, size: int, prefix: str | None
) -> None:
    def factory(application: Application) -> Changing:
        return Changing(application, lambda content: content.ljust(size, b"x"))

    app = wrapped(tmp_path, "too large", factory, "def GET(): return 'x'\n")
    assert prefix_of(call(app).header("ETag")) == prefix
