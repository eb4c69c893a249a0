"""From content to `req.body`, through a real App (the contract's fourth chapter)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App
from apiroutes.body import decode_json
from apiroutes.errors import ApiError
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
    (JSON, b'{"a":1,"a":2}', ["dict", {"a": 2}]),
    (JSON, b"123456789012345678901234567890", ["int", 123456789012345678901234567890]),
    ("APPLICATION/JSON; charset=UTF-8", b"[]", ["list", []]),
    ("application/json ; charset=utf-8", b"[]", ["list", []]),
    ("application/json; charset=latin1", b'"\xe9"', ["str", "é"]),
    ("application/json; charset=utf-16le", '"é"'.encode("utf-16-le"), ["str", "é"]),
    ("application/ld+json", b"[1]", ["list", [1]]),
    ("application/vnd.api+json", b"[1]", ["list", [1]]),
    ("image/svg+json", b"[1]", ["list", [1]]),
    (FORM, b"a=1&b=2&a=3&a=4", ["dict", {"a": ["1", "3", "4"], "b": "2"}]),
    (FORM, b"a+b=c+d&%26=%3D&e&=f&&", ["dict", {"a b": "c d", "&": "=", "e": "", "": "f"}]),
    (FORM, b"a=%FF&b=%zz&c=%", ["dict", {"a": "\ufffd", "b": "%zz", "c": "%"}]),
    (FORM, "a=é&b=é%C3%A9".encode(), ["dict", {"a": "é", "b": "éé"}]),
    (f"{FORM}; charset=latin1", b"a=\xe9", ["dict", {"a": "é"}]),
    (TEXT, "héllo\r\n\0".encode(), ["str", "héllo\r\n\0"]),
    (TEXT, b"\xef\xbb\xbfhi", ["str", "hi"]),
    (None, b'{"a":1}', ["str", '{"a":1}']),
    ("", b"x", ["str", "x"]),
    ("json", b"x", ["str", "x"]),
    ("application/json;", b"{}", ["str", "{}"]),
    ("application/json, text/plain", b"{}", ["str", "{}"]),
    ('application/json; a="b', b"{}", ["str", "{}"]),
    (BYTES, b"\x00\xff", ["bytes", "\x00\xff"]),
    ("text/html", b"<p>", ["bytes", "<p>"]),
    ("text/json", b"{}", ["bytes", "{}"]),
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
    (JSON, b'"\\ud800"', "Invalid JSON"),
    (JSON, b'"a\tb"', "Invalid JSON"),
    (JSON, b"[" * 100_000, "Invalid JSON"),
    (JSON, b"[" * 20_000 + b"]" * 20_000, "Invalid JSON"),
    (JSON, b'"\xff"', "Invalid body"),
    (TEXT, b"\xff", "Invalid body"),
    (FORM, b"a=\xff", "Invalid body"),
    ("application/json; charset=utf-16le", b"\x00\xd8", "Invalid body"),
    ("text/plain; charset=punycode", b"x", "Invalid body"),
    ("text/plain; charset=zlib", b"", "Invalid body"),
    ("text/plain; charset=utf-7", b"x", "Invalid body"),
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
@settings(max_examples=300)
def test_the_depth_is_that_of_the_value(value: Any, limit: int) -> None:
    content = json.dumps(value).encode()
    if depth(value) > limit:
        with pytest.raises(ApiError):
            decode_json(content, limit)
    else:
        assert decode_json(content, limit) == value


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
