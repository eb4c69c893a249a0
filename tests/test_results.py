"""The results that a handler may return: JSON, text, redirects, streams, events and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import Answer, app_of, call, respond
from tests.typed_handlers import typed_app

PREPARE = "from apiroutes import *\nimport datetime\n"


def call_returning(root: Path, value: str, **request: Any) -> Answer:
    return call(app_of(root, f"{PREPARE}def GET(): return {value}\n"), **request)


RETURNED = [
    ("json({'a': 1})", 200, "application/json; charset=utf-8", b'{"a":1}'),
    ("json([], status=201)", 201, "application/json; charset=utf-8", b"[]"),
    (
        "json(None, headers={'Content-Type': 'application/problem+json'})",
        200,
        "application/problem+json",
        b"null",
    ),
    ("text('é', 202)", 202, "text/plain; charset=utf-8", "é".encode()),
    ("html('<p>')", 200, "text/html; charset=utf-8", b"<p>"),
    ("redirect('/there')", 307, "text/plain; charset=utf-8", b"/there"),
    ("redirect('/there', 303)", 303, "text/plain; charset=utf-8", b"/there"),
    ("stream(['a', b'b'])", 200, "application/octet-stream", b"ab"),
    ("stream(c for c in 'ab')", 200, "application/octet-stream", b"ab"),
    ("stream(iter(()), 206, {'Content-Type': 'text/csv'})", 206, "text/csv", b""),
]


@pytest.mark.parametrize(("value", "status", "media_type", "content"), RETURNED)
def test_a_handler_may_return_a_result(
    tmp_path: Path, value: str, status: int, media_type: str, content: bytes
) -> None:
    answer = call_returning(tmp_path, value)
    assert (answer.status, answer.header("Content-Type"), answer.body) == (status, media_type, content)


@pytest.mark.parametrize(
    "value", ["json(1, status=99)", "redirect('/', 200)", "text('x', headers={'A': '\\n'})"]
)
def test_an_invalid_result_is_a_500(tmp_path: Path, value: str) -> None:
    assert call_returning(tmp_path, value).status == 500


ASYNC = (
    PREPARE
    + """
closed = []
async def numbers():
    try:
        for number in range(3):
            yield str(number)
    finally:
        closed.append(1)
def GET(query): return closed if "closed" in query else stream(numbers())
"""
)


def test_an_async_generator_can_be_returned(tmp_path: Path) -> None:
    source = "async def numbers():\n    yield 'a'\n    yield b'b'\nasync def GET(): return numbers()\n"
    assert call(app_of(tmp_path, source)).body == b"ab"


def test_an_async_generator_is_streamed_and_closed(tmp_path: Path) -> None:
    app = app_of(tmp_path, ASYNC)
    assert (call(app).body, call(app, target="/api/x?closed").json()) == (b"012", [1])


# -- events


EVENTS = [
    ("'a'", b"data: a\n\n"),
    ("Event('a\\nb\\r\\nc')", b"data: a\ndata: b\ndata: c\n\n"),
    (
        "Event({'n': 1}, event='tick', id='7', retry=500)",
        b'id: 7\nevent: tick\nretry: 500\ndata: {"n":1}\n\n',
    ),
    ("Event()", b"data: \n\n"),
    ("None", b": keep-alive\n\n"),
]


@pytest.mark.parametrize(("event", "content"), EVENTS)
def test_an_event_is_written(tmp_path: Path, event: str, content: bytes) -> None:
    answer = call_returning(tmp_path, f"event_stream(iter([{event}]))")
    assert answer.body == content
    assert answer.header("Content-Type") == "text/event-stream; charset=utf-8"
    assert (answer.header("Cache-Control"), answer.header("X-Accel-Buffering")) == (
        "no-cache, no-transform",
        "no",
    )


@pytest.mark.parametrize(
    "event", ["Event(id='a\\nb')", "Event(event='a\\rdata: x')", "Event(id='\\0')", "comment('a\\nb')"]
)
def test_an_event_cannot_break_out_of_its_line(tmp_path: Path, event: str) -> None:
    assert call_returning(tmp_path, f"event_stream(str({event}) for _ in 'x')").status == 500


def test_a_comment_is_written_as_a_comment_line(tmp_path: Path) -> None:
    assert call_returning(tmp_path, "stream([comment('still here')])").body == b": still here\n\n"


# -- files


FILE = f"{PREPARE}def GET(): return file({{path!r}}, as_attachment=True, download_name='ü\"\\n.txt')\n"


def call_for_file(root: Path, **request: Any) -> Answer:
    if not (root / "content.txt").exists():
        (root / "content.txt").write_bytes(b"0123456789")
    return call(app_of(root, FILE.format(path=str(root / "content.txt"))), **request)


def test_a_file_is_sent_with_a_safe_name(tmp_path: Path) -> None:
    answer = call_for_file(tmp_path)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"0123456789", "10")
    disposition = answer.header("Content-Disposition")
    assert disposition is not None
    assert "filename*=UTF-8''" in disposition
    assert "\n" not in disposition


def test_a_range_of_a_file_is_sent(tmp_path: Path) -> None:
    answer = call_for_file(tmp_path, headers=[("Range", "bytes=2-4")])
    assert (answer.status, answer.body, answer.header("Content-Range")) == (206, b"234", "bytes 2-4/10")


def test_a_range_beyond_the_file_is_a_416(tmp_path: Path) -> None:
    assert call_for_file(tmp_path, headers=[("Range", "bytes=20-")]).status == 416


def test_a_file_that_the_client_has_already_is_a_304(tmp_path: Path) -> None:
    etag = call_for_file(tmp_path).header("ETag")
    assert etag is not None
    assert call_for_file(tmp_path, headers=[("If-None-Match", etag)]).status == 304


def test_a_missing_file_is_a_500(tmp_path: Path) -> None:
    assert call_returning(tmp_path, "file('/nowhere/at/all')").status == 500


@pytest.mark.parametrize("kind", ["@dataclasses.dataclass\nclass Note", "class Note(msgspec.Struct)"])
def test_a_value_with_a_field_called_read_is_not_a_file(tmp_path: Path, kind: str) -> None:
    handler = f"{kind}:\n    read: bool = False\ndef GET(): return Note()"
    assert call(typed_app(tmp_path, handler)).json() == {"read": False}


@pytest.mark.parametrize("file", ["tempfile.NamedTemporaryFile()", "tempfile.SpooledTemporaryFile()"])
def test_a_wrapper_of_a_file_is_sent_as_a_file(tmp_path: Path, file: str) -> None:
    handler = f"""
        import tempfile
        def GET(res):
            file = {file}
            file.write(b"abc")
            file.seek(0)
            res.send(file)
    """
    assert call(typed_app(tmp_path, handler)).body == b"abc"


# -- values and applications

VALUES = [
    ("{'a': 1}", "application/json; charset=utf-8", b'{"a":1}'),
    ("[1]", "application/json; charset=utf-8", b"[1]"),
    ("'text'", "text/plain; charset=utf-8", b"text"),
    ("b'bytes'", "application/octet-stream", b"bytes"),
    ("(c for c in 'ab')", "application/octet-stream", b"ab"),
    ("werkzeug.Response('made', 201, mimetype='text/x')", "text/x; charset=utf-8", b"made"),
]


@pytest.mark.parametrize(("value", "media_type", "content"), VALUES)
def test_a_returned_value_is_sent(tmp_path: Path, value: str, media_type: str, content: bytes) -> None:
    answer = respond(tmp_path, f"return {value}", before="import werkzeug")
    assert (answer.header("Content-Type"), answer.body) == (media_type, content)


def test_a_returned_value_is_sent_with_the_status_and_headers_of_res(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.status(201).set_header('X-A', '1')", "return {}")
    assert (answer.status, answer.header("X-A")) == (201, "1")


def test_headers_of_res_are_added_to_a_returned_application(tmp_path: Path) -> None:
    lines = ["res.set_header('X-A', 'ours').set_header('X-B', 'ours')"]
    lines += ["return werkzeug.Response('', headers={'X-B': 'theirs'})"]
    answer = respond(tmp_path, *lines, before="import werkzeug")
    assert (answer.all("X-A"), answer.all("X-B")) == (["ours"], ["theirs"])


FLASK = """
import flask
application = flask.Flask(__name__)
@application.post("/api/x")
def view(): return flask.request.get_json()
def handler(req, res): return application
"""


def test_an_application_reads_a_body_that_was_parsed(tmp_path: Path) -> None:
    answer = call(
        app_of(tmp_path, FLASK), "POST", headers=[("Content-Type", "application/json")], body=b'{"a":1}'
    )
    assert answer.json() == {"a": 1}


def test_an_application_reads_a_chunked_body_with_its_length(tmp_path: Path) -> None:
    source = (
        "def show(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [environ['CONTENT_LENGTH'].encode(), environ['wsgi.input'].read()]\n"
        "def handler(req, res): return show\n"
    )
    answer = call(
        app_of(tmp_path, source), "POST", body=b"abc", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=None
    )
    assert answer.body == b"3abc"


def test_an_application_cannot_read_a_multipart_body_that_was_parsed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
    headers = [("Content-Type", "multipart/form-data; boundary=X")]
    assert call(app_of(tmp_path, FLASK), "POST", headers=headers, body=form).status == 500
    assert "switch parsing off" in caplog.text


def test_an_error_before_the_first_chunk_has_its_own_response(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = (
        "from apiroutes import ApiError\n"
        "def lines():\n    raise ApiError(403, 'no')\n    yield 'x'\n"
        "def handler(req, res): return lines()\n"
    )
    answer = call(app_of(tmp_path, source))
    assert (answer.status, answer.body, caplog.records) == (403, b"no", [])


def test_a_tuple_is_refused_with_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert respond(tmp_path, "return {}, 201").status == 500
    assert "set the status with res.status()" in caplog.text


def test_a_value_returned_after_responding_is_dropped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert respond(tmp_path, "res.json(1)", "return {'a': 1}").json() == 1
    assert "pages/api/x.py:2 returned dict after it had responded" in caplog.text


def test_returning_res_is_like_returning_none(tmp_path: Path) -> None:
    assert respond(tmp_path, "res.json(1)", "return res").json() == 1
