"""Status and content of a response, and what goes over the wire (docs/behaviour.md §6)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, Response, ResponseSentError
from apiroutes.errors import ResponseAborted
from tests.support import app_of, environ, respond

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


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
    answer = respond(tmp_path, f"res.json({value})", before=PREPARE)
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
def test_a_value_that_json_cannot_hold_is_one_logged_500(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.set_header('X-A', '1')", f"res.json([1, {value}])")
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("lines", [["a = []", "a.append(a)"], ["a = []", "for _ in range(100_000): a = [a]"]])
def test_endless_nesting_is_500(tmp_path: Path, lines: list[str]) -> None:
    assert respond(tmp_path, *lines, "res.json(a)").status == 500


def test_json_without_a_value_has_no_content(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.json()")
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
def test_send_responds_according_to_the_type_of_the_body(
    tmp_path: Path, body: str, media_type: str | None, content: bytes
) -> None:
    answer = respond(tmp_path, f"res.send({body})")
    assert (answer.status, answer.header("Content-Type"), answer.body) == (200, media_type, content)


@pytest.mark.parametrize("body", ["'x'", "b'x'", "iter('x')"])
def test_a_content_type_that_was_set_stays(tmp_path: Path, body: str) -> None:
    answer = respond(tmp_path, "res.set_header('content-type', 'text/x')", f"res.send({body})")
    assert answer.all("Content-Type") == ["text/x"]


@pytest.mark.parametrize("call_", ["res.json({})", "res.send({})"])
def test_json_is_sent_as_json_whatever_type_was_set(tmp_path: Path, call_: str) -> None:
    types = "res.append_header('Content-Type', ['a/b', 'c/d'])"
    assert respond(tmp_path, types, call_).all("Content-Type") == [JSON]


def test_text_is_sent_with_nosniff(tmp_path: Path) -> None:
    assert respond(tmp_path, "res.send('<script>')").header("X-Content-Type-Options") == "nosniff"


LENGTHS = {"json": "res.json(1)", "text": "res.send('é')", "end": "res.end('ab')", "nothing": "res.end()"}


@pytest.mark.parametrize("line", LENGTHS.values(), ids=LENGTHS)
def test_content_has_its_true_length(tmp_path: Path, line: str) -> None:
    answer = respond(tmp_path, "res.set_header('Content-Length', 99)", line)
    assert answer.all("Content-Length") == [str(len(answer.body))]


def test_a_file_has_its_remaining_length(tmp_path: Path) -> None:
    answer = respond(tmp_path, "import io", "file = io.BytesIO(b'abcdef')", "file.read(2)", "res.send(file)")
    assert (answer.header("Content-Length"), answer.body) == ("4", b"cdef")


def test_a_file_that_cannot_seek_is_streamed(tmp_path: Path) -> None:
    lines = [
        "import os",
        "r, w = os.pipe()",
        "os.write(w, b'ab'), os.close(w)",
        "res.send(os.fdopen(r, 'rb'))",
    ]
    answer = respond(tmp_path, *lines)
    assert (answer.header("Content-Length"), answer.body) == (None, b"ab")


# -- end, write and redirect


def test_write_sends_at_once_and_end_finishes(tmp_path: Path) -> None:
    lines = [
        "res.status(202).set_header('X-A', '1')",
        "assert res.write('a') is True",
        "res.write(b'b')",
        "res.end('c')",
    ]
    answer = respond(tmp_path, *lines)
    assert (answer.status, answer.header("X-A"), answer.header("Content-Length"), answer.body) == (
        202,
        "1",
        None,
        b"abc",
    )


def test_a_written_response_ends_with_the_handler(tmp_path: Path) -> None:
    assert respond(tmp_path, "res.write('a')").body == b"a"


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_writes_are_ignored_where_content_is_not_allowed(tmp_path: Path, method: str, status: int) -> None:
    assert respond(tmp_path, f"res.status({status})", "res.write('a')", method=method).body == b""


@pytest.mark.parametrize("line", ["res.end(5)", "res.end(None)", "res.write({})"])
def test_content_of_a_wrong_type_is_500(tmp_path: Path, line: str) -> None:
    assert respond(tmp_path, line).status == 500


# -- status


@pytest.mark.parametrize("status", [200, 201, 206, 299, 404, 418, 451, 499, 599])
def test_a_status_is_sent(tmp_path: Path, status: int) -> None:
    assert respond(tmp_path, f"res.status({status}).end()").status == status


@pytest.mark.parametrize("status", ["99", "100", "199", "600", "'404'", "True", "None", "200.0"])
@pytest.mark.parametrize("line", ["res.status({}).end()", "res.status_code = {}; res.end()"])
def test_an_invalid_status_is_500(tmp_path: Path, status: str, line: str) -> None:
    assert respond(tmp_path, line.format(status)).status == 500


@pytest.mark.parametrize("line", ["res.json([1])", "res.send('x')", "res.end('x')", "res.send(iter('x'))"])
@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0"), (304, None)])
def test_a_bodyless_status_is_sent_without_content(
    tmp_path: Path, status: int, length: str | None, line: str
) -> None:
    answer = respond(tmp_path, "res.set_header('Content-Length', 5)", f"res.status({status})", line)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (status, b"", length)
    assert answer.header("ETag") is None


def test_reason_phrases_are_those_of_rfc_9110(tmp_path: Path) -> None:
    seen: list[str] = []

    def start_response(status: str, headers: Any) -> Any:
        seen.append(status)

    list(app_of(tmp_path, "def handler(req, res):\n    res.status(413).end()\n")(environ(), start_response))
    assert seen == ["413 Content Too Large"]


HEADS = ["res.json([1])", "res.send('x')", "res.end('x')", "res.redirect('/x')", "res.status(404).json(1)"]


@pytest.mark.parametrize("line", HEADS)
def test_head_has_the_headers_of_get_and_no_content(tmp_path: Path, line: str) -> None:
    get, head = (respond(tmp_path, line, method=method) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")


# -- statuses without content


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize(
    "line", ["res.json({'a': 1})", "res.send('x')", "res.end('x')", "res.send(iter('x'))", "return [1]"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_bodyless_status_has_no_headers_that_describe_content(
    tmp_path: Path, status: int, line: str, method: str
) -> None:
    answer = respond(tmp_path, f"res.status({status})", line, method=method)
    assert (answer.status, answer.body, answer.header("ETag")) == (status, b"", None)
    assert answer.header("Content-Type") is None


def test_a_304_of_the_handler_keeps_its_validators(tmp_path: Path) -> None:
    lines = [
        "res.set_header('ETag', '\"a\"').set_header('Cache-Control', 'max-age=1')",
        "res.status(304).end()",
    ]
    answer = respond(tmp_path, *lines)
    assert dict(answer.headers) == {"ETag": '"a"', "Cache-Control": "max-age=1"}


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
    assert respond(tmp_path, line, before="import apiroutes\nfrom http import HTTPStatus\n").status == status


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
def test_the_client_gets_the_first_of_two_responses_whole(tmp_path: Path, first: str, second: str) -> None:
    once, twice = respond(tmp_path, first), respond(tmp_path, first, second)
    assert (twice.status, twice.headers, twice.body) == (once.status, once.headers, once.body)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_changing_a_sent_response_raises(first: str, second: str) -> None:
    res = Response()
    exec(first, {"res": res})
    assert res.headers_sent
    with pytest.raises(ResponseSentError):
        exec(second, {"res": res})


def test_a_response_without_a_connection_cannot_write() -> None:
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
    assert respond(tmp_path, line, before=STREAM, method=method).status == status
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


def test_a_failure_after_a_write_aborts_the_response(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ResponseAborted):
        respond(tmp_path, "res.write('half')", "raise RuntimeError('x')")
    assert len(caplog.records) == 1


def test_an_exception_after_a_written_response_ended_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.write('a')", "res.end('b')", "raise RuntimeError('x')")
    assert (answer.body, len(caplog.records)) == (b"ab", 1)


# -- the rest of the surface

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
def test_sending_methods_return_none(line: str) -> None:
    assert eval(line, {"res": Response()}) is None


def test_headers_sent_tells_whether_the_response_was_given(tmp_path: Path) -> None:
    lines = ["before = res.headers_sent", "res.write('')", "res.end(str([before, res.headers_sent]))"]
    assert respond(tmp_path, *lines).body == b"[False, True]"


@pytest.mark.parametrize(
    ("line", "status"), [("pass", 200), ("res.status(404)", 404), ("res.status_code = 201", 201)]
)
def test_the_status_can_be_read_back(tmp_path: Path, line: str, status: int) -> None:
    assert respond(tmp_path, line, "res.json(res.status_code)").json() == status


def test_a_sent_response_cannot_be_delegated() -> None:
    response = Response()
    response.end()
    with pytest.raises(ResponseSentError, match="cannot delegate"):
        response.delegate(lambda environ, start_response: [])


def test_any_number_of_header_names_can_be_set() -> None:
    response = Response()
    for number in range(2000):
        response.set_header(f"X-{number}", number)
    assert [response.get_header(f"x-{number}") for number in (0, 1999)] == ["0", "1999"]
