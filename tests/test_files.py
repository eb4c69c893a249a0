"""`file()`: the headers that describe a file, its ETag, and when it is closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.file_requests import (
    CHANGED,
    CONTENT,
    DATE,
    EVERY_WAY,
    app_of_files,
    data_file,
    etag_of,
    get,
    handler_input,
    still_open,
)
from tests.support import call, environ, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of_files(tmp_path_factory.mktemp("files"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return data_file(tmp_path)


# -- the headers that describe a file


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


def test_a_compressed_file_that_is_saved_stays_compressed(app: App, path: Path) -> None:
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
def test_a_name_is_sent_in_ascii_and_whole(
    app: App, path: Path, name: str, parameters: str, as_attachment: bool
) -> None:
    answer = get(app, path, download_name=name, as_attachment=as_attachment)
    kind = "attachment" if as_attachment else "inline"
    assert answer.all("Content-Disposition") == [kind + parameters]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
@settings(deadline=None)
def test_a_name_reads_back_as_it_was_given(app: App, name: str) -> None:
    printable = "".join(character for character in name if character.isprintable())
    disposition = get(app, __file__, download_name=name).header("Content-Disposition")
    assert parse_options_header(disposition) == ("inline", {"filename": printable} if printable else {})


@pytest.mark.parametrize(
    ("max_age", "sent"), [(None, "no-cache"), (0, "no-cache, max-age=0"), (60, "public, max-age=60")]
)
def test_a_file_is_cached_for_its_max_age(app: App, path: Path, max_age: int | None, sent: str) -> None:
    assert get(app, path, max_age=max_age).all("Cache-Control") == [sent]


@pytest.mark.parametrize("max_age", [-1, 1.5, True, "60"])
def test_a_max_age_that_is_not_a_number_of_seconds_is_a_fault(app: App, path: Path, max_age: Any) -> None:
    assert get(app, path, max_age=max_age).status == 500
    assert still_open(path) == 0


OWN = ["Content-Type", "Content-Disposition", "Cache-Control", "ETag", "Last-Modified", "Accept-Ranges"]


@pytest.mark.parametrize("name", OWN)
def test_a_header_of_the_call_replaces_the_files_own(app: App, path: Path, name: str) -> None:
    answer = get(
        app, path, headers={name: "mine"}, media_type="image/png", max_age=1, earlier={name: "middleware's"}
    )
    assert answer.all(name) == ["mine"]


ARGUMENTS = [
    ("Content-Type", {"media_type": "image/png"}, "image/png"),
    ("Content-Disposition", {"as_attachment": True}, 'attachment; filename="data.bin"'),
    ("Cache-Control", {"max_age": 1}, "public, max-age=1"),
]


@pytest.mark.parametrize(("name", "options", "sent"), ARGUMENTS)
def test_an_argument_overrides_a_header_that_was_set_earlier(
    app: App, path: Path, name: str, options: dict[str, Any], sent: str
) -> None:
    assert get(app, path, earlier={name: "x"}, **options).all(name) == [sent]


@pytest.mark.parametrize("name", ["Content-Type", "Cache-Control", "ETag", "Last-Modified"])
def test_a_header_that_was_set_earlier_overrides_the_default(app: App, path: Path, name: str) -> None:
    assert get(app, path, earlier={name: "earlier"}).all(name) == ["earlier"]


def test_the_length_is_always_the_files_own(app: App, path: Path) -> None:
    answer = get(app, path, earlier={"Content-Length": "1"}, headers={"Content-Length": "2"})
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
    for file in (path, other):
        os.utime(file, (CHANGED, CHANGED))
    assert etag_of(app, path) != etag_of(app, other)


# -- paths that are not files, files that change, clients that leave


@pytest.mark.parametrize("route", EVERY_WAY)
@pytest.mark.parametrize(
    ("kind", "name"), [("missing", "FileNotFoundError"), ("folder", "IsADirectoryError"), ("pipe", "OSError")]
)
def test_a_path_that_is_not_a_file_is_a_fault(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture, route: str, kind: str, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    answer = get(app, tmp_path / kind, route=route)
    assert (answer.status, answer.all("ETag"), answer.all("Content-Disposition")) == (500, [], [])
    assert name in caplog.text


# arguments of file(...), and what they are called
NO_PATHS = {"io.BytesIO(b'a')": "a `BytesIO`", "None": "None", "3": "3", "3, download_name='a'": "3"}


@pytest.mark.parametrize("arguments", NO_PATHS)
def test_what_is_no_path_is_told_where_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, arguments: str
) -> None:
    source = f"import io\nfrom apiroutes import file\ndef GET():\n    return file({arguments})\n"
    assert call(App(project(tmp_path, {"pages/api/x.py": source}))).status == 500
    assert f"file() takes the path of a file, not {NO_PATHS[arguments]}: return content" in caplog.text
    assert 'x.py", line 4, in GET' in caplog.text


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
    """Start a response; return its head and the iterable of its content."""
    head: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        head.extend((status, dict(headers)))

    content = app(environ("GET", f"/api/{route}", headers, **handler_input(path)), start_response)
    return head, iter(content)


def close(content: Iterator[bytes]) -> None:
    content.close()  # type: ignore[attr-defined]


def test_a_file_that_grows_is_sent_as_it_was(app: App, path: Path) -> None:
    path.write_bytes(b"y" * 200_000)
    head, content = started(app, path)
    with path.open("ab") as growing:
        growing.write(b"z" * 200_000)
    assert b"".join(content) == b"y" * int(head[1]["Content-Length"]) == b"y" * 200_000
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


def test_a_response_that_is_dropped_closes_the_file(app: App, path: Path) -> None:
    path.write_bytes(b"y" * 200_000)
    _, content = started(app, path)
    del content
    assert still_open(path) == 0


def test_one_result_serves_many_requests(tmp_path: Path, path: Path) -> None:
    """It is opened for each, and two that are read by turns do not share a position."""
    source = (
        f"from apiroutes import file\nanswer = file({str(path)!r})\ndef handler(req, res): return answer\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    path.write_bytes(os.urandom(150_000))
    (_, first), (_, second) = started(app, path), started(app, path, ("Range", "bytes=70000-"))
    chunks = [(next(first), next(second)) for _ in range(2)]
    assert b"".join([*(chunk for chunk, _ in chunks), *first]) == path.read_bytes()
    assert b"".join([*(chunk for _, chunk in chunks), *second]) == path.read_bytes()[70_000:]
    close(first)
    close(second)


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
