"""The innermost step: results, applications, the response limit, and rollback after exceptions."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.support import Extra, app_of, call, respond

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"


# -- returned values

RETURNED: list[tuple[str, str | None, bytes]] = [
    ("{}", JSON, b"{}"),
    ("[]", JSON, b"[]"),
    ("0", JSON, b"0"),
    ("1.5", JSON, b"1.5"),
    ("True", JSON, b"true"),
    ("False", JSON, b"false"),
    ("{'a'}", JSON, b'["a"]'),
    ("collections.OrderedDict(a=1)", JSON, b'{"a":1}'),
    ("''", None, b""),
    ("'é'", TEXT, "é".encode()),
    ("b''", BINARY, b""),
    ("bytearray(b'x')", BINARY, b"x"),
    ("io.BytesIO(b'file')", BINARY, b"file"),
    ("iter(['é', b'b'])", BINARY, "éb".encode()),
    ("map(str, [1, 2])", BINARY, b"12"),
]


@pytest.mark.parametrize(("value", "media_type", "content"), RETURNED)
def test_a_returned_value_is_sent_as_by_send(
    tmp_path: Path, value: str, media_type: str | None, content: bytes
) -> None:
    answer = respond(tmp_path, f"return {value}", before="import collections, io")
    assert (answer.status, answer.header("Content-Type"), answer.body) == (200, media_type, content)


def test_a_returned_value_has_the_type_that_was_set(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.set_header('Content-Type', 'text/csv')", "return 'a,b'")
    assert answer.all("Content-Type") == ["text/csv"]


@pytest.mark.parametrize("value", ["(1, 2)", "()", "('x', 201, {})", "collections.namedtuple('P', 'x')(1)"])
def test_a_tuple_is_refused_with_advice(tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = respond(tmp_path, f"return {value}", before="import collections")
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert len(caplog.records) == 1
    assert "pages/api/x.py:2 returned a tuple" in caplog.text
    assert "json(..., status=...)" in caplog.text


@pytest.mark.parametrize("value", ["object()", "ValueError('x')"])
def test_a_value_that_cannot_be_sent_is_500(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert respond(tmp_path, f"return {value}").status == 500
    assert len(caplog.records) == 1


# -- applications


def test_a_returned_function_is_an_application(tmp_path: Path) -> None:
    before = (
        "def application(environ, start):\n    start('202 Accepted', [('X-A', '1')])\n    return [b'x']\n"
    )
    answer = respond(tmp_path, "return application", before=before)
    assert (answer.status, answer.header("X-A"), answer.body) == (202, "1", b"x")


def test_what_an_application_writes_is_sent(tmp_path: Path) -> None:
    before = "def application(environ, start):\n    start('200 OK', [])(b'a')\n    return [b'b']\n"
    assert respond(tmp_path, "return application", before=before).body == b"ab"


def test_set_cookie_and_vary_are_added_to_an_applications(tmp_path: Path) -> None:
    lines = [
        "res.set_cookie('ours', '1').set_header('Vary', 'Origin')",
        "return werkzeug.Response('', headers=[('Set-Cookie', 'theirs=1'), ('Vary', 'Cookie')])",
    ]
    answer = respond(tmp_path, *lines, before="import werkzeug")
    assert sorted(answer.all("Set-Cookie")) == ["ours=1; Path=/; HttpOnly; SameSite=Lax", "theirs=1"]
    assert answer.all("Vary") == ["Origin, Cookie"]


FLASK = """
import flask
application = flask.Flask(__name__)
@application.post("/api/x")
def view():
    data = flask.request.get_data()
    return {"form": flask.request.form, "data": data.decode("latin-1")}
"""
ASKED_BEFORE = ["pass", "req.body", "req.raw_body", "req.get_data()", "req.form"]
CONTENTS = [
    ("application/json", b'{"a":1}'),
    ("text/plain", b"a=1"),
    ("application/octet-stream", b"\0\xff"),
]


@pytest.mark.parametrize("parsing", ["True", "False"])
@pytest.mark.parametrize("asked", ASKED_BEFORE)
@pytest.mark.parametrize(("content_type", "body"), CONTENTS)
def test_an_application_reads_a_body_that_was_read_before(
    tmp_path: Path, content_type: str, body: bytes, asked: str, parsing: str
) -> None:
    before = f"config = {{'api': {{'bodyParser': {parsing}}}}}\n{FLASK}"
    answer = respond(
        tmp_path,
        asked,
        "return application",
        before=before,
        method="POST",
        headers=[("Content-Type", content_type)],
        body=body,
    )
    assert answer.json() == {"form": {}, "data": body.decode("latin-1")}


@pytest.mark.parametrize("parsing", ["True", "False"])
def test_an_application_reads_a_form(tmp_path: Path, parsing: str) -> None:
    before = f"config = {{'api': {{'bodyParser': {parsing}}}}}\n{FLASK.replace('get_data()', 'data')}"
    answer = respond(
        tmp_path,
        "return application",
        before=before,
        method="POST",
        headers=[("Content-Type", "application/x-www-form-urlencoded")],
        body=b"a=1",
    )
    assert answer.json()["form"] == {"a": "1"}


MULTIPART = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'


def test_an_application_reads_a_multipart_form_with_parsing_off(tmp_path: Path) -> None:
    before = f"config = {{'api': {{'bodyParser': False}}}}\n{FLASK.replace('get_data()', 'data')}"
    answer = respond(
        tmp_path,
        "return application",
        before=before,
        method="POST",
        headers=[("Content-Type", "multipart/form-data; boundary=X")],
        body=MULTIPART,
    )
    assert answer.json()["form"] == {"a": "1"}


def test_an_application_reads_chunks_that_were_parsed(tmp_path: Path) -> None:
    extra: Extra = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None}
    answer = respond(
        tmp_path, "return application", before=FLASK, method="POST", body=b"chunked body", **extra
    )
    assert answer.json()["data"] == "chunked body"


STARTED = "def application(environ, start):\n    start('200 OK', [('X-A', '1')])\n"


def test_an_application_that_fails_before_it_starts_is_500(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = "def application(environ, start):\n    raise RuntimeError('s3cret')\n"
    answer = respond(tmp_path, "res.set_header('X-A', '1')", "return application", before=before)
    assert (answer.status, answer.body, answer.header("X-A")) == (500, b"Internal Server Error", None)
    assert len(caplog.records) == 1


def test_an_application_that_fails_after_it_started_is_500(tmp_path: Path) -> None:
    answer = respond(tmp_path, "return application", before=f"{STARTED}    raise RuntimeError\n")
    assert (answer.status, answer.header("X-A")) == (500, None)


# -- no response

SAYS_NOTHING = [
    ("def GET(req, res): pass", "GET"),
    ("async def handler(req, res): pass", "GET"),
    ("def handler(req, res): return None", "POST"),
    ("def handler(req, res): return res.set_cookie('a', '1')", "GET"),
    ("def handler(req, res): return later()\nasync def later(): pass", "GET"),
]


@pytest.mark.parametrize(("source", "method"), SAYS_NOTHING)
def test_a_handler_without_a_response_is_an_error_that_names_the_place(
    tmp_path: Path, source: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = call(app_of(tmp_path, source + "\n"), method)
    assert (answer.status, answer.body, answer.all("Set-Cookie")) == (500, b"Internal Server Error", [])
    name = "GET" if "GET" in source else "handler"
    assert caplog.messages == [
        "API resolved without sending a response for /api/x (pages/api/x.py:1): "
        f"`{name}` returned None. Return a value, such as a dict, or call res.end().",
    ]
    # What groups records, as Sentry does, goes by their templates.
    assert str(caplog.records[0].msg).startswith("API resolved without sending a response for %s")


@pytest.mark.parametrize("line", ["res.status_code = 202", "res.status(200)", "res.status(202)"])
def test_a_status_alone_is_an_empty_response_with_a_warning(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.set_header('X-A', '1')", line)
    assert (answer.status, answer.body) == (200 if "200" in line else 202, b"")
    assert answer.header("X-A") == "1"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("source", ["async def handler(req, res): pass", "def GET(): pass"])
def test_an_external_resolver_need_not_respond(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = 'config = {"api": {"externalResolver": True}}\n'
    assert (call(app_of(tmp_path, config + source + "\n")).status, caplog.records) == (200, [])


# -- the limit of a response

LIMIT = "config = {'api': {'responseLimit': {'limit': '10b', 'enforce': True}}}"
LARGE = [
    "res.json('x' * 8)",
    "res.send('x' * 10)",
    "res.end(b'x' * 10)",
    "return 'x' * 10",
    "return ['x' * 6]",
]


@pytest.mark.parametrize("line", LARGE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_enforced_limit_responds_before_anything_is_sent(
    tmp_path: Path, method: str, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.set_header('X-A', '1')", line, before=LIMIT, method=method)
    assert (answer.status, answer.header("X-A"), answer.header("ETag")) == (500, None, None)
    assert caplog.messages == ["API response for /api/x (pages/api/x.py:2) exceeds 10b"]


SMALL = ["res.json('x' * 7)", "res.send('x' * 9)", "return 'é' * 4", "res.status(204).end()"]


@pytest.mark.parametrize("line", SMALL)
def test_below_the_limit_nothing_is_logged(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert respond(tmp_path, line, before=LIMIT).status in (200, 204)
    assert caplog.records == []


@pytest.mark.parametrize("line", ["res.send('é' * 5)", "return 'é' * 5"])
def test_a_limit_counts_bytes(tmp_path: Path, line: str) -> None:
    assert respond(tmp_path, line, before=LIMIT).status == 500


def test_a_limit_that_only_warns_names_the_route(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = LIMIT.replace("True", "False")
    assert respond(tmp_path, "res.send('x' * 10)", before=before).body == b"x" * 10
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages == ["API response for /api/x (pages/api/x.py:2) exceeds 10b"]


def test_an_async_handler_has_the_same_limit(tmp_path: Path) -> None:
    source = f"{LIMIT}\nasync def handler(req, res):\n    return 'x' * 10\n"
    assert call(app_of(tmp_path, source)).status == 500


# -- faults

WAYS_OUT = [
    "raise RuntimeError('s3cret')",
    "raise apiroutes.ApiError(418, 'short')",
    "raise werkzeug.exceptions.Conflict('short')",
    "return 1, 2",
    "res.json(object())",
    "pass",
]
SAID = [
    "res.status(201).set_header('X-A', '1').append_header('X-A', '2').set_cookie('a', '1')",
    "res.set_header('Content-Type', 'text/x').set_header('Content-Length', 3)",
    "res.set_header('Cache-Control', 'max-age=60').set_header('ETag', '\"a\"')",
]


@pytest.mark.parametrize("line", WAYS_OUT)
def test_what_a_handler_set_does_not_survive_its_fault(tmp_path: Path, line: str) -> None:
    before = "import apiroutes, werkzeug.exceptions\n"
    # saying nothing is a fault only without a status
    lines = ["res.set_header('X-A', '1')", line] if line == "pass" else [*SAID, line]
    answer = respond(tmp_path, *lines, before=before)
    assert answer.status >= 400
    assert {name for name, _ in answer.headers} == {
        "Cache-Control",
        "Content-Type",
        "X-Content-Type-Options",
        "Content-Length",
    }
    assert answer.header("Content-Length") == str(len(answer.body))


def test_a_response_in_memory_survives_an_api_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = ["res.status(201).json([1])", "raise apiroutes.ApiError(404, 'late')"]
    answer = respond(tmp_path, *lines, before="import apiroutes")
    assert (answer.status, answer.json(), answer.header("ETag") is None) == (201, [1], False)
    assert len(caplog.records) == 1


def test_a_second_response_is_logged_and_the_first_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, "res.json({'n': 1})", "res.status(500).json({'n': 2})")
    assert (answer.status, answer.json()) == (200, {"n": 1})
    assert answer.header("ETag") is not None
    assert "ResponseSentError: cannot set the status: the response has already been sent" in caplog.text


def test_a_second_response_that_the_handler_catches_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["res.json(1)", "try: res.json(2)", "except apiroutes.ResponseSentError: pass"]
    assert respond(tmp_path, *lines, before="import apiroutes").json() == 1
    assert caplog.records == []


# -- the body, before the handler

READ_FIRST = [
    ("application/json", b"{", 400),
    ("application/json", b"{}", 200),
    ("text/plain; charset=nonsense", b"x", 400),
]


@pytest.mark.parametrize(("content_type", "body", "status"), READ_FIRST)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_body_is_read_before_the_handler_is_called(
    tmp_path: Path, kind: str, content_type: str, body: bytes, status: int
) -> None:
    app = app_of(tmp_path, f"{kind} handler(req, res):\n    res.json('called')\n")
    answer = call(app, "POST", headers=[("Content-Type", content_type)], body=body)
    assert (answer.status, answer.body == b'"called"') == (status, status == 200)


class Untouched(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError("read")


def test_a_body_is_not_read_where_parsing_is_off(tmp_path: Path) -> None:
    app = app_of(
        tmp_path, 'config = {"api": {"bodyParser": False}}\ndef handler(req, res):\n    res.json(req.body)\n'
    )
    extra: Extra = {"wsgi.input": Untouched(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": "application/json"}
    assert json.loads(call(app, "POST", **extra).body) is None


def test_a_multipart_form_that_was_parsed_is_not_handed_over_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(
        tmp_path,
        "return application",
        before=FLASK,
        method="POST",
        headers=[("Content-Type", "multipart/form-data; boundary=X")],
        body=MULTIPART,
    )
    assert (answer.status, len(caplog.records)) == (500, 1)
    assert "switch parsing off" in caplog.text


# -- methods of their own

BY_METHOD = "def GET(): return 'got'\ndef POST(): return 'posted'\n"
ANSWERED: list[tuple[str, int, bytes, str | None]] = [
    ("GET", 200, b"got", None),
    ("HEAD", 200, b"", None),
    ("POST", 200, b"posted", None),
    ("OPTIONS", 204, b"", "GET, HEAD, OPTIONS, POST"),
    ("DELETE", 405, b"Method Not Allowed", "GET, HEAD, OPTIONS, POST"),
    ("PURGE", 405, b"Method Not Allowed", "GET, HEAD, OPTIONS, POST"),
]


@pytest.mark.parametrize(("method", "status", "content", "allow"), ANSWERED)
def test_a_method_has_its_own_handler(
    tmp_path: Path, method: str, status: int, content: bytes, allow: str | None
) -> None:
    answer = call(app_of(tmp_path, BY_METHOD), method)
    assert (answer.status, answer.body, answer.header("Allow")) == (status, content, allow)


def test_without_get_there_is_no_head(tmp_path: Path) -> None:
    answer = call(app_of(tmp_path, "def POST(): return 1\n"), "HEAD")
    assert (answer.status, answer.header("Allow")) == (405, "OPTIONS, POST")


def test_headers_of_middleware_stay_when_the_handler_fails(tmp_path: Path) -> None:
    source = (
        "def outer(req, res, next):\n"
        "    res.status(201).set_header('X-Outer', ['1', '2'])\n"
        "    next()\n"
        "middleware = [outer]\n"
        "def handler(req, res):\n"
        "    res.set_header('X-Inner', '1').append_header('X-Outer', '3')\n"
        "    raise RuntimeError\n"
    )
    answer = call(app_of(tmp_path, source))
    assert (answer.status, answer.all("X-Outer"), answer.all("X-Inner")) == (500, ["1", "2"], [])


# -- nothing said

NOTHING: list[tuple[str, str, int, str]] = [
    ("", "pass", 500, "ERROR"),
    ("", "return res", 500, "ERROR"),
    ("", "res.set_header('X-A', '1')", 500, "ERROR"),
    ("", "res.status(202)", 202, "WARNING"),
    ("config = {'api': {'externalResolver': True}}", "pass", 200, ""),
    ("config = {'api': {'externalResolver': True}}", "res.status(202)", 202, ""),
]


@pytest.mark.parametrize(("before", "line", "status", "level"), NOTHING)
def test_a_handler_that_does_not_respond_is_logged(
    tmp_path: Path, before: str, line: str, status: int, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert respond(tmp_path, line, before=before).status == status
    assert [record.levelname for record in caplog.records] == ([level] if level else [])
    if level:
        assert "API resolved without sending a response for /api/x (pages/api/x.py:2)" in caplog.text


# -- the limit of a response

LIMITS = [
    ("'1kb'", 1023, 200, 0),
    ("'1kb'", 1024, 200, 1),
    ("False", 5_000_000, 200, 0),
    ("True", 4 * 2**20, 200, 1),
    ("{'limit': '1kb', 'enforce': False}", 1024, 200, 1),
    ("{'limit': '1kb', 'enforce': True}", 1023, 200, 0),
    ("{'limit': '1kb', 'enforce': True}", 1024, 500, 1),
]


@pytest.mark.parametrize(("limit", "size", "status", "logged"), LIMITS)
def test_a_response_at_its_limit_is_logged(
    tmp_path: Path, limit: str, size: int, status: int, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = f"config = {{'api': {{'responseLimit': {limit}}}}}"
    assert respond(tmp_path, f"res.send('x' * {size})", before=before).status == status
    assert len(caplog.records) == logged


def test_written_chunks_count_towards_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = "config = {'api': {'responseLimit': {'limit': 10, 'enforce': True}}}"
    assert respond(tmp_path, "res.write('x' * 6)", "res.write('x' * 6)", before=before).status == 200
    assert len(caplog.records) == 1


@pytest.mark.parametrize("function", ["def", "async def"])
def test_a_parameter_that_the_body_has_is_told_of_in_development(tmp_path: Path, function: str) -> None:
    source = f"{function} POST(name: str, page: int): return name\n"
    json = [("Content-Type", "application/json")]
    found = {}
    for mode in ("development", "production"):
        app = app_of(tmp_path / mode, source, mode=mode)
        errors = call(app, "POST", headers=json, body=b'{"name": "a"}').json()["errors"]
        found[mode] = {error["place"]: error["message"] for error in errors}
    told = "is required; the body has `name`, which `body: Item` takes, with a class of its fields"
    assert found["development"] == {"query.name": told, "query.page": "is required"}
    assert found["production"] == {"query.name": "is required", "query.page": "is required"}
