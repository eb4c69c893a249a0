"""Responses on the wire: as PEP 3333 and RFC 9110 allow, and closed when they end."""

from __future__ import annotations

import io
import logging
import re
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.support import Extra, app_of, call, environ, project, respond

JSON = [("Content-Type", "application/json")]
FORM = [("Content-Type", "multipart/form-data; boundary=X")]
UPLOAD = (
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
    + b"0" * 100_000
    + b"\r\n--X--\r\n"
)


# -- the whole, through a validator

HANDLERS = {
    "json": "res.json({'a': 1})",
    "text": "res.send('é')",
    "bytes": "res.send(b'x')",
    "nothing": "res.status(204).end()",
    "reset": "res.status(205).set_header('Content-Type', 'text/plain').end()",
    "empty": "res.set_header('Content-Type', 'text/plain').end()",
    "redirect": "res.redirect('/')",
    "lists": "res.set_header('X-A', ['1', '2']).set_cookie('a', 'é').json(1)",
    "written": "res.set_header('Content-Type', 'text/plain').write('a'); res.end('b')",
    "stream": "res.send(iter(['a', b'b']))",
    "empty stream": "res.send(iter([]))",
    "file": "res.send(io.BytesIO(b'x' * 100_000))",
    "async stream": "return apiroutes.stream(chunks())",
    "returned": "return [req.query, req.body]",
    "delegated": "return werkzeug.Response('x')",
    "fault": "raise RuntimeError",
    "error": "raise apiroutes.ApiError(404, 'x')",
    "said nothing": "pass",
    "read": "req.files; req.form; req.data; res.json(1)",
}
BEFORE = "import io, apiroutes, werkzeug\nasync def chunks():\n    yield 'a'\n"
REQUESTS: dict[str, dict[str, Any]] = {
    "GET": {},
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "POST": {"method": "POST", "headers": JSON, "body": b'{"a": 1}'},
    "form": {
        "method": "PUT",
        "headers": [("Content-Type", "application/x-www-form-urlencoded")],
        "body": b"a=1",
    },
    "upload": {"method": "POST", "headers": FORM, "body": UPLOAD},
    "broken": {"method": "POST", "headers": JSON, "body": b"{"},
    "problem": {"headers": [("Accept", "application/json")]},
    "current": {"headers": [("If-None-Match", "*")]},
    "slash": {"target": "/api/x/"},
    "unknown": {"target": "/api/nope"},
    "not the root": {"target": "/"},
}
TYPED = [(name, [("If-None-Match", "*")]) for name in ("json", "lists", "read")]


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> App:
    files = {
        f"pages/api/{name.replace(' ', '_')}.py": f"{BEFORE}def handler(req, res):\n    {line}\n"
        for name, line in HANDLERS.items()
    }
    return App(project(tmp_path_factory.mktemp("valid"), files))


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("name", HANDLERS)
def test_every_response_is_valid_wsgi(valid: App, name: str, request_: dict[str, Any]) -> None:
    made = {"target": "/api/x", **request_}
    target = made.pop("target").replace("/x", "/" + name.replace(" ", "_"))
    if (name, made.get("headers")) in TYPED:
        # As recorded, which the validator does not allow and RFC 9110 section 15.4.5 does.
        assert call(valid, target=target, **made).header("Content-Type") == "application/json; charset=utf-8"
        return
    assert call(validator(valid), target=target, RAW_URI=None, **made).status >= 200


@pytest.mark.parametrize("name", HANDLERS)
def test_a_head_request_has_no_content(valid: App, name: str) -> None:
    answer = call(valid, "HEAD", f"/api/{name.replace(' ', '_')}")
    if name != "delegated":  # an application answers HEAD itself
        assert answer.body == b""


KNOWN_LENGTH = ["json", "text", "bytes", "empty", "redirect", "lists", "file", "returned", "fault", "error"]


@pytest.mark.parametrize("name", [*KNOWN_LENGTH, "said_nothing", "empty_stream"])
def test_content_of_known_length_has_it(valid: App, name: str) -> None:
    answer = call(valid, target=f"/api/{name}")
    assert answer.all("Content-Length") == [str(len(answer.body))]


@pytest.mark.parametrize("name", ["written", "stream", "async_stream"])
def test_content_of_unknown_length_has_none(valid: App, name: str) -> None:
    assert call(valid, target=f"/api/{name}").all("Content-Length") == []


# -- the status line and the headers


def started(app: Callable[..., Any], **request: Any) -> list[tuple[Any, ...]]:
    """The arguments of every call of start_response."""
    calls: list[tuple[Any, ...]] = []

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        calls.append(arguments)
        return lambda content: None

    answer = app(environ(**request), start_response)
    list(answer)
    if hasattr(answer, "close"):
        answer.close()
    return calls


@pytest.mark.parametrize("name", [name.replace(" ", "_") for name in HANDLERS])
def test_a_response_is_started_once(valid: App, name: str) -> None:
    assert len(started(valid, target=f"/api/{name}")) == 1


def test_every_status_has_a_line(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.status(int(req.query['s'])).end()\n")
    for status in range(200, 600):
        ((line, _),) = started(app, target=f"/api/x?s={status}")
        assert re.fullmatch(rf"{status} [A-Za-z][A-Za-z '-]*", line)


def test_headers_are_bytes_in_a_str(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    res.set_header('X-A', ['é', '\\t']).redirect('/☃')\n"
    ((_, headers),) = started(app_of(tmp_path, source))
    for name, value in headers:
        assert type(name) is type(value) is str
        assert (name + value).encode("latin-1")


def test_the_headers_of_a_fixed_response_are_not_shared(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.end()\n")
    ((_, headers),) = started(app, target="/api/nope")
    headers.append(("X-A", "1"))
    assert call(app, target="/api/nope").header("X-A") is None


LENGTHS = [
    "res.set_header('Content-Length', '99')",
    "res.set_header('content-length', 99)",
    "res.set_header('Content-Length', ['1', '2'])",
    "res.append_header('Content-Length', '1').append_header('content-length', '2')",
]


@pytest.mark.parametrize("line", ["res.json(1)", "res.end('ab')", "res.redirect('/x')", "return 'x'"])
@pytest.mark.parametrize("length", LENGTHS)
def test_content_has_one_length_and_it_is_true(tmp_path: Path, length: str, line: str) -> None:
    answer = respond(tmp_path, length, line)
    assert answer.all("Content-Length") == [str(len(answer.body))]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_file_has_one_length_and_it_is_true(tmp_path: Path, length: str) -> None:
    answer = respond(tmp_path, length, "res.send(io.BytesIO(b'abc'))", before="import io")
    assert answer.all("Content-Length") == ["3"]


def test_a_content_type_of_two_lines_gets_no_third(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.set_header('Content-Type', ['a/b', 'c/d'])", "res.send('x')")
    assert answer.all("Content-Type") == ["a/b", "c/d"]


# -- files


FILE = "import io\nclass File(io.BytesIO):\n    {}\n"


def test_a_file_is_sent_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"0123456789" * 20_000)
    lines = [f"file = open({str(tmp_path / 'data.bin')!r}, 'rb')", "file.seek(100_000)", "res.send(file)"]
    answer = respond(tmp_path, *lines)
    assert (answer.header("Content-Length"), answer.body) == ("100000", b"0123456789" * 10_000)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    files: list[Any] = []
    monkeypatch.setattr(logging, "files", files, raising=False)
    lines = ["logging.files.append(io.BytesIO(b'abc'))", "res.send(logging.files[0])"]
    answer = respond(tmp_path, *lines, before="import io, logging", method=method)
    assert (answer.header("Content-Length"), files[0].closed) == ("3", True)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_a_file_of_any_size_is_sent_whole(tmp_path: Path, size: int) -> None:
    answer = respond(tmp_path, f"res.send(io.BytesIO(b'x' * {size}))", before="import io")
    assert (answer.header("Content-Length"), len(answer.body)) == (str(size), size)


def test_an_object_with_read_alone_is_a_file(tmp_path: Path) -> None:
    before = "class File:\n    left = [b'a', b'b', b'']\n    def read(self, size): return self.left.pop(0)\n"
    answer = respond(tmp_path, "res.send(File())", before=before)
    assert (answer.header("Content-Length"), answer.body) == (None, b"ab")


@pytest.mark.parametrize(
    "body", ["def read(self, size=-1): raise OSError('s3cret')", "def seekable(self): 1 / 0"]
)
def test_a_file_that_cannot_be_read_is_500(
    tmp_path: Path, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.send(File(b'abc'))", before=FILE.format(body))
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert answer.header("Content-Length") == "21"
    assert len(caplog.records) == 1


def test_a_file_past_its_end_is_empty(tmp_path: Path) -> None:
    lines = ["file = io.BytesIO(b'abc')", "file.seek(10)", "res.send(file)"]
    answer = respond(tmp_path, *lines, before="import io")
    assert (answer.header("Content-Length"), answer.body) == ("0", b"")


def test_a_file_that_grows_is_sent_as_long_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"abc")
    lines = [f"res.send(open({str(path)!r}, 'rb'))", f"Path({str(path)!r}).write_bytes(b'abc and more')"]
    answer = respond(tmp_path, *lines, before="from pathlib import Path")
    assert (answer.header("Content-Length"), answer.body) == ("3", b"abc")


def test_a_file_that_shrinks_cuts_the_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 200_000)
    lines = [f"res.send(open({str(path)!r}, 'rb'))", f"os.truncate({str(path)!r}, 100_000)"]
    with pytest.raises(ResponseAborted):
        respond(tmp_path, *lines, before="import os")
    assert "100000 bytes too short" in caplog.text


# -- streams

COUNTED = (
    "def count():\n    for number in range(3):\n        logging.taken.append(number)\n        yield b'x'\n"
)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The chunks that streams were asked for."""
    numbers: list[int] = []
    monkeypatch.setattr(logging, "taken", numbers, raising=False)
    return numbers


def test_a_stream_makes_a_chunk_when_the_server_asks_for_one(tmp_path: Path, taken: list[int]) -> None:
    source = f"import logging\n{COUNTED}def handler(req, res):\n    res.send(count())\n"
    answer: Any = app_of(tmp_path, source)(environ(), lambda *arguments: print)
    seen = [list(taken)]
    for chunk in answer:
        assert chunk == b"x"
        seen.append(list(taken))
    assert seen == [[0], [0], [0, 1], [0, 1, 2]]


def test_a_stream_is_not_started_on_head(tmp_path: Path, taken: list[int]) -> None:
    respond(tmp_path, "res.send(count())", before=f"import logging\n{COUNTED}", method="HEAD")
    assert taken == []


CHUNKS = ["iter([5])", "iter([None])", "iter([['a']])", "iter(['\\ud800'])", "iter([b'', 5])"]


@pytest.mark.parametrize("chunks", CHUNKS)
def test_a_first_chunk_of_a_wrong_type_is_500(
    tmp_path: Path, chunks: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.set_header('X-A', '1')", f"res.send({chunks})")
    assert (answer.status, answer.header("X-A"), len(caplog.records)) == (500, None, 1)


@pytest.mark.parametrize("chunk", ["5", "None", "['a']", "'\\ud800'"])
def test_a_later_chunk_of_a_wrong_type_cuts_the_connection(
    tmp_path: Path, chunk: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ResponseAborted):
        respond(tmp_path, f"res.send(iter(['a', {chunk}]))")
    assert caplog.messages == ["GET /api/x failed after its response began"]


RAISED = ["ValueError", "SystemExit", "GeneratorExit", "StopAsyncIteration", "RecursionError"]


@pytest.mark.parametrize("error", RAISED)
def test_whatever_ends_a_stream_midway_cuts_the_connection(
    tmp_path: Path, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = (
        "class Source:\n"
        "    chunks = [b'a']\n"
        "    def __iter__(self): return self\n"
        "    def __next__(self):\n"
        "        if self.chunks: return self.chunks.pop()\n"
        f"        raise {error}\n"
    )
    with pytest.raises(ResponseAborted):
        respond(tmp_path, "res.send(Source())", before=before)
    assert len(caplog.records) == 1


def test_a_keyboard_interrupt_in_a_stream_travels_on(tmp_path: Path) -> None:
    before = "def chunks():\n    yield b'a'\n    raise KeyboardInterrupt\n"
    with pytest.raises(KeyboardInterrupt):
        respond(tmp_path, "res.send(chunks())", before=before)


def test_an_aborted_response_is_a_connection_reset(tmp_path: Path) -> None:
    """Servers close the connection on it, and do not take it for a fault of theirs."""
    with pytest.raises(ConnectionResetError):
        respond(tmp_path, "res.write('half')", "raise RuntimeError")


def test_a_stream_with_a_length_of_its_own_keeps_it(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.set_header('Content-Length', 2).send(iter('ab'))")
    assert (answer.all("Content-Length"), answer.body) == (["2"], b"ab")


# -- what is written at once


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_written_is_on_the_wire_at_once(tmp_path: Path, method: str) -> None:
    wire: list[Any] = []
    written = threading.Event()

    def start_response(status: str, headers: Any) -> Callable[[bytes], object]:
        wire.append(status)
        written.set()
        return wire.append

    source = "def handler(req, res):\n    res.write('a'); res.write(''); res.write(b'b'); res.end('c')\n"
    rest = app_of(tmp_path, source)(environ(method), start_response)
    assert (wire, list(rest), written.is_set()) == (["200 OK", b"a", b"b", b"c"], [], True)


AFTER_WRITE = [
    "res.json(1)",
    "res.send('x')",
    "res.redirect('/x')",
    "res.set_header('X-A', '1')",
    "res.status(500)",
]


@pytest.mark.parametrize("line", AFTER_WRITE)
def test_after_a_write_only_content_can_be_sent(tmp_path: Path, line: str) -> None:
    lines = [
        "res.write('a')",
        "try:",
        f"    {line}",
        "except apiroutes.ResponseSentError:",
        "    res.end('b')",
    ]
    assert respond(tmp_path, *lines, before="import apiroutes").body == b"ab"


# -- closed when the response ends


@pytest.fixture
def spools(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The files of uploads, as handlers see them."""
    files: list[Any] = []
    monkeypatch.setattr(logging, "spools", files, raising=False)
    return files


KEEP = "import io, logging, werkzeug, apiroutes\n"
TAKE = "logging.spools.append(req.files['f'].stream)"
ENDINGS = {
    "json": "res.json(1)",
    "an application": "return werkzeug.Response(iter([b'a', b'b']))",
    "a file": "res.send(io.BytesIO(b'a'))",
    "the upload itself": "res.send(req.files['f'].stream)",
    "an error": "raise apiroutes.ApiError(404, 'x')",
    "a fault": "raise RuntimeError",
    "an exit": "raise SystemExit",
    "a first chunk that fails": "res.send(1 / 0 for _ in 'a')",
    "what was written": "res.write('a')",
    "a value that cannot be written": "res.json(object())",
    "a redirect": "res.redirect('/')",
}


@pytest.mark.parametrize("line", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_upload_is_closed_when_the_response_ends(
    tmp_path: Path, spools: list[Any], kind: str, line: str
) -> None:
    app = app_of(tmp_path, f"{KEEP}{kind} handler(req, res):\n    {TAKE}\n    {line}\n")
    call(app, "POST", headers=FORM, body=UPLOAD)
    assert [file.closed for file in spools] == [True]


CUT = {
    "a fault in what was written": "res.write('a'); raise RuntimeError",
    "a stream that fails": "res.send(x if x else 1 / 0 for x in ['a', ''])",
}


@pytest.mark.parametrize("line", CUT.values(), ids=CUT)
def test_an_upload_is_closed_when_the_response_is_cut_off(
    tmp_path: Path, spools: list[Any], line: str
) -> None:
    app = app_of(tmp_path, f"{KEEP}def handler(req, res):\n    {TAKE}\n    {line}\n")
    with pytest.raises(ResponseAborted):
        call(app, "POST", headers=FORM, body=UPLOAD)
    assert [file.closed for file in spools] == [True]


def test_an_upload_is_closed_on_a_keyboard_interrupt(tmp_path: Path, spools: list[Any]) -> None:
    app = app_of(tmp_path, f"{KEEP}def handler(req, res):\n    {TAKE}\n    raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        call(app, "POST", headers=FORM, body=UPLOAD)
    assert [file.closed for file in spools] == [True]


def test_an_upload_is_open_as_long_as_the_stream_is(tmp_path: Path, spools: list[Any]) -> None:
    app = app_of(tmp_path, f"{KEEP}def handler(req, res):\n    {TAKE}\n    res.send(iter('ab'))\n")
    answer: Any = app(environ("POST", "/api/x", FORM, UPLOAD), lambda *arguments: print)
    assert (next(iter(answer)), spools[0].closed) == (b"a", False)
    answer.close()
    assert spools[0].closed


def test_an_upload_is_closed_when_the_stream_cannot_be(tmp_path: Path, spools: list[Any]) -> None:
    before = (
        "class Source(list):\n"
        "    def __next__(self): return self.pop()\n"
        "    def close(self): raise BrokenPipeError\n"
    )
    source = f"{KEEP}{before}def handler(req, res):\n    {TAKE}\n    res.send(Source([b'a', b'a']))\n"
    answer: Any = app_of(tmp_path, source)(environ("POST", "/api/x", FORM, UPLOAD), lambda *arguments: print)
    with pytest.raises(BrokenPipeError):
        answer.close()
    assert spools[0].closed


def test_an_upload_read_with_parsing_off_is_closed(tmp_path: Path, spools: list[Any]) -> None:
    source = (
        f'{KEEP}config = {{"api": {{"bodyParser": False}}}}\n'
        f"def handler(req, res):\n    {TAKE}\n    res.json(req.form)\n"
    )
    call(app_of(tmp_path, source), "POST", headers=FORM, body=UPLOAD)
    assert [file.closed for file in spools] == [True]


@pytest.mark.parametrize("cut", [1, 10, 50_000])
def test_an_upload_that_is_cut_off_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    opened: list[Any] = []

    def noted(temporary_file: Any = tempfile.TemporaryFile) -> Any:
        opened.append(temporary_file())
        return opened[-1]

    monkeypatch.setattr("apiroutes.body.formdata.TemporaryFile", noted)
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(1)\n")
    answer = call(app, "POST", headers=FORM, body=UPLOAD[:-cut], CONTENT_LENGTH=str(len(UPLOAD)))
    assert (answer.status, [file.closed for file in opened]) == (400, [True] * (cut < 50_000))


def test_an_upload_is_closed_when_the_server_refuses_the_response(tmp_path: Path, spools: list[Any]) -> None:
    def start_response(*arguments: Any) -> Any:
        raise OSError("the server is gone")

    app = app_of(tmp_path, f"{KEEP}def handler(req, res):\n    {TAKE}\n    res.json(1)\n")
    with pytest.raises(OSError, match="the server is gone"):
        app(environ("POST", "/api/x", FORM, UPLOAD), start_response)
    closed = [file.closed for file in spools]
    for file in spools:
        file.close()
    assert closed == [True]


def test_the_input_of_the_server_is_left_open(tmp_path: Path) -> None:
    stream = io.BytesIO(b"abc")
    extra: Extra = {"wsgi.input": stream, "CONTENT_LENGTH": "3"}
    respond(tmp_path, "res.json(req.body)", method="POST", **extra)
    assert not stream.closed
