"""The preconditions and ranges of requests for a file (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

import os
import zlib
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.file_requests import (
    AFTER,
    BEFORE,
    CONTENT,
    DATE,
    EVERY_WAY,
    app_of_files,
    data_file,
    etag_of,
    get,
    still_open,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return data_file(tmp_path)


# -- conditions (RFC 9110 section 13)

OURS = '"ours"'  # the value of ETag below
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
    # one that makes another moot
    ({"If-Match": "ETag", "If-Unmodified-Since": BEFORE}, 200),
    ({"If-Match": '"x"', "If-Unmodified-Since": AFTER}, 412),
    ({"If-None-Match": '"x"', "If-Modified-Since": DATE}, 200),
    ({"If-None-Match": "x", "If-Modified-Since": DATE}, 200),
    ({"If-None-Match": "ETag", "If-Modified-Since": BEFORE}, 304),
    # the one that is evaluated first
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
def test_preconditions_are_evaluated_in_order(
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
def test_preconditions_hold_in_every_kind_of_handler(
    app: App, path: Path, route: str, headers: dict[str, str], status: int
) -> None:
    etag = etag_of(app, path)
    asking = [(name, value.replace("ETag", etag)) for name, value in headers.items()]
    answer = get(app, path, *asking, route=route)
    assert (answer.status, still_open(path)) == (status, 0)
    if status == 206:
        assert answer.body == CONTENT[5:10]


@pytest.mark.parametrize("header", [("Range", "bytes=0-9"), ("If-Match", '"x"'), ("If-None-Match", "ETag")])
def test_a_response_that_wsgi_middleware_compressed_is_not_the_file(
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


def test_a_304_has_the_headers_of_a_cache_and_none_of_content(app: App, path: Path) -> None:
    """RFC 9110 section 15.4.5."""
    whole = get(app, path, earlier={"Vary": "Accept", "Expires": DATE})
    answer = get(app, path, ("If-None-Match", "*"), earlier={"Vary": "Accept", "Expires": DATE})
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


def test_no_cache_does_not_stop_a_304_for_a_file(app: App, path: Path) -> None:
    """It does for JSON, as in Next.js; `no-cache` is not a precondition (RFC 9110 section 13)."""
    assert get(app, path, ("If-None-Match", "*"), ("Cache-Control", "no-cache")).status == 304


def test_a_date_of_this_second_is_not_a_strong_validator(app: App, path: Path) -> None:
    """RFC 9110 section 8.8.2.2: the file may change again before the second is over."""
    for ahead in range(3):  # a date in the future is not strong either, however the clock moves
        date = formatdate(os.stat(path).st_mtime + 10**9 + ahead, usegmt=True)
        answer = get(app, path, ("If-Range", date), ("Range", "bytes=0-9"), headers={"Last-Modified": date})
        assert answer.status == 200


@pytest.mark.parametrize("etag", ["bare", 'W/"weak"', '"two", "tags"', ""])
def test_an_etag_that_is_not_strong_resumes_nothing(app: App, path: Path, etag: str) -> None:
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
    # a part that does not exist is ignored beside one that does
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


def test_a_part_has_the_headers_of_the_whole(app: App, path: Path) -> None:
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
def test_a_range_outside_the_file_is_416_with_the_size(app: App, path: Path, field: str) -> None:
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.all("Content-Range"), still_open(path)) == (416, ["bytes */600"], 0)


@pytest.mark.parametrize(
    ("field", "status"), [("bytes=0-", 416), ("bytes=-0", 416), ("bytes=-1", 200), ("bytes=0-,-1", 200)]
)
def test_a_part_of_an_empty_file(app: App, path: Path, field: str, status: int) -> None:
    """Its end is satisfiable (RFC 9110 section 14.1.2), but no Content-Range can describe it."""
    path.write_bytes(b"")
    answer = get(app, path, ("Range", field))
    assert (answer.status, answer.header("Content-Length") == "0") == (status, status == 200)
