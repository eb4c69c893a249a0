"""Errors of a body: the same for every reader, and exceptions of Werkzeug's too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.body.bodies import FORM, JSON, MULTIPART, SAMPLES, TEXT, chunked, post
from tests.support import app_of

BROKEN: list[tuple[str, bytes, dict[str, Any], int, bytes]] = [
    (JSON, b"{", {}, 400, b"Invalid JSON"),
    (JSON, b'"\xff"', {}, 400, b"Invalid body"),
    (TEXT, b"\xff", {}, 400, b"Invalid body"),
    (JSON, b"1" * 50, {}, 413, b"Body exceeded 40b limit"),
    (JSON, b"1" * 50, chunked(), 413, b"Body exceeded 40b limit"),
    (JSON, b"{}", {"CONTENT_LENGTH": "9"}, 400, b"Invalid body"),
    (FORM, b"&" * 9, {}, 413, b"Form has more than 3 fields"),
    (MULTIPART, b"--X\r\nnonsense\r\n\r\n", {}, 400, b"Invalid body"),
    ("multipart/form-data", b"--X--", {}, 400, b"Invalid body"),
]


@pytest.mark.parametrize(("content_type", "content", "extra", "status", "message"), BROKEN)
@pytest.mark.parametrize(
    "read", ["req.get_json(force=True, silent=True)", "req.form", "req.body", "req.raw_body"]
)
def test_every_reader_of_a_malformed_body_gets_the_same_error(
    tmp_path: Path,
    content_type: str,
    content: bytes,
    extra: dict[str, Any],
    status: int,
    message: bytes,
    read: str,
) -> None:
    source = (
        'config = {"api": {"bodyParser": {"sizeLimit": "40b"}}}\n'
        f"def first(req, res, next):\n    try:\n        {read}\n    except Exception: pass\n    next()\n"
        "middleware = [first, first]\ndef handler(req, res):\n    raise AssertionError('called')\n"
    )
    app = app_of(tmp_path, source, max_form_pairs=3)
    answer = post(app, content_type, content, **extra)
    assert (answer.status, answer.body) == (status, message)


@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART, TEXT])
def test_a_content_coding_is_refused_after_it_was_read_raw(tmp_path: Path, content_type: str) -> None:
    source = (
        "def first(req, res, next):\n    req.context['raw'] = req.raw_body\n    next()\n"
        "middleware = [first]\ndef handler(req, res):\n    res.end()\n"
    )
    answer = post(app_of(tmp_path, source), content_type, SAMPLES[content_type], HTTP_CONTENT_ENCODING="gzip")
    assert answer.status == 415


@pytest.mark.parametrize(
    ("content_type", "content", "extra", "name"),
    [
        (JSON, b"{", {}, "BadRequest"),
        (JSON, b"1" * 50, {}, "RequestEntityTooLarge"),
        (TEXT, b"{}", {}, "UnsupportedMediaType"),
        (JSON, b"{}", {"HTTP_CONTENT_ENCODING": "gzip"}, "UnsupportedMediaType"),
        (JSON, b"", {"CONTENT_LENGTH": "x"}, "BadRequest"),
    ],
)
@pytest.mark.parametrize("read", ["req.get_json()", "req.json"])
def test_werkzeugs_exceptions_catch_errors_of_a_body(
    tmp_path: Path, content_type: str, content: bytes, extra: dict[str, Any], name: str, read: str
) -> None:
    source = (
        'config = {"api": {"bodyParser": {"sizeLimit": "40b"}}}\nfrom werkzeug import exceptions\n'
        "def first(req, res, next):\n"
        f"    try:\n        {read}\n    except exceptions.{name} as error:\n"
        "        res.status(error.code).send(error.name)\n"
        "middleware = [first]\ndef handler(req, res): res.end()\n"
    )
    answer = post(app_of(tmp_path, source), content_type, content, **extra)
    assert answer.status in (400, 413, 415)
    assert answer.body


@pytest.mark.parametrize("error", ["ApiError", "BadRequest", "HTTPException"])
def test_an_error_of_a_body_is_an_api_error_and_werkzeugs(tmp_path: Path, error: str) -> None:
    source = (
        "from apiroutes import ApiError\nfrom werkzeug.exceptions import BadRequest, HTTPException\n"
        "def first(req, res, next):\n"
        f"    try:\n        next()\n    except {error} as error:\n        res.status(418).send(str(error))\n"
        "middleware = [first]\ndef handler(req, res): res.end()\n"
    )
    answer = post(app_of(tmp_path, source), JSON, b"{")
    assert (answer.status, answer.body) == (418, b"400 Bad Request: Invalid JSON")
