"""What a handler says, and what goes over the wire (docs/behaviour.md §6)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, Response, ResponseSentError, is_local
from apiroutes.errors import ResponseAborted
from tests.support import Answer, app_of, call, environ

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


def said(root: Path, *lines: str, before: str = "", **request: Any) -> Answer:
    """The answer of a handler with these lines."""
    source = before + "\ndef handler(req, res):\n    " + "\n    ".join(lines) + "\n"
    return call(app_of(root, source), **request)


# -- JSON

PREPARE = """
import collections, dataclasses, datetime, decimal, enum, uuid
import msgspec
class Colour(enum.Enum):
    RED = "red"
class Name(str): pass
@dataclasses.dataclass
class Point:
    x: int
class Struct(msgspec.Struct):
    y: int
class Model:
    def model_dump(self, mode): return {"mode": mode}
"""
WRITTEN = {
    "None": "null",
    "True": "true",
    "1.5": "1.5",
    "10**30": str(10**30),
    "'é☃'": '"é☃"',
    "{'a': [1, (2, 3)]}": '{"a":[1,[2,3]]}',
    "{1: 2}": '{"1":2}',
    "float('nan')": "null",
    "[float('inf')]": "[null]",
    "{1}": "[1]",
    "frozenset()": "[]",
    "datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)": '"2020-01-02T00:00:00Z"',
    "datetime.date(2020, 1, 2)": '"2020-01-02"',
    "uuid.UUID(int=1)": '"00000000-0000-0000-0000-000000000001"',
    "decimal.Decimal('1.50')": '"1.50"',
    "Colour.RED": '"red"',
    "Name('n')": '"n"',
    "Point(1)": '{"x":1}',
    "Struct(2)": '{"y":2}',
    "Model()": '{"mode":"json"}',
    "collections.OrderedDict(a=1)": '{"a":1}',
    "collections.UserDict(a=1)": '{"a":1}',
    "collections.deque([1])": "[1]",
    "range(3)": "[0,1,2]",
    "{'a': 1}.values()": "[1]",
    "b'abc'": '"YWJj"',
}


@pytest.mark.parametrize("value", WRITTEN)
def test_a_value_is_written_as_json(tmp_path: Path, value: str) -> None:
    answer = said(tmp_path, f"res.json({value})", before=PREPARE)
    assert (answer.status, answer.header("Content-Type"), answer.body.decode()) == (200, JSON, WRITTEN[value])


UNWRITABLE = {
    "an object": "object()",
    "a lone surrogate": "'\\ud800'",
    "a key that is a tuple": "{(1, 2): 1}",
    "a key that is None": "{None: 1}",
    "a generator that fails": "(1 / 0 for n in 'ab')",
    "an exception": "ValueError('x')",
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_json_cannot_say_is_one_logged_500(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = said(tmp_path, "res.set_header('X-A', '1')", f"res.json([1, {value}])")
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("lines", [["a = []", "a.append(a)"], ["a = []", "for _ in range(100_000): a = [a]"]])
def test_nesting_without_end_is_500(tmp_path: Path, lines: list[str]) -> None:
    assert said(tmp_path, *lines, "res.json(a)").status == 500


def test_json_without_a_value_has_no_content(tmp_path: Path) -> None:
    answer = said(tmp_path, "res.json()")
    assert (answer.header("Content-Type"), answer.header("Content-Length"), answer.header("ETag")) == (
        JSON,
        "0",
        None,
    )


# -- send

SENT: list[tuple[str, str | None, bytes]] = [
    ("", None, b""),
    ("None", None, b""),
    ("''", None, b""),
    ("'é'", TEXT, "é".encode()),
    ("b'x'", "application/octet-stream", b"x"),
    ("bytearray(b'x')", "application/octet-stream", b"x"),
    ("memoryview(b'x')", "application/octet-stream", b"x"),
    ("{'a': 1}", JSON, b'{"a":1}'),
    ("[1]", JSON, b"[1]"),
    ("5", JSON, b"5"),
    ("False", JSON, b"false"),
    ("iter(['a', b'b', bytearray(b'c')])", "application/octet-stream", b"abc"),
    ("iter([])", "application/octet-stream", b""),
    ("iter(['', b'', 'a'])", "application/octet-stream", b"a"),
    ("__import__('io').BytesIO(b'file')", "application/octet-stream", b"file"),
    ("__import__('io').StringIO('file')", "application/octet-stream", b"file"),
]


@pytest.mark.parametrize(("body", "media_type", "content"), SENT)
def test_send_answers_with_what_the_body_is(
    tmp_path: Path, body: str, media_type: str | None, content: bytes
) -> None:
    answer = said(tmp_path, f"res.send({body})")
    assert (answer.status, answer.header("Content-Type"), answer.body) == (200, media_type, content)


@pytest.mark.parametrize("body", ["'x'", "b'x'", "iter('x')"])
def test_a_type_that_was_set_stays(tmp_path: Path, body: str) -> None:
    answer = said(tmp_path, "res.set_header('content-type', 'text/x')", f"res.send({body})")
    assert answer.all("Content-Type") == ["text/x"]


@pytest.mark.parametrize("call_", ["res.json({})", "res.send({})"])
def test_json_is_called_json_whatever_was_set(tmp_path: Path, call_: str) -> None:
    assert said(tmp_path, "res.append_header('Content-Type', ['a/b', 'c/d'])", call_).all("Content-Type") == [
        JSON
    ]


def test_text_is_not_to_be_taken_for_anything_else(tmp_path: Path) -> None:
    assert said(tmp_path, "res.send('<script>')").header("X-Content-Type-Options") == "nosniff"


LENGTHS = {"json": "res.json(1)", "text": "res.send('é')", "end": "res.end('ab')", "nothing": "res.end()"}


@pytest.mark.parametrize("line", LENGTHS.values(), ids=LENGTHS)
def test_content_has_its_true_length(tmp_path: Path, line: str) -> None:
    answer = said(tmp_path, "res.set_header('Content-Length', 99)", line)
    assert answer.all("Content-Length") == [str(len(answer.body))]


def test_a_file_has_its_remaining_length(tmp_path: Path) -> None:
    answer = said(tmp_path, "import io", "file = io.BytesIO(b'abcdef')", "file.read(2)", "res.send(file)")
    assert (answer.header("Content-Length"), answer.body) == ("4", b"cdef")


def test_a_file_that_cannot_seek_is_streamed(tmp_path: Path) -> None:
    lines = [
        "import os",
        "r, w = os.pipe()",
        "os.write(w, b'ab'), os.close(w)",
        "res.send(os.fdopen(r, 'rb'))",
    ]
    answer = said(tmp_path, *lines)
    assert (answer.header("Content-Length"), answer.body) == (None, b"ab")


# -- end, write and redirect


def test_write_sends_at_once_and_end_finishes(tmp_path: Path) -> None:
    lines = [
        "res.status(202).set_header('X-A', '1')",
        "assert res.write('a') is True",
        "res.write(b'b')",
        "res.end('c')",
    ]
    answer = said(tmp_path, *lines)
    assert (answer.status, answer.header("X-A"), answer.header("Content-Length"), answer.body) == (
        202,
        "1",
        None,
        b"abc",
    )


def test_what_was_written_ends_with_the_handler(tmp_path: Path) -> None:
    assert said(tmp_path, "res.write('a')").body == b"a"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_what_is_written_where_no_content_may_be_is_dropped(tmp_path: Path, method: str, status: int) -> None:
    assert said(tmp_path, f"res.status({status})", "res.write('a')", method=method).body == b""


@pytest.mark.parametrize("line", ["res.end(5)", "res.end(None)", "res.write({})"])
def test_content_that_is_none_is_500(tmp_path: Path, line: str) -> None:
    assert said(tmp_path, line).status == 500


REDIRECTS = [
    ("'/login'", 307, "/login"),
    ("301, '/login'", 301, "/login"),
    ("302, ''", 302, ""),
    ("303, '//host/x'", 303, "//host/x"),
    ("308, 'https://example.com/a?b=c#d'", 308, "https://example.com/a?b=c#d"),
    ("'/a b\\t\"<>'", 307, "/a%20b%09%22%3C%3E"),
    ("'/é☃'", 307, "/%C3%A9%E2%98%83"),
    ("'/%20[1]'", 307, "/%20[1]"),
]


@pytest.mark.parametrize(("arguments", "status", "location"), REDIRECTS)
def test_a_redirect_has_an_encoded_location(
    tmp_path: Path, arguments: str, status: int, location: str
) -> None:
    answer = said(tmp_path, f"res.redirect({arguments})")
    assert (answer.status, answer.header("Location"), answer.body.decode()) == (status, location, location)


@pytest.mark.parametrize(
    "arguments",
    [
        "200, '/'",
        "304, '/'",
        "'302', '/'",
        "True, '/'",
        "302",
        "None",
        "'/a\\r\\nX: 1'",
        "'/\\0'",
        "302, None",
    ],
)
def test_a_redirect_that_is_none_is_500(tmp_path: Path, arguments: str) -> None:
    assert said(tmp_path, f"res.redirect({arguments})").status == 500


LOCAL = ["/", "/a", "/a?b=//c", "/a//b", "/@host", "/%5Chost"]
FOREIGN = [
    "",
    "a",
    "//host",
    "/\\host",
    "\\\\host",
    "\\/host",
    "https://host",
    "https:host",
    "javascript:alert(1)",
    "/\t/host",
    "/\n/host",
    "\t//host",
    " //host",
    "/a\\b",
    "\x01https://host",
]


@pytest.mark.parametrize("url", LOCAL)
def test_a_path_is_local(tmp_path: Path, url: str) -> None:
    assert is_local(url)
    assert said(tmp_path, f"res.safe_redirect({url!r})").status == 307


@pytest.mark.parametrize("url", FOREIGN)
def test_what_may_lead_away_is_not_local(tmp_path: Path, url: str) -> None:
    assert not is_local(url)
    assert said(tmp_path, f"res.safe_redirect(302, {url!r})").status == 500


# -- status


@pytest.mark.parametrize("status", [200, 201, 206, 299, 404, 418, 451, 499, 599])
def test_a_status_is_sent(tmp_path: Path, status: int) -> None:
    assert said(tmp_path, f"res.status({status}).end()").status == status


@pytest.mark.parametrize("status", ["99", "100", "199", "600", "'404'", "True", "None", "200.0"])
@pytest.mark.parametrize("line", ["res.status({}).end()", "res.status_code = {}; res.end()"])
def test_a_status_that_is_none_is_500(tmp_path: Path, status: str, line: str) -> None:
    assert said(tmp_path, line.format(status)).status == 500


@pytest.mark.parametrize("line", ["res.json([1])", "res.send('x')", "res.end('x')", "res.send(iter('x'))"])
@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, None)])
def test_a_status_without_content_has_none(
    tmp_path: Path, status: int, length: str | None, line: str
) -> None:
    answer = said(tmp_path, "res.set_header('Content-Length', 5)", f"res.status({status})", line)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (status, b"", length)
    assert answer.header("ETag") is None


def test_a_reason_is_that_of_rfc_9110(tmp_path: Path) -> None:
    seen: list[str] = []

    def start_response(status: str, headers: Any) -> Any:
        seen.append(status)

    list(app_of(tmp_path, "def handler(req, res):\n    res.status(413).end()\n")(environ(), start_response))
    assert seen == ["413 Content Too Large"]


HEADS = ["res.json([1])", "res.send('x')", "res.end('x')", "res.redirect('/x')", "res.status(404).json(1)"]


@pytest.mark.parametrize("line", HEADS)
def test_head_has_the_headers_of_get_and_no_content(tmp_path: Path, line: str) -> None:
    get, head = (said(tmp_path, line, method=method) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


# -- headers

HEADERS: list[tuple[list[str], list[str]]] = [
    (["res.set_header('X-A', '1')"], ["1"]),
    (["res.set_header('X-A', '1')", "res.set_header('x-a', '2')"], ["2"]),
    (["res.set_header('X-A', ['1', '2'])"], ["1", "2"]),
    (["res.set_header('X-A', ['1', '2'])", "res.set_header('X-A', '3')"], ["3"]),
    (["res.append_header('X-A', '1')", "res.append_header('X-a', '2')"], ["1", "2"]),
    (["res.append_header('X-A', ['1', '2', '3'])"], ["1", "2", "3"]),
    (["res.set_header('X-A', 5)"], ["5"]),
    (["res.set_header('X-A', '')"], [""]),
    (["res.set_header('X-A', 'a\\tb')"], ["a\tb"]),
    (["res.set_header('X-A', 'é')"], ["Ã©"]),
    (["res.set_header('X-A', ['1', '2'])", "res.remove_header('x-a')"], []),
    (["res.set_header('X-A', '1').remove_header('x-a')"], []),
    (["res.remove_header('X-A')"], []),
]


@pytest.mark.parametrize(("lines", "values"), HEADERS)
def test_headers_are_sent(tmp_path: Path, lines: list[str], values: list[str]) -> None:
    assert said(tmp_path, *lines, "res.end()").all("X-A") == values


GOT = [
    (["pass"], None),
    (["res.set_header('X-A', '1')"], "1"),
    (["res.set_header('X-A', 'é')"], "é"),
    (["res.set_header('X-A', ['1', '2'])"], ["1", "2"]),
]


@pytest.mark.parametrize(("lines", "value"), GOT)
def test_a_header_can_be_read_back(tmp_path: Path, lines: list[str], value: Any) -> None:
    assert said(tmp_path, *lines, "res.json(res.get_header('x-a'))").json() == value


def test_set_cookie_is_read_back_as_a_list(tmp_path: Path) -> None:
    answer = said(tmp_path, "res.set_header('Set-Cookie', 'a=1')", "res.json(res.get_header('set-cookie'))")
    assert answer.json() == ["a=1"]


def test_the_same_cookie_line_is_sent_once(tmp_path: Path) -> None:
    answer = said(tmp_path, "res.set_header('Set-Cookie', ['a=1', 'a=1', 'b=2'])", "res.end()")
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


WRONG_HEADERS = [
    "'bad name', 'v'",
    "'', 'v'",
    "'X:', 'v'",
    "'X-A\\r\\nX-B', 'v'",
    "1, 'v'",
    "'X-A', 'a\\r\\nb'",
    "'X-A', 'a\\nb'",
    "'X-A', 'a\\0b'",
    "'X-A', '☃'",
    "'X-A', '\\ud800'",
    "'X-A', None",
    "'X-A', b'x'",
    "'X-A', True",
    "'X-A', {}",
    "'X-A', ['a', None]",
    "'X-A', ['a', 'b\\n']",
    "'Transfer-Encoding', 'chunked'",
    "'connection', 'close'",
]


@pytest.mark.parametrize("arguments", WRONG_HEADERS)
@pytest.mark.parametrize("setter", ["set_header", "append_header"])
def test_a_header_that_is_none_is_refused_where_it_is_set(
    tmp_path: Path, setter: str, arguments: str
) -> None:
    lines = [
        "try:",
        f"    res.{setter}({arguments})",
        "except (TypeError, ValueError):",
        "    res.send('refused')",
    ]
    assert said(tmp_path, *lines).body == b"refused"


@given(name=st.text(max_size=5), value=st.text(max_size=5))
@settings(deadline=None)
def test_no_header_makes_a_second_line(name: str, value: str) -> None:
    response = Response()
    try:
        response.set_header(name, value)
    except ValueError:
        return
    sent = "".join(response._headers[name.lower()])
    assert not set(sent) & set("\r\n\0")
    assert sent.encode("latin-1")


# -- cookies

COOKIES = [
    ("'a', '1'", "a=1; Path=/"),
    ("'a'", "a=; Path=/"),
    ("'a', 'b c;d\\u2603'", "a=b%20c%3Bd%E2%98%83; Path=/"),
    ("'a', '1', path=None", "a=1"),
    ("'a', '1', max_age=60", "a=1; Max-Age=60; Path=/"),
    ("'a', '1', expires=0", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"),
    ("'a', '1', path='/x', domain='example.com'", "a=1; Path=/x; Domain=example.com"),
    ("'a', '1', secure=True, httponly=True", "a=1; Path=/; Secure; HttpOnly"),
    ("'a', '1', samesite='lax'", "a=1; Path=/; SameSite=Lax"),
    (
        "'a', '1', samesite='None', secure=True, partitioned=True",
        "a=1; Path=/; Secure; SameSite=None; Partitioned",
    ),
]


@pytest.mark.parametrize(("arguments", "line"), COOKIES)
def test_a_cookie_is_set(tmp_path: Path, arguments: str, line: str) -> None:
    assert said(tmp_path, f"res.set_cookie({arguments}).end()").all("Set-Cookie") == [line]


def test_cookies_add_up(tmp_path: Path) -> None:
    answer = said(
        tmp_path, "res.set_cookie('a', '1').set_cookie('b', '2').delete_cookie('c', path='/x').end()"
    )
    assert answer.all("Set-Cookie") == [
        "a=1; Path=/",
        "b=2; Path=/",
        "c=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/x",
    ]


WRONG_COOKIES = [
    "'', '1'",
    "'a b', '1'",
    "'a=b', '1'",
    "'a;b', '1'",
    "1, '1'",
    "'a', '1', path='/x; Domain=evil.com'",
    "'a', '1', path='/x\\r\\nX: 1'",
    "'a', '1', domain='a;b'",
    "'a', '1', samesite='sometimes'",
    "'a', '1', samesite='none'",
    "'a', '1', partitioned=True",
]


@pytest.mark.parametrize("arguments", WRONG_COOKIES)
def test_a_cookie_that_is_none_is_refused(tmp_path: Path, arguments: str) -> None:
    lines = ["try:", f"    res.set_cookie({arguments})", "except ValueError:", "    res.send('refused')"]
    assert said(tmp_path, *lines).body == b"refused"


@given(value=st.text(max_size=10))
@settings(deadline=None)
def test_a_cookie_comes_back_as_it_was_set(value: str) -> None:
    from apiroutes import Request

    try:
        line = Response().set_cookie("a", value, path=None).get_header("Set-Cookie")
    except UnicodeEncodeError:  # a lone surrogate, which no bytes stand for
        return
    assert isinstance(line, list)
    assert Request({"HTTP_COOKIE": line[0]}).cookies == {"a": value}


# -- validators and conditional requests

TAGGED = ["res.json([1])", "res.send('x')", "res.send(b'x')", "res.send([1])", "return [1]", "return 'x'"]
UNTAGGED = [
    "res.end('x')",
    "res.redirect('/x')",
    "res.send(iter('x'))",
    "res.write('x')",
    "res.send()",
    "1 / 0",
]


@pytest.mark.parametrize("line", TAGGED)
def test_an_answer_carries_a_strong_etag(tmp_path: Path, line: str) -> None:
    etag = said(tmp_path, line).header("ETag")
    assert etag is not None
    assert etag.startswith('"')
    assert len(etag) >= 2 + 16  # hexadecimal digits of 64 bits


@pytest.mark.parametrize("line", UNTAGGED)
def test_what_is_no_whole_answer_carries_none(tmp_path: Path, line: str) -> None:
    assert said(tmp_path, line).header("ETag") is None


def test_the_handlers_own_etag_stays(tmp_path: Path) -> None:
    answer = said(
        tmp_path, "res.set_header('ETag', 'W/\"mine\"').json(1)", headers=[("If-None-Match", '"mine"')]
    )
    assert (answer.status, answer.header("ETag")) == (304, 'W/"mine"')


MATCHES = [
    ("{}", 304),
    ("W/{}", 304),
    ('"a", {}', 304),
    ('"a",W/"b" , {}', 304),
    ("{},", 304),
    ("*", 304),
    (" * ", 304),
    ('"a"', 200),
    ('"a", "b"', 200),
    ("", 200),
    ("nonsense", 200),
    ('"*"', 200),
]


@pytest.mark.parametrize(("header", "status"), MATCHES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_is_compared(tmp_path: Path, method: str, header: str, status: int) -> None:
    etag = said(tmp_path, "res.json([1])").header("ETag")
    headers = [("If-None-Match", header.format(etag))]
    answer = said(tmp_path, "res.json([1])", method=method, headers=headers)
    assert (answer.status, answer.header("ETag")) == (status, etag)
    assert answer.body == (b"[1]" if (status, method) == (200, "GET") else b"")


def test_no_cache_asks_for_the_whole_answer(tmp_path: Path) -> None:
    headers = [("If-None-Match", "*"), ("Cache-Control", "max-age=0, no-cache")]
    assert said(tmp_path, "res.json([1])", headers=headers).status == 200


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("DELETE", 200), ("GET", 201), ("GET", 404)])
def test_only_get_and_head_of_a_200_are_conditional(tmp_path: Path, method: str, status: int) -> None:
    answer = said(
        tmp_path, f"res.status({status}).json([1])", method=method, headers=[("If-None-Match", "*")]
    )
    assert answer.status == status


DATES = [
    ("Wed, 01 Jan 2020 00:00:00 GMT", None, 304),
    ("Wed, 01 Jan 2025 00:00:00 GMT", None, 304),
    ("Tue, 31 Dec 2019 23:59:59 GMT", None, 200),
    ("nonsense", None, 200),
    ("Wed, 01 Jan 2025 00:00:00 GMT", '"other"', 200),
]


@pytest.mark.parametrize(("since", "etag", "status"), DATES)
def test_if_modified_since_is_compared(tmp_path: Path, since: str, etag: str | None, status: int) -> None:
    headers = [("If-Modified-Since", since)] + ([("If-None-Match", etag)] if etag else [])
    lines = ["res.set_header('Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT')", "res.json([1])"]
    assert said(tmp_path, *lines, headers=headers).status == status


def test_without_last_modified_a_date_says_nothing(tmp_path: Path) -> None:
    headers = [("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")]
    assert said(tmp_path, "res.json([1])", headers=headers).status == 200


def test_a_304_keeps_what_the_handler_set(tmp_path: Path) -> None:
    lines = ["res.set_header('Cache-Control', 'max-age=1').set_header('Vary', 'Cookie')", "res.send('x')"]
    answer = said(tmp_path, *lines, headers=[("If-None-Match", "*")])
    assert {name for name, _ in answer.headers} == {"Cache-Control", "Vary", "ETag"}


# -- sent twice

FIRST = ["res.json({'n': 1})", "res.send('one')", "res.end('one')", "res.redirect('/one')"]
SECOND = [
    "res.json(2)",
    "res.send('two')",
    "res.end('two')",
    "res.redirect('/two')",
    "res.write('two')",
    "res.status(500)",
    "res.set_header('X-A', '1')",
    "res.append_header('X-A', '1')",
    "res.remove_header('ETag')",
    "res.set_cookie('a', '1')",
]


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_the_client_has_the_first_answer_whole(tmp_path: Path, first: str, second: str) -> None:
    once, twice = said(tmp_path, first), said(tmp_path, first, second)
    assert (twice.status, twice.headers, twice.body) == (once.status, once.headers, once.body)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_saying_more_raises(first: str, second: str) -> None:
    res = Response()
    exec(first, {"res": res})
    assert res.headers_sent
    with pytest.raises(ResponseSentError):
        exec(second, {"res": res})


def test_a_response_without_a_connection_has_nowhere_to_write() -> None:
    with pytest.raises(RuntimeError, match="no connection"):
        Response().write("x")


# -- streams

STREAM = """
import logging
class Stream:
    def __init__(self, *chunks): self.chunks = iter(chunks)
    def __iter__(self): return self
    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, Exception): raise chunk
        return chunk
    def close(self): logging.closed.append(1)
"""


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What streams that were closed have put here."""
    seen: list[int] = []
    monkeypatch.setattr(logging, "closed", seen, raising=False)
    return seen


ENDS = {
    "read to its end": ("res.send(Stream('a', 'b'))", "GET", 200),
    "HEAD": ("res.send(Stream('a'))", "HEAD", 200),
    "no content allowed": ("res.status(204).send(Stream('a'))", "GET", 204),
    "a first chunk that fails": ("res.send(Stream(ValueError()))", "GET", 500),
    "a first chunk that is none": ("res.send(Stream(5))", "GET", 500),
    "a second chunk that fails after an empty one": ("res.send(Stream('', ValueError()))", "GET", 500),
}


@pytest.mark.parametrize(("line", "method", "status"), ENDS.values(), ids=ENDS)
def test_a_stream_is_closed(tmp_path: Path, closed: list[int], line: str, method: str, status: int) -> None:
    assert said(tmp_path, line, before=STREAM, method=method).status == status
    assert closed


def stream_of(root: Path, source: str) -> Any:
    app: App = app_of(root, STREAM + f"def handler(req, res):\n    {source}\n")
    return app(environ(), lambda *arguments: print)


def test_a_stream_is_closed_when_the_client_leaves(tmp_path: Path, closed: list[int]) -> None:
    stream = stream_of(tmp_path, "res.send(Stream('a', 'b', 'c'))")
    assert next(stream) == b"a"
    stream.close()
    assert closed == [1]


def test_a_stream_that_fails_midway_cuts_the_connection_and_is_logged_once(
    tmp_path: Path, closed: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    stream = stream_of(tmp_path, "res.send(Stream('a', ValueError('x'), 'b'))")
    assert next(stream) == b"a"
    with pytest.raises(ResponseAborted):
        next(stream)
    stream.close()
    assert (len(caplog.records), closed) == (1, [1])


def test_an_answer_that_is_cut_off_is_no_whole_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ResponseAborted):
        said(tmp_path, "res.write('half')", "raise RuntimeError('x')")
    assert len(caplog.records) == 1


def test_a_fault_after_the_end_of_what_was_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = said(tmp_path, "res.write('a')", "res.end('b')", "raise RuntimeError('x')")
    assert (answer.body, len(caplog.records)) == (b"ab", 1)


# -- what Python users also write


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("res.status(HTTPStatus.CREATED).end()", 201),
        ("res.status_code = HTTPStatus.CREATED; res.end()", 201),
        ("res.redirect(HTTPStatus.FOUND, '/x')", 302),
        ("raise apiroutes.ApiError(HTTPStatus.CONFLICT, 'x')", 409),
    ],
)
def test_a_status_may_be_of_the_standard_librarys_enum(tmp_path: Path, line: str, status: int) -> None:
    assert said(tmp_path, line, before="import apiroutes\nfrom http import HTTPStatus\n").status == status


# -- every check, on every setter

SPLITS = ["\r\nX: 1", "\r", "\n", "\0", "\r\n\r\n<script>", "\x01", "\x7f", "\x0b", "\x1b[0m"]
SETTERS = [
    "res.set_header('X-A', {!r})",
    "res.append_header('X-A', {!r})",
    "res.set_header('X-A', ['a', {!r}])",
    "res.append_header('X-A', ['a', {!r}])",
    "res.set_header({!r}, 'v')",
    "res.append_header({!r}, 'v')",
    "res.set_cookie({!r}, 'v')",
    "res.set_cookie('a', 'v', path={!r})",
    "res.set_cookie('a', 'v', domain={!r})",
    "res.delete_cookie({!r})",
    "res.delete_cookie('a', path={!r})",
    "res.safe_redirect({!r})",
]


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("text", SPLITS)
def test_no_setter_takes_what_would_split_the_answer(setter: str, text: str) -> None:
    response = Response()
    with pytest.raises(ValueError, match=r"cannot|is no|is not"):
        exec(setter.format(f"/a{text}"), {"res": response})


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("text", SPLITS)
def test_a_value_that_was_refused_is_not_sent(tmp_path: Path, setter: str, text: str) -> None:
    lines = ["try:", f"    {setter.format(f'/a{text}')}", "except ValueError:", "    res.send('ok')"]
    answer = said(tmp_path, *lines)
    assert {name for name, _ in answer.headers} <= {
        "Content-Type",
        "X-Content-Type-Options",
        "ETag",
        "Content-Length",
        "X-A",
    }
    assert all(value == "a" for value in answer.all("X-A"))


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "transfer-encoding",
    "UPGRADE",
]


@pytest.mark.parametrize("name", HOP_BY_HOP)
@pytest.mark.parametrize("setter", ["set_header", "append_header"])
def test_a_header_of_the_connection_is_the_servers(setter: str, name: str) -> None:
    with pytest.raises(ValueError, match="is the server's to set"):
        getattr(Response(), setter)(name, "x")


@pytest.mark.parametrize("name", ["X-A", "x-a", "X_A", "!#$%&'*+.^_`|~", "1", "ETag"])
def test_a_token_is_a_header_name(name: str) -> None:
    assert Response().set_header(name, "1").get_header(name.upper()) == "1"


@pytest.mark.parametrize(
    "name", ["X A", "X\tA", "X(A)", "X/A", "X@A", "X,A", 'X"A', "é", "☃", "X-A ", " X-A"]
)
def test_what_is_no_token_is_no_header_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid header name"):
        Response().set_header(name, "1")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (0, "0"),
        (-1, "-1"),
        (1.5, "1.5"),
        (10**20, str(10**20)),
        (("1", "2"), ["1", "2"]),
        ([], None),
        ("  a ", "  a "),
    ],
)
def test_a_header_value_may_be_a_number_or_lines(value: Any, line: Any) -> None:
    assert Response().set_header("X-A", "old").set_header("X-A", value).get_header("X-A") == line


def test_a_refused_value_leaves_the_one_before() -> None:
    response = Response().set_header("X-A", "old")
    with pytest.raises(ValueError, match="cannot have the value"):
        response.set_header("X-A", ["new", "bad\n"])
    assert response.get_header("X-A") == "old"


CHAINS = [
    "res.status(200)",
    "res.set_header('A', '1')",
    "res.append_header('A', '1')",
    "res.remove_header('A')",
    "res.set_cookie('a', '1')",
    "res.delete_cookie('a')",
    "res.redirect('/')",
    "res.safe_redirect('/')",
]


@pytest.mark.parametrize("line", CHAINS)
def test_a_setter_returns_the_response(line: str) -> None:
    response = Response()
    assert eval(line, {"res": response}) is response


@pytest.mark.parametrize("line", ["res.json(1)", "res.send('x')", "res.end()"])
def test_an_answer_returns_nothing(line: str) -> None:
    assert eval(line, {"res": Response()}) is None


def test_headers_sent_tells_whether_the_answer_was_given(tmp_path: Path) -> None:
    lines = ["before = res.headers_sent", "res.write('')", "res.end(str([before, res.headers_sent]))"]
    assert said(tmp_path, *lines).body == b"[False, True]"


# -- locations

PERCENT = [
    ("/ä?q=ö#ü", "/%C3%A4?q=%C3%B6#%C3%BC"),
    ("/a%0d%0ab", "/a%0d%0ab"),
    ("/100%", "/100%"),
    ("/\\a", "/%5Ca"),
    ("/a`{|}^", "/a%60%7B%7C%7D%5E"),
    ("/\x01\x7f", "/%01%7F"),
    ("/\u2028", "/%E2%80%A8"),
    ("https://user@host:8/a?b=[c]&d='e'", "https://user@host:8/a?b=[c]&d='e'"),
    ("?a=1", "?a=1"),
    ("..", ".."),
]


@pytest.mark.parametrize(("url", "location"), PERCENT)
def test_a_location_is_encoded_once(tmp_path: Path, url: str, location: str) -> None:
    answer = said(tmp_path, f"res.redirect({url!r})")
    assert (answer.header("Location"), answer.body.decode()) == (location, location)
    assert answer.header("Content-Type") == TEXT


@given(st.text(max_size=10))
@settings(deadline=None)
def test_a_location_is_one_line_of_ascii_or_refused(url: str) -> None:
    response = Response()
    try:
        response.redirect(url)
    except ValueError:
        return
    location = response.get_header("Location")
    assert isinstance(location, str)
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location


MORE_FOREIGN = [
    "///host",
    "/\\/host",
    "\\host",
    "/\r/host",
    "/\0/host",
    "\x0b//host",
    "\xa0//host",
    "\u2028//host",
    "http:/host",
    "http:host",
    "HTTPS://host",
    "data:text/html,x",
    "?a",
    "#a",
    "..//host",
    "./a",
    "host",
    "/\x7f/host",
    "/\x85/host",
]


@pytest.mark.parametrize("url", MORE_FOREIGN)
def test_a_trick_is_not_local(url: str) -> None:
    assert not is_local(url)
    with pytest.raises(ValueError, match="is not a path on this host"):
        Response().safe_redirect(url)


@given(st.text(alphabet="/\\h:@?#.%\t\n \x01", max_size=6))
@settings(deadline=None)
def test_what_is_local_stays_on_the_host_whatever_a_browser_drops(url: str) -> None:
    if not is_local(url):
        return
    # WHATWG URL: tabs and newlines are dropped, leading controls too, and "\" is "/".
    seen = url.lstrip("".join(map(chr, range(33)))).translate(str.maketrans("\\", "/", "\t\r\n"))
    assert seen.startswith("/")
    assert not seen.startswith("//")


@pytest.mark.parametrize("arguments", ["", "None", "5", "302, None", "302, 5", "b'/'"])
def test_a_safe_redirect_takes_a_url(tmp_path: Path, arguments: str) -> None:
    assert said(tmp_path, f"res.safe_redirect({arguments})").status == 500


# -- statuses without content


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize(
    "line", ["res.json({'a': 1})", "res.send('x')", "res.end('x')", "res.send(iter('x'))", "return [1]"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_content_is_described_where_none_is_sent(
    tmp_path: Path, status: int, line: str, method: str
) -> None:
    answer = said(tmp_path, f"res.status({status})", line, method=method)
    assert (answer.status, answer.body, answer.header("ETag")) == (status, b"", None)
    assert answer.header("Content-Type") is None


def test_a_304_of_ones_own_keeps_its_validators(tmp_path: Path) -> None:
    lines = [
        "res.set_header('ETag', '\"a\"').set_header('Cache-Control', 'max-age=1')",
        "res.status(304).end()",
    ]
    answer = said(tmp_path, *lines)
    assert dict(answer.headers) == {"ETag": '"a"', "Cache-Control": "max-age=1"}


# -- what enums and middleware make of it

ENUM = "import enum\nclass Mode(str, enum.Enum):\n    DARK = 'dark'\n"
ENUM_LINES = ["res.set_header('X-A', Mode.DARK).end()", "res.set_header('X-A', ['a', Mode.DARK]).end()"]


@pytest.mark.parametrize("line", ENUM_LINES)
def test_a_header_of_an_enum_is_its_text(tmp_path: Path, line: str) -> None:
    value = said(tmp_path, line, before=ENUM).all("X-A")[-1]
    assert (type(value), f"{value!s}") == (str, "dark")


def test_a_cookie_of_an_enum_is_its_text(tmp_path: Path) -> None:
    answer = said(tmp_path, "res.set_cookie('a', Mode.DARK).end()", before=ENUM)
    assert answer.all("Set-Cookie") == ["a=dark; Path=/"]


TYPED = ["res.set_header('Content-Type', 'text/html')", "res.set_header('Content-Type', ['a/b', 'c/d'])"]


def test_a_redirect_keeps_the_type_that_was_set(tmp_path: Path) -> None:
    """As recorded; the location is percent-encoded, so that it is no markup."""
    answer = said(tmp_path, TYPED[0], "res.redirect('/<b>')")
    assert (answer.all("Content-Type"), answer.body) == (["text/html"], b"/%3Cb%3E")


@pytest.mark.parametrize("line", TYPED)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_an_error_has_one_type_whatever_middleware_set(tmp_path: Path, accept: str, line: str) -> None:
    before = f"def outer(req, res, next):\n    {line}\n    next()\nmiddleware = [outer]\n"
    answer = said(tmp_path, "raise RuntimeError", before=before, headers=[("Accept", accept)])
    assert len(answer.all("Content-Type")) == 1


# -- the rest of the surface


@pytest.mark.parametrize(
    ("line", "status"), [("pass", 200), ("res.status(404)", 404), ("res.status_code = 201", 201)]
)
def test_the_status_can_be_read_back(tmp_path: Path, line: str, status: int) -> None:
    assert said(tmp_path, line, "res.json(res.status_code)").json() == status


def test_an_answer_is_not_delegated_after_another() -> None:
    response = Response()
    response.end()
    with pytest.raises(ResponseSentError, match="cannot delegate"):
        response.delegate(lambda environ, start_response: [])


def test_any_number_of_header_names_can_be_set() -> None:
    response = Response()
    for number in range(2000):
        response.set_header(f"X-{number}", number)
    assert [response.get_header(f"x-{number}") for number in (0, 1999)] == ["0", "1999"]
