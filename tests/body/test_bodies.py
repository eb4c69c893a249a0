"""From content to `req.body`, through a real App (docs/behaviour.md §4)."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, Request
from apiroutes.errors import ApiError
from apiroutes.http.json import decode_json
from tests.support import Answer, Extra, app_of, call, environ, project

SHOW = """
def handler(req, res):
    body = req.body
    kind = type(body).__name__
    res.json([kind, body.decode("latin-1") if isinstance(body, bytes) else body])
"""
LENGTH = "def handler(req, res):\n    res.json(len(req.body))\n"
JSON, FORM, TEXT, BYTES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    files = {
        "pages/api/x.py": SHOW,
        "pages/api/length.py": LENGTH,
        "pages/api/small.py": 'config = {"api": {"bodyParser": {"sizeLimit": "10b"}}}\n' + SHOW,
        "pages/api/none.py": 'config = {"api": {"bodyParser": {"sizeLimit": 0}}}\n' + SHOW,
    }
    return App(project(tmp_path_factory.mktemp("bodies"), files))


def post(app: App, content_type: str | None, body: bytes, target: str = "/api/x", **extra: Any) -> Answer:
    headers = [] if content_type is None else [("Content-Type", content_type)]
    return call(app, "POST", target, headers, body, **extra)


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
def test_a_body_that_is_not_what_it_says_is_400(
    app: App, content_type: str, body: bytes, message: str
) -> None:
    answer = post(app, content_type, body)
    assert (answer.status, answer.body.decode()) == (400, message)


def test_the_handler_is_not_called_for_a_body_that_cannot_be_read(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    raise AssertionError('called')\n")
    assert post(app, JSON, b"{").status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PATCH", "PURGE"])
def test_every_method_has_its_body_read(app: App, method: str) -> None:
    assert call(app, method, headers=[("Content-Type", JSON)], body=b"{").status == 400


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_content_coding_is_415(app: App, coding: str) -> None:
    assert call(app, "POST", headers=[("Content-Encoding", coding)], body=b"x").status == 415


def test_identity_is_no_content_coding(app: App) -> None:
    assert call(app, "POST", headers=[("Content-Encoding", "Identity")], body=b"x").status == 200


# -- size and length


OF_TEN = {
    TEXT: b"0123456789",
    BYTES: b"0123456789",
    JSON: b'"01234567"',
    FORM: b"a=01234567",
}


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("content_type", OF_TEN)
def test_exactly_the_limit_passes(app: App, content_type: str, chunked: bool) -> None:
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None} if chunked else {}
    assert post(app, content_type, OF_TEN[content_type], "/api/small", **extra).status == 200


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("content_type", [*OF_TEN, "multipart/form-data; boundary=X"])
def test_a_byte_over_the_limit_is_413(app: App, content_type: str, chunked: bool) -> None:
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None} if chunked else {}
    answer = post(app, content_type, b"0" * 11, "/api/small", **extra)
    assert (answer.status, answer.body) == (413, b"Body exceeded 10b limit")


def test_a_limit_of_zero_is_zero(app: App) -> None:
    assert [post(app, TEXT, body, "/api/none").status for body in (b"", b"x")] == [200, 413]


class Counting(io.BytesIO):
    """A stream that gives a few bytes at a time and knows how many were asked of it."""

    def __init__(self, content: bytes, most: int = 3) -> None:
        super().__init__(content)
        self.most = most
        self.taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "read without a bound"
        content = super().read(min(size, self.most))
        self.taken += len(content)
        return content


def test_a_refused_body_is_not_read(app: App) -> None:
    stream = Counting(b"0" * 1000)
    answer = post(app, TEXT, b"", "/api/small", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "1000"}))
    assert (answer.status, stream.taken) == (413, 0)


def test_a_chunked_body_is_read_one_byte_past_the_limit(app: App) -> None:
    stream = Counting(b"0" * 1000, most=1000)
    extra: Extra = {"wsgi.input": stream, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert (post(app, TEXT, b"", "/api/small", **extra).status, stream.taken) == (413, 11)


def test_a_body_is_never_read_past_its_length(app: App) -> None:
    stream = Counting(b"0123456789", most=100)
    answer = post(app, TEXT, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "4"}))
    assert (answer.json(), stream.taken) == (["str", "0123"], 4)


@pytest.mark.parametrize("content_type", OF_TEN)
def test_a_body_may_come_in_small_pieces(app: App, content_type: str) -> None:
    stream = Counting(OF_TEN[content_type], most=1)
    answer = post(app, content_type, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "10"}))
    assert answer.status == 200


@pytest.mark.parametrize("content_type", [*OF_TEN, "multipart/form-data; boundary=X"])
@pytest.mark.parametrize("sent", range(10))
def test_a_body_shorter_than_announced_is_400(app: App, content_type: str, sent: int) -> None:
    stream = io.BytesIO(OF_TEN.get(content_type, b"--X\r\n0000")[:sent])
    answer = post(app, content_type, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": "10"}))
    assert (answer.status, answer.body) == (400, b"Invalid body")


@pytest.mark.parametrize("error", [OSError, ConnectionResetError, TimeoutError, RuntimeError])
@pytest.mark.parametrize("extra", [{"CONTENT_LENGTH": "5"}, {"HTTP_TRANSFER_ENCODING": "chunked"}])
def test_a_connection_that_breaks_is_400(app: App, error: type[Exception], extra: dict[str, str]) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise error

    assert post(app, TEXT, b"", **Extra({"wsgi.input": Broken(), **extra})).status == 400


LENGTHS = ["-1", "+5", "1_0", "0x10", "5.0", "５", "5,5", " 5", "abc"]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_that_is_none_is_400(app: App, length: str) -> None:
    assert post(app, TEXT, b"01234", CONTENT_LENGTH=length).status == 400


@pytest.mark.parametrize("length", ["9" * 18, "9" * 25, "9" * 5000])
def test_a_length_beyond_everything_is_413(app: App, length: str) -> None:
    assert post(app, TEXT, b"01234", CONTENT_LENGTH=length).status == 413


def test_without_a_length_nothing_is_read(app: App) -> None:
    stream = Counting(b"01234")
    answer = post(app, TEXT, b"", **Extra({"wsgi.input": stream, "CONTENT_LENGTH": ""}))
    assert (answer.json(), stream.taken) == (["NoneType", None], 0)


def test_a_coding_other_than_chunked_is_501(app: App) -> None:
    assert post(app, TEXT, b"01234", HTTP_TRANSFER_ENCODING="gzip, chunked").status == 501


def test_chunks_that_the_server_does_not_end_are_411(app: App) -> None:
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": None}
    assert post(app, TEXT, b"01234", **extra).status == 411


def test_chunked_wins_over_a_length(app: App) -> None:
    assert (
        post(app, TEXT, b"01234", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="2").json()[1] == "01234"
    )


# -- limits within


def test_as_many_pairs_as_allowed_pass(app: App) -> None:
    body = b"&".join(b"k%d=1" % number for number in range(1000))
    assert post(app, FORM, body, "/api/length").json() == 1000


@pytest.mark.parametrize("body", [b"&".join(b"k%d=1" % n for n in range(1001)), b"&" * 1000, b"a&" * 100_000])
def test_more_pairs_are_413(app: App, body: bytes) -> None:
    assert post(app, FORM, body).status == 413


NESTED = [
    b"[" * 200 + b"]" * 200,
    b'{"a":' * 199 + b"[]" + b"}" * 199,
    b'["' + b"[" * 1000 + b'"]',
    b'["' + b'\\"[' * 1000 + b'"]',
    b'["\\\\","' + b"{" * 1000 + b'"]',
    b"[" + b"[]," * 1000 + b"[]]",
]


@pytest.mark.parametrize("body", NESTED)
def test_json_may_nest_200_deep(app: App, body: bytes) -> None:
    assert post(app, JSON, body, "/api/length").status == 200


@pytest.mark.parametrize("body", [b"[" * 201 + b"]" * 201, b'{"a":' * 200 + b"[]" + b"}" * 200])
def test_json_that_nests_deeper_is_400(app: App, body: bytes) -> None:
    assert post(app, JSON, body).status == 400


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


brackets = st.text(alphabet='[]{}\\",:a', max_size=6)
values = st.recursive(
    st.none() | st.integers() | brackets,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(brackets, inner, max_size=3),
    max_leaves=30,
)


@given(value=values, limit=st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_the_depth_is_that_of_the_value(value: Any, limit: int) -> None:
    content = json.dumps(value).encode()
    if depth(value) > limit:
        with pytest.raises(ApiError):
            decode_json(content, limit)
    else:
        assert decode_json(content, limit) == value


@given(st.text(alphabet='[]{}",:\\1 ', max_size=40), st.integers(0, 4))
@settings(deadline=None, max_examples=1000)
def test_a_document_is_refused_where_it_is_none_or_too_deep(text: str, limit: int) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None  # which no text of these characters stands for
    if expected is not None and depth(expected) <= limit:
        assert decode_json(text.encode(), limit) == expected
    else:
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode_json(text.encode(), limit)


def test_a_long_document_is_the_same_whichever_way_it_is_decoded() -> None:
    """Long ones that nest 7 deep at most are decoded by types."""
    scalars = [0, -1, 2**63, 2**64, 10**400, 0.0, 1.0, 1e22, -2.5e-300, "", "é😀", True, False, None, [], {}]
    for levels in range(10):
        value: Any = scalars
        for level in range(levels):
            value = [value, level] if level % 2 else {"a": value, "": level, "é": "x" * 500}
        content = json.dumps(value).encode()
        found: Any = decode_json(content, 200)
        assert repr(found) == repr(json.loads(content))
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode_json(content[:-1], 200)
        with pytest.raises(ApiError):
            decode_json(content, levels + 1)


HOSTILE = [b"[" * 500_000, b'{"a":' * 100_000, b'["]",' * 100_000, b'["\\"]' * 100_000, b'"' + b"[" * 500_000]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:8]))
def test_no_depth_exhausts_the_stack_of_a_small_thread(app: App, body: bytes) -> None:
    """Servers choose the stacks of their threads; past the end of one the process is gone."""
    usual = threading.stack_size(256 * 1024)
    try:
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(post, app, JSON, body).result()
    finally:
        threading.stack_size(usual)
    assert (answer.status, answer.body) == (400, b"Invalid JSON")


# -- with parsing off

RAW = 'config = {"api": {"bodyParser": False}}\n'


def test_with_parsing_off_the_stream_ends_where_the_content_ends(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(req.stream.read())\n")
    stream = Counting(b"0123456789", most=2)
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


def test_a_raw_body_is_bounded(tmp_path: Path) -> None:
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.send(req.raw_body)\n", body_size_limit="5b")
    assert [post(app, JSON, body).status for body in (b"01234", b"012345")] == [200, 413]


def test_environ_is_the_same_for_every_read(tmp_path: Path) -> None:
    made = environ("POST", body=b"abc")
    app = app_of(tmp_path, RAW + "def handler(req, res):\n    res.json([req.body, len(req.raw_body)])\n")
    assert call(app, "POST", body=b"abc", **Extra({"wsgi.input": made["wsgi.input"]})).json() == [None, 3]


# -- every kind of body, at every length

MULTIPART = "multipart/form-data; boundary=X"
PART = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
OF_A_KIND = {
    JSON: b'{"a": [1, "\xc3\xa9"]}',
    "application/ld+json": b'{"a": [1, 2]}',
    FORM: b"a=1&b=%C3%A9",
    MULTIPART: PART,
    TEXT: "héllo".encode(),
    BYTES: b"\x00\x01\xff",
}


def chunked(**more: Any) -> Extra:
    return {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None, **more}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> App:
    """One route for each length of the samples, whose limit is that length."""
    lengths = {len(content) for content in OF_A_KIND.values()}
    files = {
        f"pages/api/{length}.py": f'config = {{"api": {{"bodyParser": {{"sizeLimit": {length}}}}}}}\n{SHOW}'
        for length in lengths | {length - 1 for length in lengths}
    }
    return App(project(tmp_path_factory.mktemp("limited"), files))


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", OF_A_KIND)
def test_every_kind_passes_at_its_limit_and_not_above(
    limited: App, content_type: str, is_chunked: bool
) -> None:
    content = OF_A_KIND[content_type]
    extra = chunked() if is_chunked else {}
    at, above = (
        post(limited, content_type, content, f"/api/{length}", **extra)
        for length in (len(content), len(content) - 1)
    )
    assert (at.status, above.status) == (200, 413)
    assert above.body == f"Body exceeded {len(content) - 1} limit".encode()


@pytest.mark.parametrize("content_type", OF_A_KIND)
def test_a_body_cut_off_anywhere_is_400(app: App, content_type: str) -> None:
    content = OF_A_KIND[content_type]
    for length in range(len(content)):
        answer = post(app, content_type, content[:length], CONTENT_LENGTH=str(len(content)))
        assert (answer.status, answer.body) == (400, b"Invalid body"), length


@pytest.mark.parametrize("most", [1, 2, 7, 1000])
@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("content_type", OF_A_KIND)
def test_a_body_is_the_same_however_many_bytes_a_read_gives(
    app: App, content_type: str, is_chunked: bool, most: int
) -> None:
    content = OF_A_KIND[content_type]
    whole = post(app, content_type, content)
    length = chunked() if is_chunked else {"CONTENT_LENGTH": str(len(content))}
    extra: Extra = {**length, "wsgi.input": Counting(content, most)}
    in_pieces = post(app, content_type, b"", **extra)
    assert (in_pieces.status, in_pieces.body) == (200, whole.body)


@pytest.mark.parametrize("content_type", OF_A_KIND)
def test_no_kind_is_read_past_its_announced_end(app: App, content_type: str) -> None:
    content = OF_A_KIND[content_type]
    stream = Counting(content + b"GET / HTTP/1.1\r\n", most=1000)
    extra: Extra = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(content))}
    answer = post(app, content_type, b"", **extra)
    assert (answer.status, stream.taken) == (200, len(content))


@pytest.mark.parametrize("content_type", OF_A_KIND)
@pytest.mark.parametrize("error", [OSError, ConnectionResetError, ValueError, StopIteration, RuntimeError])
def test_an_input_that_fails_midway_is_400(app: App, content_type: str, error: type[Exception]) -> None:
    class Breaking(Counting):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.taken:
                raise error
            return super().read(size)

    content = OF_A_KIND[content_type]
    extra: Extra = {"wsgi.input": Breaking(content, most=1), "CONTENT_LENGTH": str(len(content))}
    answer = post(app, content_type, b"", **extra)
    assert (answer.status, answer.body) == (400, b"Invalid body")


@pytest.mark.parametrize("content_type", OF_A_KIND)
@pytest.mark.parametrize("length", ["-1", "+5", "1_0", "0x10", "５", "5,5", "5.0", " 5", "5 ", "\n5", "²"])
def test_a_length_that_is_none_is_400_for_every_kind(app: App, content_type: str, length: str) -> None:
    stream = Counting(OF_A_KIND[content_type])
    extra: Extra = {"wsgi.input": stream, "CONTENT_LENGTH": length}
    assert (post(app, content_type, b"", **extra).status, stream.taken) == (400, 0)


@pytest.mark.parametrize("content_type", OF_A_KIND)
@pytest.mark.parametrize(
    ("coding", "terminated", "status"),
    [
        ("gzip", True, 501),
        ("chunked, gzip", True, 501),
        ("chunked, chunked", True, 501),
        ("identity", True, 501),
        ("xchunked", True, 501),
        (" ", True, 501),
        ("chunked", False, 411),
        ("chunked", None, 411),
        ("CHUNKED", True, 200),
        (" chunked ", True, 200),
    ],
)
def test_a_transfer_coding_is_chunked_or_refused(
    app: App, content_type: str, coding: str, terminated: bool | None, status: int
) -> None:
    extra = chunked(**{"wsgi.input_terminated": terminated, "HTTP_TRANSFER_ENCODING": coding})
    assert post(app, content_type, OF_A_KIND[content_type], **extra).status == status


@pytest.mark.parametrize("content_type", OF_A_KIND)
@pytest.mark.parametrize(
    "coding", ["gzip", "br", "zstd", "compress", "GZIP", "x", "identity, gzip", "gzip;q=0"]
)
def test_no_content_coding_is_undone(app: App, content_type: str, coding: str) -> None:
    stream = Counting(OF_A_KIND[content_type])
    extra: Extra = {
        "wsgi.input": stream,
        "CONTENT_LENGTH": str(len(OF_A_KIND[content_type])),
        "HTTP_CONTENT_ENCODING": coding,
    }
    assert (post(app, content_type, b"", **extra).status, stream.taken) == (415, 0)


@pytest.mark.parametrize("coding", ["identity", "IDENTITY", " identity ", ""])
def test_identity_is_none(app: App, coding: str) -> None:
    assert post(app, JSON, b"[]", HTTP_CONTENT_ENCODING=coding).json() == ["list", []]


@pytest.mark.parametrize("content_type", [None, *OF_A_KIND])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_no_content_is_none_or_an_empty_dict(app: App, content_type: str | None, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {"CONTENT_LENGTH": "0"}
    is_empty_dict = content_type in (JSON, "application/ld+json", FORM, MULTIPART)
    expected = ["dict", {}] if is_empty_dict else ["NoneType", None]
    assert post(app, content_type, b"", **extra).json() == expected


# -- JSON

NUMBERS = [
    (b"1e308", 1e308),
    (b"-1E-400", 0.0),
    (b"1e400", None),
    (b"-1e400", None),
    (b"1" + b"0" * 400, 10**400),
    (b"9" * 4300, int("9" * 4300)),
    (b"9" * 4301, None),
    (b"-" + b"9" * 100_000, None),
    (b"0." + b"1" * 1000, float("0." + "1" * 1000)),
    (b"01", None),
    (b"+1", None),
    (b".5", None),
    (b"1.", None),
    (b"0x10", None),
    (b"1_000", None),
    (b"NaN", None),
    (b"nan", None),
    (b"Infinity", None),
    (b"-Infinity", None),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
@pytest.mark.parametrize("around", [b"%s", b"[%s]", b'{"a": %s}'])
def test_a_number_is_finite_and_exact_or_refused(around: bytes, text: bytes, value: Any) -> None:
    content = around % text
    if value is None:
        with pytest.raises(ApiError, match="Invalid JSON"):
            decode_json(content, 200)
    else:
        found: Any = decode_json(content, 200)
        assert (found if around == b"%s" else found[0] if around[:1] == b"[" else found["a"]) == value


TEXTS: list[tuple[bytes, Any]] = [
    (b'"\\ud83d\\ude00"', "😀"),
    (b'"\\u0000"', "\0"),
    (b'"\\uD83D\\uDE00"', "😀"),
    (b'"\\ud800"', "\ufffd"),
    (b'"\\uDFFF"', "\ufffd"),
    (b'"\\ud800\\u0041"', "\ufffdA"),
    (b'"\\ud800\\n"', "\ufffd\n"),
    (b'"\\udc00\\ud800"', "\ufffd\ufffd"),
    (b'"\\ud83d\\ud83d\\ude00\\ude00"', "\ufffd😀\ufffd"),
    (b'"\\\\ud83d"', "\\ud83d"),
    (b'"\\\\ud83d\\ude00"', "\\ud83d\ufffd"),
    (b'"\\\\\\ud83d\\\\"', "\\\ufffd\\"),
    (b'"\\ud83d\xf0\x9f\x98\x80"', "\ufffd😀"),
    (b'"\\ud83\\ud83d"', None),
    (b'"\\Ud83d"', None),
    (b'"\\ud83d\x00\x00"', None),
    (b'"\\ud83d\xed\xa0\x80"', None),
    (b"\\ud83d", None),
    (b'"\xed\xa0\x80"', None),
    (b'"\xc0\xaf"', None),
    (b'"\xf4\x90\x80\x80"', None),
    (b'"\xff"', None),
    (b'"\x00"', None),
    (b'"\n"', None),
    (b'"\\x41"', None),
    (b"'a'", None),
    (b'"a', None),
]


@pytest.mark.parametrize(("text", "value"), TEXTS)
def test_a_text_is_of_unicode_scalars_or_refused(app: App, text: bytes, value: Any) -> None:
    answer = post(app, JSON, text)
    assert answer.status == (400 if value is None else 200)
    assert value is None or answer.json() == ["str", value]


@pytest.mark.parametrize(("text", "value"), [*NUMBERS, *TEXTS])
@pytest.mark.parametrize("levels", [1, 6, 7, 8, 50])
def test_a_value_in_a_long_document_is_what_it_is_alone(text: bytes, value: Any, levels: int) -> None:
    content = b"[" * levels + text + b"]" * (levels - 1) + b"," + b"0," * 300 + b"0]"
    if value is None:
        with pytest.raises(ApiError):
            decode_json(content, 200)
    else:
        found: Any = decode_json(content, 200)
        for _ in range(levels):
            found = found[0]
        assert (type(found), found) == (type(value), value)


NESTED_SURROGATES = [
    (b'{"\\ud800": 1}', {"\ufffd": 1}),
    (b'{"a": [{"\\ud83d": ["\\udc00", "\\ud83d\\ude00"]}]}', {"a": [{"\ufffd": ["\ufffd", "😀"]}]}),
    (b'{"\\ud800": 1, "\\udfff": 2}', {"\ufffd": 2}),
    (b"[" * 200 + b'"\\ud800"' + b"]" * 200, None),
]


@pytest.mark.parametrize(("text", "value"), NESTED_SURROGATES)
def test_half_a_surrogate_pair_is_replaced_anywhere(app: App, text: bytes, value: Any) -> None:
    answer = post(app, JSON, text)
    assert answer.status == 200
    assert value is None or answer.json()[1] == value


ESCAPES = ["\\ud83d", "\\uDE00", "\\\\", "\\n", '\\"', "\\u0041", "ud83d", "\\ufffd", "a", "😀"]


@given(st.lists(st.lists(st.sampled_from(ESCAPES), max_size=8).map("".join), min_size=1, max_size=4))
@settings(deadline=None, max_examples=500)
def test_only_halves_of_surrogate_pairs_are_replaced(texts: list[str]) -> None:
    content = "[" + ", ".join(f'"{text}"' for text in texts) + "]"
    expected = [without_halves(text) for text in json.loads(content)]
    assert decode_json(content.encode(), 200) == expected


def without_halves(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


TYPED = """
import msgspec

class Item(msgspec.Struct):
    name: str
    tags: dict[str, list[str]]
    count: int = 0

def POST(body: Item):
    return [body.name, body.tags]
"""
TYPED_BODIES = [
    (b'{"name": "\\ud83d", "tags": {"\\ude00": ["a\\ud83d"]}}', 200, ["\ufffd", {"\ufffd": ["a\ufffd"]}]),
    (b'{"n\\u0061me": "\\ud83d\\ude00", "tags": {}, "other": "\\ud83d"}', 200, ["😀", {}]),
    (b'{"name": "\\ud83d", "tags": {}, "count": "x"}', 422, None),
    (b'{"count": "x", "name": "\\ud83d", "tags": {}}', 422, None),
    (b'{"name": "\\ud83d", "tags": {}', 400, None),
]


@pytest.mark.parametrize(("content", "status", "value"), TYPED_BODIES)
def test_half_a_surrogate_pair_is_replaced_in_a_typed_body(
    tmp_path: Path, content: bytes, status: int, value: Any
) -> None:
    answer = post(app_of(tmp_path, TYPED), JSON, content)
    assert answer.status == status
    assert value is None or answer.json() == value


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_a_typed_body_without_content_is_an_empty_object(tmp_path: Path, content: bytes) -> None:
    answer = post(app_of(tmp_path, TYPED), JSON, content)
    assert (answer.status, b"body.name" in answer.body) == (422, True)


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


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"a":{"b":1},"a":2}'])
def test_of_equal_keys_the_last_counts(app: App, text: bytes) -> None:
    assert post(app, JSON, text).json() == ["dict", {"a": 2}]


@pytest.mark.parametrize("name", ["__proto__", "constructor", "toString", "__class__"])
def test_a_key_is_only_a_key(app: App, name: str) -> None:
    assert post(app, JSON, json.dumps({name: {"a": 1}}).encode()).json() == ["dict", {name: {"a": 1}}]


def with_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): with_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_texts(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


JSONISH = st.text(alphabet='[]{}",:\\u0d8e1.-+truefalsn \n\t', max_size=20)


@given(JSONISH)
@settings(deadline=None)
def test_any_text_is_the_json_that_python_reads_or_refused(text: str) -> None:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        expected = json.loads(text, parse_constant=refuse)
        json.dumps(expected, allow_nan=False)
    except (ValueError, RecursionError):
        with pytest.raises(ApiError):
            decode_json(text.encode(), 200)
    else:
        assert decode_json(text.encode(), 200) == with_texts(expected, without_halves)


@given(st.binary(max_size=20))
@settings(deadline=None)
def test_any_bytes_are_json_or_refused(content: bytes) -> None:
    status = 400
    try:
        decode_json(content, 200)
    except ApiError as error:
        status = error.status
    assert status == 400


LEVELS = [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"]":', b"}]"), (b'{"[\\"{":[', b"]}")]


@pytest.mark.parametrize(("opening", "closing"), LEVELS)
@pytest.mark.parametrize("around", [b"%s", b'{"x": "%%]", "y": %s, "z": "[{\\\\"}'])
def test_200_levels_pass_and_201_do_not(app: App, around: bytes, opening: bytes, closing: bytes) -> None:
    levels = 1 if opening in (b"[", b'{"a":') else 2
    outer = 0 if around == b"%s" else 1
    for depth_wanted, status in ((200, 200), (201, 400)):
        repeats, odd = divmod(depth_wanted - outer, levels)
        inner = b"[]" if odd else b"1"
        text = around % (opening * repeats + inner + closing * repeats)
        assert depth(json.loads(text)) == depth_wanted
        assert post(app, JSON, text, "/api/length" if status == 200 else "/api/x").status == status


# -- urlencoded


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("pairs", "status"), [(1, 200), (999, 200), (1000, 200), (1001, 413), (5000, 413)])
def test_pairs_are_counted(app: App, pairs: int, status: int, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    answer = post(app, FORM, b"&".join([b"a=1"] * pairs), "/api/length", **extra)
    assert answer.status == status
    assert status == 200 or answer.body == b"Form has more than 1000 fields"


def test_the_number_of_pairs_is_a_setting(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHOW, max_form_pairs=2)
    assert [post(app, FORM, body).status for body in (b"a=1&b=2", b"a=1&b=2&c=3")] == [200, 413]


FORMS: list[tuple[bytes, dict[str, Any]]] = [
    (b"a", {"a": ""}),
    (b"=", {"": ""}),
    (b"a==b", {"a": "=b"}),
    (b"a=b=c", {"a": "b=c"}),
    (b"a=1;b=2", {"a": "1;b=2"}),
    (b"a[]=1&a[]=2", {"a[]": ["1", "2"]}),
    (b"a[b]=1", {"a[b]": "1"}),
    (b"%61=1&a=2", {"a": ["1", "2"]}),
    (b"a=%252B", {"a": "%2B"}),
    (b"a=%00", {"a": "\0"}),
    (b"a=%0D%0A", {"a": "\r\n"}),
    (b"a=%C3", {"a": "\ufffd"}),
    (b"a=%C3x%A9", {"a": "\ufffdx\ufffd"}),
    (b"a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
    (b"__proto__=1&constructor=2", {"__proto__": "1", "constructor": "2"}),
]


@pytest.mark.parametrize(("body", "value"), FORMS)
def test_a_form_is_read_as_a_query_is(app: App, body: bytes, value: dict[str, Any]) -> None:
    assert post(app, FORM, body).json() == ["dict", value]
    assert Request({"QUERY_STRING": body.decode()}).query == value


# -- what a client may say of its content

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
def test_a_media_type_decides_what_a_body_is(app: App, content_type: str, kind: str | None) -> None:
    answer = post(app, content_type, b"[1]")
    assert (answer.status, answer.json()[0] if answer.status == 200 else None) == (200 if kind else 400, kind)


@given(st.text(alphabet='application/json;charset=utf-8+ "\\x\t\xe9', max_size=40))
@settings(deadline=None)
def test_any_content_type_is_answered(app: App, content_type: str) -> None:
    assert post(app, None, b"[1]", CONTENT_TYPE=content_type).status in (200, 400)


# -- a body at limits of its reader


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 2**20])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_of_several_reads_is_whole(app: App, size: int, is_chunked: bool) -> None:
    extra = chunked() if is_chunked else {}
    assert post(app, BYTES, b"x" * size, "/api/length", **extra).json() == size


def test_an_input_that_gives_nothing_is_a_body_cut_off(app: App) -> None:
    class Blocking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> Any:
            return None  # as a socket does that does not block

    extra: Extra = {"wsgi.input": Blocking(), "CONTENT_LENGTH": "3"}
    assert post(app, TEXT, b"", **extra).status == 400
