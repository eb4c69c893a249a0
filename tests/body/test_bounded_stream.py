"""`req.stream` ends where the content ends, with parsing off."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.body.bodies import JSON, CountingInput, post
from tests.support import Extra, app_of, call, environ

RAW = 'config = {"api": {"bodyParser": False}}\n'


def test_with_parsing_off_the_stream_ends_where_the_content_ends(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(req.stream.read())\n")
    stream = CountingInput(b"0123456789", most=2)
    answer = post(app, JSON, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "6"}))
    assert (answer.body, stream.taken) == (b"012345", 6)


def test_the_stream_has_no_limit(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.json(len(req.stream.read()))\n")
    assert post(app, JSON, b"0" * 3_000_000).json() == 3_000_000


def test_a_chunked_stream_ends_with_its_chunks(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(b'|'.join(req.stream))\n")
    assert post(app, JSON, b"a\nb\nc", HTTP_TRANSFER_ENCODING="chunked").body == b"a\n|b\n|c"


def test_a_stream_that_is_cut_off_is_400(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(req.stream.read())\n")
    assert post(app, JSON, b"0123", CONTENT_LENGTH="9").status == 400


def test_a_stream_without_content_is_empty(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(req.stream.read())\n")
    assert call(app).body == b""


WHOLE = [
    ("req.raw_body", JSON),
    ("req.get_data(as_text=True)", JSON),
    ("req.get_json()", JSON),
    ("req.form", "application/x-www-form-urlencoded"),
    ("req.files", "application/x-www-form-urlencoded"),
]


@pytest.mark.parametrize(("read", "content_type"), WHOLE)
def test_content_that_is_read_whole_is_bounded(tmp_path: Path, read: str, content_type: str) -> None:
    source = f"{RAW}def handler(req, res):\n    {read}\n    res.send('read')\n"
    app = app_of(tmp_path, source, body_size_limit="5b")
    assert [post(app, content_type, body).status for body in (b"10000", b"100000")] == [200, 413]


def test_with_parsing_off_the_body_is_none_and_its_content_can_be_read(tmp_path: Path) -> None:
    source = environ("POST", body=b"abc")["wsgi.input"]
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.json([req.body, len(req.raw_body)])\n")
    assert call(app, "POST", body=b"abc", **Extra({"wsgi.input": source})).json() == [None, 3]
