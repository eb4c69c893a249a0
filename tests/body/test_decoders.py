"""From content to `req.body`, by its media type (docs/behaviour.md §4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from tests.body.bodies import (
    BYTES,
    FORM,
    JSON,
    MULTIPART,
    ROUTES,
    SAMPLES,
    TEXT,
    CountingInput,
    chunked,
    post,
)
from tests.support import Extra, app_of, call, project


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("decoders"), ROUTES))


VALUES: list[tuple[str | None, bytes, Any]] = [
    (None, b"", ["NoneType", None]),
    (TEXT, b"", ["NoneType", None]),
    (BYTES, b"", ["NoneType", None]),
    (JSON, b"", ["dict", {}]),
    (JSON, b"\xef\xbb\xbf", ["dict", {}]),
    (FORM, b"", ["dict", {}]),
    ("multipart/form-data; boundary=X", b"", ["dict", {}]),
    (JSON, b'{"a": [1, 2.5, null, true, "\xc3\xa9"]}', ["dict", {"a": [1, 2.5, None, True, "é"]}]),
    (JSON, b"null", ["NoneType", None]),
    (JSON, b"0", ["int", 0]),
    (JSON, b'"\\ud83d\\ude00"', ["str", "😀"]),
    (JSON, b'"\\ud83d"', ["str", "\ufffd"]),
    (JSON, b'{"a":1,"a":2}', ["dict", {"a": 2}]),
    (JSON, b"123456789012345678901234567890", ["int", 123456789012345678901234567890]),
    ("APPLICATION/JSON; charset=UTF-8", b"[]", ["list", []]),
    ("application/json ; charset=utf-8", b"[]", ["list", []]),
    ("application/json; charset=latin1", b'"\xe9"', ["str", "é"]),
    ("application/json; charset=us-ascii", b'"\x80\x81"', ["str", "€\x81"]),
    ("application/json; charset=utf-16le", '"é"'.encode("utf-16-le"), ["str", "é"]),
    ("application/ld+json", b"[1]", ["list", [1]]),
    ("application/vnd.api+json", b"[1]", ["list", [1]]),
    ("image/svg+json", b"[1]", ["list", [1]]),
    (FORM, b"a=1&b=2&a=3&a=4", ["dict", {"a": ["1", "3", "4"], "b": "2"}]),
    (FORM, b"a+b=c+d&%26=%3D&e&=f&&", ["dict", {"a b": "c d", "&": "=", "e": "", "": "f"}]),
    (FORM, b"a=%FF&b=%zz&c=%", ["dict", {"a": "\ufffd", "b": "%zz", "c": "%"}]),
    (FORM, "a=é&b=é%C3%A9".encode(), ["dict", {"a": "é", "b": "éé"}]),
    (f"{FORM}; charset=latin1", b"a=\xc3\xa9&b=%C3%A9", ["dict", {"a": "é", "b": "é"}]),
    (f"{FORM}; charset=utf-16", b"a=1", ["dict", {"a": "1"}]),
    (TEXT, "héllo\r\n\0".encode(), ["str", "héllo\r\n\0"]),
    (TEXT, b"\xef\xbb\xbfhi", ["str", "hi"]),
    (None, b'{"a":1}', ["str", '{"a":1}']),
    ("", b"x", ["str", "x"]),
    ("json", b"x", ["str", "x"]),
    ("application/json;", b"{}", ["str", "{}"]),
    ("application/json, text/plain", b"{}", ["str", "{}"]),
    ('application/json; a="b', b"{}", ["str", "{}"]),
    (BYTES, b"\x00\xff", ["bytes", "\x00\xff"]),
    ("text/html", b"<p>", ["str", "<p>"]),
    ("text/json", b"{}", ["str", "{}"]),
    ("text/csv; charset=windows-1252", b"\x80,\xe9", ["str", "€,é"]),
    ("Text/Markdown; charset=shift_jis", b"\x93\xfa", ["str", "日"]),
    ("text/event-stream", b"data: x", ["str", "data: x"]),
    ("text/xml", b"", ["NoneType", None]),
    ("text/x+json", b"[1]", ["list", [1]]),
    ("texts/plain", b"x", ["bytes", "x"]),
    ("application/xml", b"<a/>", ["bytes", "<a/>"]),
    ("*/*", b"{}", ["bytes", "{}"]),
    ('text/plain; charset="utf-8"', b"x", ["str", "x"]),
    ("text/plain; charset=", b"x", ["str", "x"]),
]


@pytest.mark.parametrize(("content_type", "body", "value"), VALUES)
def test_a_body_is_decoded_by_its_type(app: App, content_type: str | None, body: bytes, value: Any) -> None:
    answer = post(app, content_type, body)
    assert (answer.status, answer.json()) == (200, value)


WRONG: list[tuple[str, bytes, str]] = [
    (JSON, b" ", "Invalid JSON"),
    (JSON, b"{", "Invalid JSON"),
    (JSON, b"{}x", "Invalid JSON"),
    (JSON, b"NaN", "Invalid JSON"),
    (JSON, b"[-Infinity]", "Invalid JSON"),
    (JSON, b"1e999", "Invalid JSON"),
    (JSON, b"9" * 100_000, "Invalid JSON"),
    (JSON, b'"\\ud800', "Invalid JSON"),
    (JSON, b'"a\tb"', "Invalid JSON"),
    (JSON, b"[" * 100_000, "Invalid JSON"),
    (JSON, b"[" * 20_000 + b"]" * 20_000, "Invalid JSON"),
    (JSON, b'"\xff"', "Invalid body"),
    (TEXT, b"\xff", "Invalid body"),
    (FORM, b"a=\xff", "Invalid body"),
    (f"{FORM}; charset=latin1", b"a=\xe9", "Invalid body"),
    (f"{FORM}; charset=bogus", b"a=1", "Invalid body"),
    ("application/json; charset=utf-16le", b"\x00\xd8", "Invalid body"),
    ("text/plain; charset=punycode", b"x", "Invalid body"),
    ("text/plain; charset=zlib", b"", "Invalid body"),
    ("text/plain; charset=utf-7", b"x", "Invalid body"),
    ("text/plain; charset=iso-2022-kr", b"x", "Invalid body"),
    ("text/plain; charset=utf_8", b"x", "Invalid body"),
    ("text/csv; charset=bogus", b"x", "Invalid body"),
    ("text/csv", b"\xff", "Invalid body"),
    ("text/html; charset=utf-16", b"<", "Invalid body"),
    (f"text/plain; charset={'x' * 1000}", b"x", "Invalid body"),
    ("multipart/form-data", b"--X--", "Invalid body"),
    ("multipart/form-data; boundary=X", b"nothing", "Invalid body"),
]


@pytest.mark.parametrize(("content_type", "body", "message"), WRONG)
def test_a_malformed_body_is_400(app: App, content_type: str, body: bytes, message: str) -> None:
    answer = post(app, content_type, body)
    assert (answer.status, answer.body.decode()) == (400, message)


def test_the_handler_is_not_called_for_a_malformed_body(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    raise AssertionError('called')\n")
    assert post(app, JSON, b"{").status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PURGE"])
def test_the_body_is_read_for_every_method(app: App, method: str) -> None:
    assert call(app, method, headers=[("Content-Type", JSON)], body=b"{").status == 400


@pytest.mark.parametrize("content_type", [None, *SAMPLES])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_without_content_the_body_is_none_or_an_empty_dict(
    app: App, content_type: str | None, is_chunked: bool
) -> None:
    extra = chunked() if is_chunked else {"CONTENT_LENGTH": "0"}
    is_empty_dict = content_type in (JSON, "application/ld+json", FORM, MULTIPART)
    expected = ["dict", {}] if is_empty_dict else ["NoneType", None]
    assert post(app, content_type, b"", **extra).json() == expected


BOM = b"\xef\xbb\xbf"


MARKED = [
    (JSON, BOM + b"[1]", 200),
    (JSON, BOM + BOM + b"[1]", 400),
    (JSON, b"[1]" + BOM, 400),
    (JSON, BOM[:1], 400),
    (JSON, BOM[:2] + b"[1]", 400),
    (f"{JSON}; charset=utf-16le", b"\xff\xfe" + "[1]".encode("utf-16-le"), 200),
    (f"{JSON}; charset=utf-16be", b"\xfe\xff" + "[1]".encode("utf-16-be"), 200),
    (JSON, "[1]".encode("utf-16"), 400),
    (JSON, "[1]".encode("utf-32"), 400),
]


@pytest.mark.parametrize(("content_type", "content", "status"), MARKED)
def test_a_byte_order_mark_is_dropped_once_at_the_start(
    app: App, content_type: str, content: bytes, status: int
) -> None:
    answer = post(app, content_type, content)
    assert answer.status == status
    assert status != 200 or answer.json() == ["list", [1]]


# -- content codings


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_content_coding_is_415(app: App, coding: str) -> None:
    assert call(app, "POST", headers=[("Content-Encoding", coding)], body=b"x").status == 415


def test_identity_does_not_count_as_a_content_coding(app: App) -> None:
    assert call(app, "POST", headers=[("Content-Encoding", "Identity")], body=b"x").status == 200


@pytest.mark.parametrize("content_type", SAMPLES)
@pytest.mark.parametrize(
    "coding", ["gzip", "br", "zstd", "compress", "GZIP", "x", "identity, gzip", "gzip;q=0"]
)
def test_no_content_coding_is_decoded(app: App, content_type: str, coding: str) -> None:
    stream = CountingInput(SAMPLES[content_type])
    extra: Extra = {
        "wsgi.input": stream,
        "CONTENT_LENGTH": str(len(SAMPLES[content_type])),
        "HTTP_CONTENT_ENCODING": coding,
    }
    assert (post(app, content_type, b"", **extra).status, stream.taken) == (415, 0)


@pytest.mark.parametrize("coding", ["identity", "IDENTITY", " identity ", ""])
def test_identity_may_be_spelled_in_any_case(app: App, coding: str) -> None:
    assert post(app, JSON, b"[]", HTTP_CONTENT_ENCODING=coding).json() == ["list", []]


# -- media types


TYPES: list[tuple[str, str | None]] = [
    ("application/json", "list"),
    ("Application/JSON", "list"),
    ("application/json;charset=UTF-8", "list"),
    ('application/json; charset="utf-8"', "list"),
    ("application/json; profile=x", "list"),
    ("application/problem+json", "list"),
    ("application/activity+json; charset=utf-8", "list"),
    ("application/x+JSON", "list"),
    ("application/json-seq", "bytes"),
    ("application/jsonp", "bytes"),
    ("application/+json", "list"),
    ("application/x-ndjson", "bytes"),
    ("text/plain", "str"),
    ("text/plain; charset=us-ascii", "str"),
    ("text/csv", "str"),
    ("text/csv; charset=zlib", None),
    ("TEXT/HTML", "str"),
    ("application/octet-stream; charset=zlib", "bytes"),
    ("application/xml; charset=punycode", "bytes"),
    ("multipart/mixed; boundary=X", "bytes"),
    ("image/png", "bytes"),
    ("application/json\x0b", "list"),
    ("application/json;;", "str"),
    ("/json", "str"),
    ("application/", "str"),
    ("a b/c", "str"),
    ("text/plain; charset=utf-8; charset=zlib", None),
]


@pytest.mark.parametrize(("content_type", "kind"), TYPES)
def test_the_media_type_decides_the_type_of_the_body(app: App, content_type: str, kind: str | None) -> None:
    answer = post(app, content_type, b"[1]")
    assert (answer.status, answer.json()[0] if answer.status == 200 else None) == (200 if kind else 400, kind)


@given(st.text(alphabet='application/json;charset=utf-8+ "\\x\t\xe9', max_size=40))
@settings(deadline=None)
def test_any_content_type_gets_a_response(app: App, content_type: str) -> None:
    assert post(app, None, b"[1]", CONTENT_TYPE=content_type).status in (200, 400)
