"""`file()`: what describes a file, its conditions and ranges (RFC 9110), and when it is closed."""

from __future__ import annotations

import os
import sys
import threading
import zlib
from collections.abc import Iterator
from email.utils import formatdate
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from apiroutes import App
from apiroutes.errors import ResponseAborted
from apiroutes.http.ranges import byte_ranges
from tests.support import Answer, Extra, call, environ, project

CONTENT = bytes(range(256)) * 2 + b"x" * 88  # 600 bytes, as in Starlette's tests
CHANGED = 1_600_000_000
DATE = "Sun, 13 Sep 2020 12:26:40 GMT"
BEFORE = "Sun, 13 Sep 2020 12:26:39 GMT"
AFTER = "Sun, 13 Sep 2020 12:26:41 GMT"

HANDLER = """
from apiroutes import file

def handler(req, res):
    for name, value in req.environ["said"].items():
        res.set_header(name, value)
    res.status(req.environ["status"])
    return file(req.environ["path"], **req.environ["with"])
"""
FILES = {
    "pages/api/x.py": HANDLER,
    "pages/api/limited.py": 'config = {"maxDuration": 60}\n' + HANDLER,
    "pages/api/coroutine.py": HANDLER.replace("def handler", "async def handler"),
    "pages/api/wrapped.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    return lambda environ, start_response: application(environ, start_response)

middleware = [from_wsgi(wsgi)]
""",
    "pages/api/chunked.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        content = application(environ, start_response)
        try:
            for chunk in content:
                yield chunk[:7]
                yield b""
                yield chunk[7:]
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi), from_wsgi(wsgi)]
""",
    "pages/api/buffered.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        content = application(environ, start_response)
        try:
            return [b"".join(content)]
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi)]
""",
    "pages/api/zipped.py": HANDLER
    + """
import zlib
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        def start(status, headers, *exc_info):
            headers = [line for line in headers if line[0] != "Content-Length"]
            return start_response(status, [*headers, ("Content-Encoding", "deflate")], *exc_info)
        content = application(environ, start)
        try:
            yield zlib.compress(b"".join(content))
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi)]
""",
}
EVERY_WAY = ["x", "limited", "coroutine", "wrapped", "chunked", "buffered"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("files"), FILES))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "data.bin"
    made.write_bytes(CONTENT)
    os.utime(made, (CHANGED, CHANGED))
    return made


def asked(
    path: Path | str,
    status: int = 200,
    said: dict[str, str] | None = None,
    **options: Any,
) -> Extra:
    """What the handlers above take from the environ."""
    return Extra({"path": path, "status": status, "said": said or {}, "with": options})


def get(
    app: App,
    path: Path | str,
    *headers: tuple[str, str],
    method: str = "GET",
    route: str = "x",
    **asking: Any,
) -> Answer:
    return call(app, method, f"/api/{route}", headers, **asked(path, **asking))


def etag_of(app: App, path: Path) -> str:
    etag = get(app, path).header("ETag")
    assert etag is not None
    return etag


# -- what describes a file


@pytest.mark.parametrize("route", EVERY_WAY)
def test_a_file_is_sent_whole_and_described(app: App, path: Path, route: str) -> None:
    answer = get(app, path, route=route)
    assert (answer.status, answer.body) == (200, CONTENT)
    described = {name: value for name, value in answer.headers if name != "ETag"}
    assert described == {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": 'inline; filename="data.bin"',
        "Content-Length": "600",
        "Cache-Control": "no-cache",
        "Last-Modified": DATE,
        "Accept-Ranges": "bytes",
    }
    assert len(answer.headers) == len(described) + 1


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 300_000])
def test_a_file_of_any_size_is_sent(app: App, path: Path, size: int) -> None:
    path.write_bytes(b"y" * size)
    answer = get(app, path)
    assert (answer.status, answer.body, answer.all("Content-Length")) == (200, b"y" * size, [str(size)])


@pytest.mark.parametrize(
    "headers", [[], [("Range", "bytes=1-2")], [("If-Range", '"x"'), ("Range", "bytes=1-2")]]
)
@pytest.mark.parametrize("route", EVERY_WAY)
def test_head_has_the_headers_of_get(app: App, path: Path, route: str, headers: list[Any]) -> None:
    """RFC 9110 section 14.2: a range is for GET alone."""
    answer = get(app, path, *headers, method="HEAD", route=route)
    whole = get(app, path, route=route)
    assert (answer.status, answer.headers, answer.body) == (200, whole.headers, b"")


TYPES = [
    ("a.txt", "text/plain; charset=utf-8", None),
    ("a.html", "text/html; charset=utf-8", None),
    ("a.css", "text/css; charset=utf-8", None),
    ("a.json", "application/json", None),
    ("a.PNG", "image/png", None),
    ("a.svg", "image/svg+xml", None),
    ("a", "application/octet-stream", None),
    ("a.unheard-of", "application/octet-stream", None),
    ("a.txt.gz", "text/plain; charset=utf-8", "gzip"),
    ("a.tar.bz2", "application/x-bzip2", None),
    ("a.tar.xz", "application/x-xz", None),
    ("a.gz", "application/gzip", None),
    ("data:text/html,.png", "image/png", None),
]


@pytest.mark.parametrize(("name", "media_type", "encoding"), TYPES)
def test_the_type_is_that_of_the_name(
    app: App, path: Path, name: str, media_type: str, encoding: str | None
) -> None:
    answer = get(app, path, download_name=name)
    assert (answer.header("Content-Type"), answer.header("Content-Encoding")) == (media_type, encoding)


def test_a_compressed_file_that_is_saved_is_saved_as_it_is(app: App, path: Path) -> None:
    answer = get(app, path, download_name="a.tar.gz", as_attachment=True)
    assert (answer.header("Content-Type"), answer.header("Content-Encoding")) == ("application/gzip", None)


GIVEN = [
    ("image/webp", "image/webp"),
    ("text/csv", "text/csv; charset=utf-8"),
    ("text/csv; Charset=latin-1", "text/csv; Charset=latin-1"),
]


@pytest.mark.parametrize(("media_type", "sent"), GIVEN)
def test_a_type_that_is_given_is_sent(app: App, path: Path, media_type: str, sent: str) -> None:
    answer = get(app, path, media_type=media_type, download_name="a.txt.gz")
    assert (answer.header("Content-Type"), answer.header("Content-Encoding")) == (sent, None)


def test_a_type_that_was_set_is_sent(app: App, path: Path) -> None:
    answer = get(app, path, headers={"Content-Type": "application/gzip"}, download_name="a.txt.gz")
    assert (answer.all("Content-Type"), answer.all("Content-Encoding")) == (["application/gzip"], [])


NAMES = [
    ("a.txt", '; filename="a.txt"'),
    ("a b;c.txt", '; filename="a b;c.txt"'),
    ("größe.txt", "; filename=\"große.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt".replace("ß", "_")),
    ("文件.txt", "; filename=\"__.txt\"; filename*=UTF-8''%E6%96%87%E4%BB%B6.txt"),
    ('a"b.txt', "; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
    ("a\\b.txt", "; filename=\"a_b.txt\"; filename*=UTF-8''a%5Cb.txt"),
    ("50%41.txt", "; filename=\"50_41.txt\"; filename*=UTF-8''50%2541.txt"),
    ("../a", "; filename=\".._a\"; filename*=UTF-8''..%2Fa"),
    ("a\r\nX: y\0.txt", '; filename="aX: y.txt"'),
    ("a\u202etxt.exe", '; filename="atxt.exe"'),
    ("\udcff.txt", '; filename=".txt"'),
    ("\n", ""),
]


@pytest.mark.parametrize(("name", "parameters"), NAMES)
@pytest.mark.parametrize("as_attachment", [False, True])
def test_a_name_is_said_in_ascii_and_whole(
    app: App, path: Path, name: str, parameters: str, as_attachment: bool
) -> None:
    answer = get(app, path, download_name=name, as_attachment=as_attachment)
    kind = "attachment" if as_attachment else "inline"
    assert answer.all("Content-Disposition") == [kind + parameters]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
@settings(deadline=None)
def test_a_name_is_read_as_it_was_said(app: App, name: str) -> None:
    printable = "".join(character for character in name if character.isprintable())
    said = get(app, __file__, download_name=name).header("Content-Disposition")
    assert parse_options_header(said) == ("inline", {"filename": printable} if printable else {})


@pytest.mark.parametrize(
    ("max_age", "sent"), [(None, "no-cache"), (0, "no-cache, max-age=0"), (60, "public, max-age=60")]
)
def test_a_file_is_kept_as_long_as_is_said(app: App, path: Path, max_age: int | None, sent: str) -> None:
    assert get(app, path, max_age=max_age).all("Cache-Control") == [sent]


@pytest.mark.parametrize("max_age", [-1, 1.5, True, "60"])
def test_a_max_age_that_is_no_number_of_seconds_is_a_fault(app: App, path: Path, max_age: Any) -> None:
    assert get(app, path, max_age=max_age).status == 500
    assert still_open(path) == 0


OWN = ["Content-Type", "Content-Disposition", "Cache-Control", "ETag", "Last-Modified", "Accept-Ranges"]


@pytest.mark.parametrize("name", OWN)
def test_a_header_of_the_call_takes_the_place_of_the_files_own(app: App, path: Path, name: str) -> None:
    answer = get(
        app, path, headers={name: "mine"}, media_type="image/png", max_age=1, said={name: "middleware's"}
    )
    assert answer.all(name) == ["mine"]


ARGUMENTS = [
    ("Content-Type", {"media_type": "image/png"}, "image/png"),
    ("Content-Disposition", {"as_attachment": True}, 'attachment; filename="data.bin"'),
    ("Cache-Control", {"max_age": 1}, "public, max-age=1"),
]


@pytest.mark.parametrize(("name", "options", "sent"), ARGUMENTS)
def test_an_argument_goes_before_what_was_set_earlier(
    app: App, path: Path, name: str, options: dict[str, Any], sent: str
) -> None:
    assert get(app, path, said={name: "x"}, **options).all(name) == [sent]


@pytest.mark.parametrize("name", ["Content-Type", "Cache-Control", "ETag", "Last-Modified"])
def test_what_was_set_earlier_goes_before_what_is_usual(app: App, path: Path, name: str) -> None:
    assert get(app, path, said={name: "earlier"}).all(name) == ["earlier"]


def test_the_length_is_always_the_files_own(app: App, path: Path) -> None:
    answer = get(app, path, said={"Content-Length": "1"}, headers={"Content-Length": "2"})
    assert (answer.all("Content-Length"), answer.body) == (["600"], CONTENT)


def test_a_file_from_the_future_was_changed_now(app: App, path: Path) -> None:
    """RFC 9110 section 8.8.2.1."""
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert "2096" not in (get(app, path).header("Last-Modified") or "")


# -- the ETag


def test_a_file_that_did_not_change_keeps_its_etag(app: App, path: Path) -> None:
    etag = etag_of(app, path)
    assert (etag_of(app, path), etag[0], etag[-1]) == (etag, '"', '"')


def rewrite(path: Path) -> None:
    path.write_bytes(CONTENT[::-1])


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(CONTENT[::-1])
    os.replace(other, path)


def grow(path: Path) -> None:
    path.write_bytes(CONTENT + b"x")


@pytest.mark.parametrize("change", [rewrite, replace, grow])
def test_a_file_that_changed_has_another_etag(app: App, path: Path, change: Any) -> None:
    """Also where the new content is as large and as old as the former."""
    etag = etag_of(app, path)
    changed = os.stat(path).st_ctime_ns
    while os.stat(path).st_ctime_ns == changed:  # the clock of a file system has ticks
        change(path)
        os.utime(path, (CHANGED, CHANGED))
    assert etag_of(app, path) != etag


def test_two_files_that_are_as_old_and_as_large_have_two_etags(app: App, path: Path) -> None:
    other = path.with_name("other")
    replace(path)
    other.write_bytes(CONTENT)
    for each in (path, other):
        os.utime(each, (CHANGED, CHANGED))
    assert etag_of(app, path) != etag_of(app, other)


# -- conditions (RFC 9110 section 13)

OURS = '"ours"'  # what ETag stands for below
CONDITIONS = [
    # one of them
    ({"If-Match": "ETag"}, 200),
    ({"If-Match": '"x", ETag'}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": "W/ETag"}, 412),
    ({"If-Match": '"x"'}, 412),
    ({"If-Match": ""}, 412),
    ({"If-Match": "x"}, 412),
    ({"If-Match": "ETag, x"}, 412),
    ({"If-None-Match": "ETag"}, 304),
    ({"If-None-Match": "W/ETag"}, 304),
    ({"If-None-Match": '"x", ETag'}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x"'}, 200),
    ({"If-None-Match": "w/ETag"}, 200),
    ({"If-None-Match": "ETag, x"}, 200),
    ({"If-Modified-Since": DATE}, 304),
    ({"If-Modified-Since": "Sunday, 13-Sep-20 12:26:40 GMT"}, 304),
    ({"If-Modified-Since": "Sun Sep 13 12:26:40 2020"}, 304),
    ({"If-Modified-Since": AFTER}, 304),
    ({"If-Modified-Since": BEFORE}, 200),
    ({"If-Modified-Since": "x"}, 200),
    ({"If-Unmodified-Since": DATE}, 200),
    ({"If-Unmodified-Since": AFTER}, 200),
    ({"If-Unmodified-Since": BEFORE}, 412),
    ({"If-Unmodified-Since": "Sunday, 13-Sep-20 12:26:39 GMT"}, 412),
    ({"If-Unmodified-Since": "x"}, 200),
    # what makes another moot
    ({"If-Match": "ETag", "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Match": '"x"', "If-Unmodified-Since": AFTER}, 412),
    ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
    ({"If-None-Match": "x", "If-Modified-Since": DATE}, 200),
    ({"If-None-Match": "ETag", "If-Modified-Since": BEFORE}, 304),
    # what is asked first
    ({"If-Match": '"x"', "If-None-Match": "ETag"}, 412),
    ({"If-Match": "ETag", "If-None-Match": "ETag"}, 304),
    ({"If-Match": "ETag", "If-Modified-Since": DATE}, 304),
    ({"If-Unmodified-Since": BEFORE, "If-None-Match": "ETag"}, 412),
    ({"If-Unmodified-Since": BEFORE, "If-Modified-Since": DATE}, 412),
    ({"If-Unmodified-Since": DATE, "If-Modified-Since": DATE}, 304),
    # and the range last
    ({"If-None-Match": "ETag", "Range": "bytes=0-9"}, 304),
    ({"If-Modified-Since": DATE, "Range": "bytes=0-9"}, 304),
    ({"If-Match": '"x"', "Range": "bytes=0-9"}, 412),
    ({"If-None-Match": "ETag", "Range": "bytes=600-"}, 304),
    ({"If-None-Match": '"x"', "Range": "bytes=0-9"}, 206),
    ({"If-Match": "ETag", "Range": "bytes=0-9"}, 206),
    # RFC 9110 section 13.1.5
    ({"If-Range": "ETag", "Range": "bytes=0-9"}, 206),
    ({"If-Range": " ETag ", "Range": "bytes=0-9"}, 206),
    ({"If-Range": "W/ETag", "Range": "bytes=0-9"}, 200),
    ({"If-Range": '"x"', "Range": "bytes=0-9"}, 200),
    ({"If-Range": '"x", ETag', "Range": "bytes=0-9"}, 200),
    ({"If-Range": "*", "Range": "bytes=0-9"}, 200),
    ({"If-Range": "", "Range": "bytes=0-9"}, 200),
    ({"If-Range": "ours", "Range": "bytes=0-9"}, 200),
    ({"If-Range": DATE, "Range": "bytes=0-9"}, 206),
    ({"If-Range": "Sun Sep 13 12:26:40 2020", "Range": "bytes=0-9"}, 206),
    ({"If-Range": BEFORE, "Range": "bytes=0-9"}, 200),
    ({"If-Range": AFTER, "Range": "bytes=0-9"}, 200),
    ({"If-Range": '"x"', "Range": "bytes=600-"}, 200),
    ({"If-Range": "ETag", "Range": "bytes=600-"}, 416),
    ({"If-Range": "ETag"}, 200),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("whose", ["the file's", "the handler's"])
def test_conditions_are_asked_in_their_order(
    app: App, path: Path, headers: dict[str, str], status: int, method: str, whose: str
) -> None:
    """RFC 9110 section 13.2.2, for the ETag that goes out, whoever set it."""
    mine: dict[str, Any] = {"headers": {"ETag": OURS}} if whose == "the handler's" else {}
    etag = mine["headers"]["ETag"] if mine else etag_of(app, path)
    asking = [(name, value.replace("ETag", etag)) for name, value in headers.items()]
    if method == "HEAD" and status in (206, 416):
        status = 200  # section 14.2
    answer = get(app, path, *asking, method=method, **mine)
    assert answer.status == status
    content = {200: CONTENT, 206: CONTENT[:10], 304: b""}.get(status, answer.body)
    assert answer.body == (content if method == "GET" else b"")
    assert still_open(path) == 0


@pytest.mark.parametrize("route", EVERY_WAY)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": "ETag"}, 304),
        ({"If-Match": '"x"'}, 412),
        ({"Range": "bytes=5-9"}, 206),
        ({"Range": "bytes=600-"}, 416),
    ],
)
def test_conditions_hold_in_every_kind_of_handler(
    app: App, path: Path, route: str, headers: dict[str, str], status: int
) -> None:
    etag = etag_of(app, path)
    asking = [(name, value.replace("ETag", etag)) for name, value in headers.items()]
    answer = get(app, path, *asking, route=route)
    assert (answer.status, still_open(path)) == (status, 0)
    if status == 206:
        assert answer.body == CONTENT[5:10]


@pytest.mark.parametrize("header", [("Range", "bytes=0-9"), ("If-Match", '"x"'), ("If-None-Match", "ETag")])
def test_what_wsgi_middleware_compressed_is_no_longer_the_file(
    app: App, path: Path, header: tuple[str, str]
) -> None:
    asking = (header[0], header[1].replace("ETag", etag_of(app, path)))
    answer = get(app, path, asking, route="zipped")
    assert (answer.status, zlib.decompress(answer.body)) == (200, CONTENT)
    assert [answer.all(name) for name in ("ETag", "Accept-Ranges", "Content-Range")] == [[], [], []]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Match", "Range"])
def test_other_methods_have_neither_conditions_nor_ranges(
    app: App, path: Path, method: str, name: str
) -> None:
    value = {"If-None-Match": "*", "If-Match": '"x"', "Range": "bytes=0-9"}[name]
    answer = get(app, path, (name, value), method=method)
    assert (answer.status, answer.body) == (200, CONTENT)


@pytest.mark.parametrize("status", [201, 203, 206, 404, 500])
@pytest.mark.parametrize("name", ["If-None-Match", "If-Match", "Range"])
def test_other_statuses_have_neither_conditions_nor_ranges(
    app: App, path: Path, status: int, name: str
) -> None:
    """RFC 9110 section 13.2.1."""
    value = {"If-None-Match": "*", "If-Match": '"x"', "Range": "bytes=0-9"}[name]
    answer = get(app, path, (name, value), status=status)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (status, CONTENT, "600")


def test_a_status_without_content_sends_none(app: App, path: Path) -> None:
    answer = get(app, path, status=204)
    assert (answer.status, answer.body, still_open(path)) == (204, b"", 0)


def test_a_304_says_what_a_cache_needs_and_nothing_of_content(app: App, path: Path) -> None:
    """RFC 9110 section 15.4.5."""
    whole = get(app, path, said={"Vary": "Accept", "Expires": DATE})
    answer = get(app, path, ("If-None-Match", "*"), said={"Vary": "Accept", "Expires": DATE})
    kept = ["ETag", "Cache-Control", "Last-Modified", "Accept-Ranges", "Vary", "Expires"]
    assert sorted(answer.headers) == sorted((name, whole.header(name) or "") for name in kept)


def test_a_412_and_a_416_are_errors_like_others(app: App, path: Path) -> None:
    for header, status, phrase in (
        (("If-Match", '"x"'), 412, b"Precondition Failed"),
        (("Range", "bytes=600-"), 416, b"Range Not Satisfiable"),
    ):
        answer = get(app, path, header)
        assert (answer.status, answer.body) == (status, phrase)
        assert answer.header("Content-Type") == "text/plain; charset=utf-8"
        assert answer.header("Cache-Control") == "no-store"
        for name in ("ETag", "Last-Modified", "Content-Disposition"):
            assert answer.all(name) == []
        assert answer.all("Content-Length") == [str(len(phrase))]
        problem = get(app, path, header, ("Accept", "application/json"))
        assert problem.json()["status"] == status


def test_a_request_for_the_whole_is_for_the_whole_of_what_json_says(app: App, path: Path) -> None:
    """`Cache-Control: no-cache` is no precondition (RFC 9110 section 13)."""
    assert get(app, path, ("If-None-Match", "*"), ("Cache-Control", "no-cache")).status == 304


def test_a_date_of_this_second_is_no_strong_validator(app: App, path: Path) -> None:
    """RFC 9110 section 8.8.2.2: the file may change again before the second is over."""
    for ahead in range(3):  # and however the clock moves, one that is ahead of it is none
        date = formatdate(os.stat(path).st_mtime + 10**9 + ahead, usegmt=True)
        answer = get(app, path, ("If-Range", date), ("Range", "bytes=0-9"), headers={"Last-Modified": date})
        assert answer.status == 200


@pytest.mark.parametrize("etag", ["bare", 'W/"weak"', '"two", "tags"', ""])
def test_an_etag_that_is_no_strong_one_resumes_nothing(app: App, path: Path, etag: str) -> None:
    asking = [("If-Range", etag), ("Range", "bytes=0-9")]
    assert get(app, path, *asking, headers={"ETag": etag}).status == 200


# -- ranges (RFC 9110 section 14)

RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-99", 0, 100),
    ("bytes=100-", 100, 600),
    ("bytes=599-", 599, 600),
    ("bytes=0-", 0, 600),
    ("bytes=0-9999", 0, 600),
    ("bytes=-1", 599, 600),
    ("bytes=-600", 0, 600),
    ("bytes=-9999", 0, 600),
    ("bytes=-" + "9" * 5000, 0, 600),
    ("bytes=5-" + "9" * 5000, 5, 600),
    ("bytes=" + "0" * 5000 + "5-" + "0" * 5000 + "6", 5, 7),
    ("BYTES=1-2", 1, 3),
    ("Bytes=1-2", 1, 3),
    (" bytes=1-2 ", 1, 3),
    ("bytes=1-2,", 1, 3),
    ("bytes=,,1-2 ,\t, ", 1, 3),
    # several that are one
    ("bytes=0-100,50-150", 0, 151),
    ("bytes=0-9,10-19", 0, 20),
    ("bytes=10-19,0-9", 0, 20),
    ("bytes=0-599,100-200", 0, 600),
    ("bytes=5-9,5-9, 5-9", 5, 10),
    ("bytes=590-,-20", 580, 600),
    # what is not there does not count beside what is
    ("bytes=0-9,600-", 0, 10),
    ("bytes=-0,0-9", 0, 10),
    ("bytes=" + ",".join(["0-1"] * 2000), 0, 2),
]


@pytest.mark.parametrize(("field", "start", "end"), RANGES)
def test_a_range_is_sent(app: App, path: Path, field: str, start: int, end: int) -> None:
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.body) == (206, CONTENT[start:end])
    assert answer.all("Content-Range") == [f"bytes {start}-{end - 1}/600"]
    assert answer.all("Content-Length") == [str(end - start)]


def test_a_part_is_described_as_the_whole_is(app: App, path: Path) -> None:
    """RFC 9110 section 15.3.7."""
    ours = ("Content-Range", "Content-Length")
    whole = [line for line in get(app, path).headers if line[0] not in ours]
    part = [line for line in get(app, path, ("Range", "bytes=1-2")).headers if line[0] not in ours]
    assert part == whole


IGNORED = [
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=a-b",
    "bytes=0",
    "bytes=5-4",
    "bytes=0-9,5-4",
    "bytes=0-9;20-29",
    "bytes=0-9,x",
    "bytes=0-9 20-29",
    "bytes= 0-9",
    "bytes =0-9",
    "bytes=0 -9",
    "bytes=0- 9",
    "bytes=--9",
    "bytes=+0-9",
    "bytes=0x0-9",
    "bytes=0-9-10",
    "bytes=\u00b2-",
    "bytes:0-9",
    "bytes 0-9/600",
    "items=0-9",
    "0-9",
    "bytes=0-9,bytes=20-29",
    "bytes=" + "9" * 100_000,
    "bytes=" + "9" * 5000 + "-" + "9" * 4999,
    "bytes=" + "0" * 100_000,
    "bytes=" + "," * 100_000 + "x",
    "bytes=" + "," * 100_000,
    "bytes=0-1" + " " * 100_000 + "x",
]


@pytest.mark.parametrize("field", IGNORED)
def test_a_range_that_cannot_be_read_is_ignored(app: App, path: Path, field: str) -> None:
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.body, answer.all("Content-Range")) == (200, CONTENT, [])


SEVERAL = ["bytes=0-100, 200-300", "bytes=0-0,-1", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 600, 2))]


@pytest.mark.parametrize("field", SEVERAL)
def test_several_parts_are_the_whole(app: App, path: Path, field: str) -> None:
    """RFC 9110 section 14.2: a server may ignore a Range, and a whole is never ambiguous."""
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.body) == (200, CONTENT)


UNSATISFIABLE = [
    "bytes=600-",
    "bytes=600-700",
    "bytes=9999-",
    "bytes=-0",
    "bytes=600-,-0",
    "bytes=" + "9" * 5000 + "-",
]


@pytest.mark.parametrize("field", UNSATISFIABLE)
def test_a_range_of_what_is_not_there_is_416_and_says_the_size(app: App, path: Path, field: str) -> None:
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.all("Content-Range"), still_open(path)) == (416, ["bytes */600"], 0)


@pytest.mark.parametrize(
    ("field", "status"), [("bytes=0-", 416), ("bytes=-0", 416), ("bytes=-1", 200), ("bytes=0-,-1", 200)]
)
def test_a_part_of_an_empty_file(app: App, path: Path, field: str, status: int) -> None:
    """Its end is satisfiable (RFC 9110 section 14.1.2), and no Content-Range could say which it is."""
    path.write_bytes(b"")
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.header("Content-Length") == "0") == (status, status == 200)


specs = st.one_of(
    st.tuples(st.integers(0, 12), st.integers(0, 12) | st.none()).map(
        lambda pair: f"{pair[0]}-{'' if pair[1] is None else pair[1]}"
    ),
    st.integers(0, 12).map(lambda length: f"-{length}"),
)


@given(parts=st.lists(specs, min_size=1, max_size=5), size=st.integers(1, 10))
@settings(max_examples=500)
def test_ranges_are_what_a_set_of_offsets_says(parts: list[str], size: int) -> None:
    offsets: set[int] = set()
    is_valid = True
    for part in parts:
        first, _, last = part.partition("-")
        if first:
            is_valid = is_valid and (not last or int(first) <= int(last))
            offsets.update(range(int(first), min(size, int(last) + 1 if last else size)))
        else:
            offsets.update(range(max(0, size - int(last)), size))
    runs = [
        [offset for _, offset in run] for _, run in groupby(enumerate(sorted(offsets)), lambda p: p[1] - p[0])
    ]
    expected = [(run[0], run[-1] + 1) for run in runs] if is_valid else None
    assert byte_ranges("bytes=" + ", ".join(parts), size) == expected


@given(field=st.text(alphabet="bytes=0129-, \t*x", max_size=20), size=st.integers(0, 50))
@settings(max_examples=500)
def test_any_range_is_inside_of_the_file(field: str, size: int) -> None:
    for prefix in ("", "bytes="):
        ranges = byte_ranges(prefix + field, size)
        ends = [offset for start, end in ranges or () for offset in (start, end)]
        assert ends == sorted(set(ends))
        assert not ends or (ends[0] >= 0 and ends[-1] <= size)


# -- files that are none, change, or are left


@pytest.mark.parametrize("route", EVERY_WAY)
@pytest.mark.parametrize(
    ("kind", "name"), [("missing", "FileNotFoundError"), ("folder", "IsADirectoryError"), ("pipe", "OSError")]
)
def test_what_is_no_file_is_a_fault(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture, route: str, kind: str, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    answer = get(app, tmp_path / kind, route=route)
    assert (answer.status, answer.all("ETag"), answer.all("Content-Disposition")) == (500, [], [])
    assert name in caplog.text


def test_a_middleware_sees_that_a_file_is_missing(tmp_path: Path) -> None:
    guard = (
        "def middleware(req, res, next):\n"
        "    try:\n"
        "        next()\n"
        "    except FileNotFoundError:\n"
        "        res.status(404).end('gone')\n"
    )
    source = "from apiroutes import file\ndef GET(): return file('/nowhere/at/all')\n"
    files = {"pages/api/x.py": source, "pages/api/_middleware.py": guard}
    answer = call(App(project(tmp_path, files)))
    assert (answer.status, answer.body, answer.all("ETag")) == (404, b"gone", [])


def started(
    app: App, path: Path, *headers: tuple[str, str], route: str = "x"
) -> tuple[list[Any], Iterator[bytes]]:
    """An answer whose head went out, and the iterable of its content."""
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        said.extend((status, dict(headers)))

    content = app(environ("GET", f"/api/{route}", headers, **asked(path)), start_response)
    return said, iter(content)


def close(content: Iterator[bytes]) -> None:
    content.close()  # type: ignore[attr-defined]


def test_a_file_that_grows_is_sent_as_it_was(app: App, path: Path) -> None:
    path.write_bytes(b"y" * 200_000)
    said, content = started(app, path)
    with path.open("ab") as growing:
        growing.write(b"z" * 200_000)
    assert b"".join(content) == b"y" * int(said[1]["Content-Length"]) == b"y" * 200_000
    close(content)


@pytest.mark.parametrize("headers", [[], [("Range", "bytes=0-150000")]])
def test_a_file_that_shrinks_cuts_the_connection(
    app: App, path: Path, caplog: pytest.LogCaptureFixture, headers: list[tuple[str, str]]
) -> None:
    path.write_bytes(b"y" * 200_000)
    _, content = started(app, path, *headers)
    os.truncate(path, 100_000)
    with pytest.raises(ResponseAborted):
        list(content)
    close(content)
    assert "too short for its Content-Length" in caplog.text
    assert still_open(path) == 0


def test_a_file_that_is_replaced_is_sent_as_it_was(app: App, path: Path) -> None:
    path.write_bytes(b"y" * 200_000)
    _, content = started(app, path)
    replace(path)
    assert b"".join(content) == b"y" * 200_000
    close(content)


@pytest.mark.parametrize("route", EVERY_WAY)
def test_a_client_that_leaves_closes_the_file(app: App, path: Path, route: str) -> None:
    path.write_bytes(b"y" * 200_000)
    _, content = started(app, path, route=route)
    next(content)
    assert still_open(path) == (route != "buffered")
    close(content)
    assert still_open(path) == 0


def test_an_answer_that_nobody_takes_closes_the_file(app: App, path: Path) -> None:
    path.write_bytes(b"y" * 200_000)
    _, content = started(app, path)
    del content
    assert still_open(path) == 0


def test_one_answer_serves_many_requests(tmp_path: Path, path: Path) -> None:
    """It is opened anew for each, and two that are read by turns do not share a position."""
    source = (
        f"from apiroutes import file\nanswer = file({str(path)!r})\ndef handler(req, res): return answer\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    path.write_bytes(os.urandom(150_000))
    (_, one), (_, other) = started(app, path), started(app, path, ("Range", "bytes=70000-"))
    chunks = [(next(one), next(other)) for _ in range(2)]
    assert b"".join([*(chunk for chunk, _ in chunks), *one]) == path.read_bytes()
    assert b"".join([*(chunk for _, chunk in chunks), *other]) == path.read_bytes()[70_000:]
    close(one)
    close(other)


def test_many_threads_read_one_file(app: App, path: Path) -> None:
    path.write_bytes(os.urandom(150_000))
    seen: list[bool] = []

    def read(start: int) -> None:
        answer = get(app, path, ("Range", f"bytes={start}-"))
        seen.append((answer.status, answer.body) == (206, path.read_bytes()[start:]))

    threads = [threading.Thread(target=read, args=(number * 7000,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 20
    assert still_open(path) == 0


def still_open(path: Path) -> int:
    """How many descriptors of this process are of the file."""
    if sys.platform != "linux":
        return 0
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
        except FileNotFoundError:  # that of the listing
            continue
    return found
