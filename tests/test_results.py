"""Results: what a handler may return in place of using `res`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import app_of, call, respond

RETURNED = [
    ("{'a': 1}", "application/json; charset=utf-8", b'{"a":1}'),
    ("[1]", "application/json; charset=utf-8", b"[1]"),
    ("'text'", "text/plain; charset=utf-8", b"text"),
    ("b'bytes'", "application/octet-stream", b"bytes"),
    ("(c for c in 'ab')", "application/octet-stream", b"ab"),
    ("werkzeug.Response('made', 201, mimetype='text/x')", "text/x; charset=utf-8", b"made"),
]


@pytest.mark.parametrize(("value", "media_type", "content"), RETURNED)
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
