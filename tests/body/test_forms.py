"""multipart/form-data: parts, limits, files and where they go."""

from __future__ import annotations

import io
import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest
import werkzeug
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.body.formdata import Form, parse_form
from apiroutes.body.limits import Limits
from apiroutes.errors import ApiError
from tests.support import Answer, app_of, call

Part = tuple[str, bytes]

SHOW = """
config = {"api": {"bodyParser": {"sizeLimit": "3mb"}}}
def handler(req, res):
    files = req.files.items(multi=True)
    shown = [[name, file.filename, file.mimetype, len(file.read())] for name, file in files]
    res.json({"fields": req.body, "files": shown})
"""


def form(*parts: Part, boundary: str = "X", end: bytes = b"--\r\n") -> bytes:
    """Each part is its header lines, joined by CRLF, and its content."""
    pieces = [f"--{boundary}\r\n{headers}\r\n\r\n".encode() + content + b"\r\n" for headers, content in parts]
    return b"".join(pieces) + f"--{boundary}".encode() + end


def field(name: str, content: bytes, more: str = "") -> Part:
    return (f'Content-Disposition: form-data; name="{name}"{more}', content)


def upload(name: str, filename: str, content: bytes, media_type: str = "text/plain") -> Part:
    headers, _ = field(name, b"", f'; filename="{filename}"')
    return (f"{headers}\r\nContent-Type: {media_type}", content)


def post(app: App, body: bytes, boundary: str = "X", **extra: Any) -> Answer:
    return call(
        app, "POST", "/api/x", [("Content-Type", f"multipart/form-data; boundary={boundary}")], body, **extra
    )


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("forms"), SHOW)


def test_fields_and_files_are_told_apart(app: App) -> None:
    body = form(field("a", b"1"), upload("f", "x.txt", b"abc"), field("a", "é".encode()), field("b", b""))
    assert post(app, body).json() == {
        "fields": {"a": ["1", "é"], "b": ""},
        "files": [["f", "x.txt", "text/plain", 3]],
    }


FILENAMES = [
    ("x.txt", "x.txt"),
    ("../../x.txt", "x.txt"),
    ("C:\\dir\\x.txt", "x.txt"),
    ("/etc/passwd", "passwd"),
    ("..", ""),
    ("a/..", ""),
    ("a/", ""),
    ("", ""),
    ("a%0D%0Ab", "ab"),
    ("naïve.txt", "naïve.txt"),
]


@pytest.mark.parametrize(("sent", "name"), FILENAMES)
def test_a_file_name_is_a_base_name(app: App, sent: str, name: str) -> None:
    assert post(app, form(upload("f", sent, b""))).json()["files"][0][1] == name


def test_an_extended_file_name_is_ignored(app: App) -> None:
    body = form(field("f", b"1", "; filename*=utf-8''evil.txt"))
    assert post(app, body).json() == {"fields": {"f": "1"}, "files": []}


BROKEN = {
    "no end": form(field("a", b"1"), end=b""),
    "cut in a part": form(field("a", b"1"))[:-12],
    "no disposition": form(("Content-Type: text/plain", b"1")),
    "another disposition": form(('Content-Disposition: attachment; name="a"', b"1")),
    "a header that is none": form(("nonsense", b"1")),
    "a field that is not UTF-8": form(field("a", b"\xff")),
    "a name that is not UTF-8": form(field("a", b"1")).replace(b'"a"', b'"\xff"'),
    "a part's length that is wrong": form(field("a", b"1", "\r\nContent-Length: 9")),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_form_is_400(app: App, body: bytes) -> None:
    answer = post(app, body)
    assert (answer.status, answer.body) == (400, b"Invalid body")


@pytest.mark.parametrize("boundary", ['""', "x" * 101, '"é"'])
def test_a_boundary_that_is_none_is_400(app: App, boundary: str) -> None:
    assert post(app, form(field("a", b"1")), boundary).status == 400


@pytest.mark.parametrize("charset", ["zlib", "punycode", "utf-7", "latin1", "nonsense"])
def test_a_part_chooses_no_charset(app: App, charset: str) -> None:
    body = form(field("a", "é".encode(), f"\r\nContent-Type: text/plain; charset={charset}"))
    assert post(app, body).json()["fields"] == {"a": "é"}


LIMITS = {
    "parts": ({"max_form_parts": 2}, form(*[field("a", b"1")] * 3)),
    "headers of a part": ({"max_part_headers": 2}, form(field("a", b"1", "\r\nA: 1\r\nB: 2"))),
    "a header's size": ({}, form(field("a" * 5000, b"1"))),
    "fields together": ({"max_form_memory": "10b"}, form(field("a", b"123456"), field("b", b"123456"))),
}


@pytest.mark.parametrize(("settings_", "body"), LIMITS.values(), ids=LIMITS)
def test_a_form_over_a_limit_is_413(tmp_path: Path, settings_: dict[str, Any], body: bytes) -> None:
    assert post(app_of(tmp_path, SHOW, **settings_), body).status == 413


def test_files_do_not_count_as_memory(tmp_path: Path) -> None:
    body = form(upload("f", "x", b"0" * 100))
    assert post(app_of(tmp_path, SHOW, max_form_memory="10b"), body).status == 200


# -- files and where they go

KEEP = """
import {module}
def handler(req, res):
    file = req.files["f"].stream
    {module}.kept.append(file)
    {then}
"""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What handlers put here can be looked at after the request."""
    files: list[Any] = []
    monkeypatch.setattr(logging, "kept", files, raising=False)
    return files


ENDINGS = {
    "an answer": "res.json(1)",
    "an exception": "raise RuntimeError",
    "a stream": "res.send(iter([b'a', b'b']))",
    "nothing": "pass",
}


@pytest.mark.parametrize("then", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("size", [10, 100_000])
def test_files_are_closed_when_the_request_ends(
    tmp_path: Path, kept: list[Any], then: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, KEEP.format(module="logging", then=then))
    post(app, form(upload("f", "x", b"0" * size)))
    assert [file.closed for file in kept] == [True]


@pytest.mark.parametrize(("size", "on_disk"), [(65_536, False), (65_537, True)])
def test_a_file_is_spooled_to_disk_past_64_kib(tmp_path: Path, size: int, on_disk: bool) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(req.files['f'].stream._rolled)\n")
    assert post(app, form(upload("f", "x", b"0" * size))).json() is on_disk


def test_a_full_disk_is_507(tmp_path: Path, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert post(app, form(upload("f", "x", b"0" * 100_000))).status == 507


def test_an_upload_can_be_saved(tmp_path: Path) -> None:
    app = app_of(
        tmp_path,
        f"def handler(req, res):\n    req.files['f'].save({str(tmp_path / 'saved')!r})\n    res.end()\n",
    )
    content = bytes(range(256)) * 1000
    post(app, form(upload("f", "x", content)))
    assert (tmp_path / "saved").read_bytes() == content


# -- at every split point, and against another implementation

SAMPLE = form(
    field("a", b"1\r\n--Y\r\n--"),
    upload("f", "x.bin", b"\r\n--x-\r\n\r", "application/octet-stream"),
    field("b", "é".encode()),
)


def parsed(chunks: list[bytes]) -> tuple[list[tuple[str, str]], list[tuple[str, bytes]]]:
    found: Form = parse_form(chunks, "X", Limits())
    try:
        return found.fields, [(name, file.read()) for name, file in found.files]
    finally:
        found.close()


def test_a_form_is_the_same_at_every_split_point() -> None:
    whole = parsed([SAMPLE])
    for split in range(1, len(SAMPLE)):
        assert parsed([SAMPLE[:split], SAMPLE[split:]]) == whole


def test_a_form_is_the_same_byte_by_byte() -> None:
    assert parsed([SAMPLE[index : index + 1] for index in range(len(SAMPLE))]) == parsed([SAMPLE])


names = st.text(alphabet="abcé", min_size=1, max_size=5)
contents = st.text(alphabet="\r\n-Xaé", max_size=20).filter(lambda text: "--X" not in text)


@given(st.lists(st.tuples(names, contents, st.booleans()), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_form_reads_as_werkzeug_reads_it(parts: list[tuple[str, str, bool]]) -> None:
    body = form(
        *[
            upload(name, "f", text.encode()) if is_file else field(name, text.encode())
            for name, text, is_file in parts
        ]
    )
    theirs = werkzeug.Request(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": "multipart/form-data; boundary=X",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
    )
    fields, files = parsed([body])
    assert sorted(fields) == sorted(theirs.form.items(multi=True))
    assert sorted(files) == sorted((name, file.read()) for name, file in theirs.files.items(multi=True))
    theirs.close()


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_form_or_refused(content: bytes) -> None:
    try:
        parsed([b"--X\r\n", content])
        status = 200
    except ApiError as error:
        status = error.status
    assert status in (200, 400, 413)
