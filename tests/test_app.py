"""Handlers and what becomes of them: returned values, exceptions, coroutines, limits."""

from __future__ import annotations

import io
import logging
import threading
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import ApiError, App
from tests.support import HELLO, app_of, call, respond

# -- returned values

RETURNED = [
    ("{'a': 1}", "application/json; charset=utf-8", b'{"a":1}'),
    ("[1]", "application/json; charset=utf-8", b"[1]"),
    ("'text'", "text/plain; charset=utf-8", b"text"),
    ("b'bytes'", "application/octet-stream", b"bytes"),
    ("(c for c in 'ab')", "application/octet-stream", b"ab"),
    ("werkzeug.Response('made', 201, mimetype='text/x')", "text/x; charset=utf-8", b"made"),
]


@pytest.mark.parametrize(("value", "media_type", "content"), RETURNED)
def test_a_returned_value_is_the_answer(tmp_path: Path, value: str, media_type: str, content: bytes) -> None:
    answer = respond(tmp_path, f"return {value}", before="import werkzeug")
    assert (answer.header("Content-Type"), answer.body) == (media_type, content)


def test_a_returned_value_has_the_status_and_headers_of_res(tmp_path: Path) -> None:
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


def test_a_chunked_body_is_handed_over_with_its_length(tmp_path: Path) -> None:
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


def test_a_parsed_multipart_body_is_not_handed_over_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
    headers = [("Content-Type", "multipart/form-data; boundary=X")]
    assert call(app_of(tmp_path, FLASK), "POST", headers=headers, body=form).status == 500
    assert "switch parsing off" in caplog.text


def test_an_error_of_a_first_chunk_is_an_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_value_after_the_answer_is_dropped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert respond(tmp_path, "res.json(1)", "return {'a': 1}").json() == 1
    assert "pages/api/x.py:2 returned dict after it had responded" in caplog.text


def test_returning_res_is_returning_nothing(tmp_path: Path) -> None:
    assert respond(tmp_path, "res.json(1)", "return res").json() == 1


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
def test_a_handler_that_says_nothing_is_noticed(
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
def test_a_response_at_its_limit_is_noticed(
    tmp_path: Path, limit: str, size: int, status: int, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = f"config = {{'api': {{'responseLimit': {limit}}}}}"
    assert respond(tmp_path, f"res.send('x' * {size})", before=before).status == status
    assert len(caplog.records) == logged


def test_what_was_written_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = "config = {'api': {'responseLimit': {'limit': 10, 'enforce': True}}}"
    assert respond(tmp_path, "res.write('x' * 6)", "res.write('x' * 6)", before=before).status == 200
    assert len(caplog.records) == 1


# -- exceptions

RAISED = {
    "an exception": "raise RuntimeError('s3cret')",
    "SystemExit": "raise SystemExit('s3cret')",
    "GeneratorExit": "raise GeneratorExit('s3cret')",
    "endless recursion": "handler(req, res)",
    "an exception that cannot be shown": "raise Unshowable",
    "a surrogate": "raise RuntimeError('\\ud800 s3cret')",
    "nothing to raise": "raise None",
}
UNSHOWABLE = "class Unshowable(Exception):\n    def __str__(self): raise ValueError('s3cret')\n"


@pytest.mark.parametrize("line", RAISED.values(), ids=RAISED)
def test_a_fault_tells_the_client_nothing_and_is_logged_once(
    tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = respond(tmp_path, line, before=UNSHOWABLE)
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert [record.getMessage() for record in caplog.records] == ["GET /api/x (pages/api/x.py) failed"]
    assert caplog.records[0].exc_info


def test_what_the_handler_said_before_its_fault_is_gone(tmp_path: Path) -> None:
    lines = [
        "res.status(201).set_header('X-A', '1').set_cookie('a', '1')",
        "res.append_header('X-B', ['1', '2'])",
    ]
    answer = respond(tmp_path, *lines, "raise RuntimeError")
    assert {name for name, _ in answer.headers} == {
        "Cache-Control",
        "Content-Type",
        "X-Content-Type-Options",
        "Content-Length",
    }


def test_an_answer_before_a_fault_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = respond(tmp_path, "res.json({'a': 1})", "raise RuntimeError('after')")
    assert (answer.status, answer.json(), answer.header("ETag") is not None) == (200, {"a": 1}, True)
    assert len(caplog.records) == 1


def test_a_keyboard_interrupt_is_the_servers(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        respond(tmp_path, "raise KeyboardInterrupt")


def test_an_application_that_fails_is_500(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = "def broken(environ, start_response): raise RuntimeError('s3cret')\n"
    assert respond(tmp_path, "return broken", before=before).body == b"Internal Server Error"
    assert len(caplog.records) == 1


ANSWERS = [
    ("apiroutes.ApiError(404, 'No such note')", 404, b"No such note"),
    ("apiroutes.ApiError(400, 'é☃')", 400, "é☃".encode()),
    ("apiroutes.ApiError(418, '')", 418, b""),
    ("exceptions.NotFound()", 404, None),
    ("exceptions.BadRequest('bad')", 400, b"bad"),
    ("exceptions.HTTPException(response=werkzeug.Response('own', 402))", 402, b"own"),
]


@pytest.mark.parametrize(("error", "status", "content"), ANSWERS)
def test_an_error_that_is_an_answer_is_not_logged(
    tmp_path: Path, error: str, status: int, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    before = "import apiroutes, werkzeug\nfrom werkzeug import exceptions\n"
    answer = respond(tmp_path, f"raise {error}", before=before)
    assert answer.status == status
    assert content is None or answer.body == content
    assert not answer.body.startswith(b"<")
    assert caplog.records == []


def test_an_error_has_its_headers(tmp_path: Path) -> None:
    before = "import apiroutes\nfrom werkzeug import exceptions\n"
    api = respond(tmp_path, "raise apiroutes.ApiError(503, 'x', {'Retry-After': '5'})", before=before)
    http = respond(tmp_path, "raise exceptions.MethodNotAllowed(['GET'])", before=before)
    assert (api.header("Retry-After"), http.header("Allow")) == ("5", "GET")


def test_a_redirect_of_werkzeug_is_one(tmp_path: Path) -> None:
    before = "from werkzeug.routing import RequestRedirect\n"
    answer = respond(tmp_path, "raise RequestRedirect('/there')", before=before)
    assert (answer.status, answer.header("Location")) == (308, "/there")


@pytest.mark.parametrize("status", [200, 399, 600, "404", True, None])
def test_an_api_error_has_an_error_status(status: Any) -> None:
    with pytest.raises(ValueError, match="from 400 to 599"):
        ApiError(status, "")


ACCEPTS = [
    (None, False),
    ("*/*", False),
    ("", False),
    ("text/html,application/xhtml+xml,*/*;q=0.8", False),
    ("text/plain, application/json", False),
    ("text/plain;q=0.5, application/json", True),
    ("application/json", True),
    ("application/problem+json", True),
    ("application/json;q=0", False),
    ("application/json, */*;q=0.1", True),
    ("application/json," * 1000, False),
    ("json", False),
]


@pytest.mark.parametrize(("accept", "as_json"), ACCEPTS)
def test_an_error_is_problem_json_for_those_who_prefer_it(
    tmp_path: Path, accept: str | None, as_json: bool
) -> None:
    answer = call(app_of(tmp_path, HELLO), target="/api/nope", HTTP_ACCEPT=accept)
    if as_json:
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "Not Found",
        }
    else:
        assert (answer.header("Content-Type"), answer.body) == ("text/plain; charset=utf-8", b"Not Found")


# -- coroutines

ASYNC = """
import asyncio, contextvars, threading
variable = contextvars.ContextVar("variable", default="unset")
async def handler(req, res):
    {}
"""


def awaited(root: Path, *lines: str) -> App:
    return app_of(root, ASYNC.format("\n    ".join(lines)))


def test_an_async_handler_answers(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "res.json(1)")).json() == 1


def test_an_async_handler_may_return(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "return {'a': 1}")).json() == {"a": 1}


def test_an_async_handler_may_raise(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "raise ValueError")).status == 500


def test_an_async_handler_is_a_task(tmp_path: Path) -> None:
    app = awaited(
        tmp_path,
        "await asyncio.wait_for(asyncio.sleep(0), 10)",
        "res.json(asyncio.current_task() is not None)",
    )
    assert call(app).json() is True


def test_a_context_variable_does_not_reach_the_next_request(tmp_path: Path) -> None:
    app = awaited(tmp_path, "seen = variable.get()", "variable.set('set')", "res.json(seen)")
    assert [call(app).json(), call(app).json()] == ["unset", "unset"]


def test_all_threads_have_one_loop(tmp_path: Path) -> None:
    seen: list[int] = []
    app = awaited(tmp_path, "res.json(id(asyncio.get_running_loop()))")
    thread = threading.Thread(target=lambda: seen.append(call(app).json()))
    thread.start()
    thread.join()
    assert seen == [call(app).json()]


@pytest.mark.parametrize(
    "source",
    [
        "async def answer(res): res.json(1)\ndef handler(req, res): return answer(res)",
        "import functools\nasync def both(n, req, res): res.json(n)\nhandler = functools.partial(both, 1)",
        "class Later:\n    def __await__(self): return iter(())\n"
        "def handler(req, res):\n    res.json(1)\n    return Later()",
        "class Handler:\n    async def __call__(self, req, res): res.json(1)\nhandler = Handler()",
    ],
)
def test_whatever_can_be_awaited_is(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source)).json() == 1


# -- the whole, as PEP 3333 wants it

VALID: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "res.json(1)", {}),
    ("HEAD", "res.json(1)", {}),
    ("POST", "res.json(req.body)", {"body": b"x"}),
    ("GET", "res.send(iter('ab'))", {}),
    ("GET", "res.set_header('Content-Type', 'text/plain').write('a')", {}),
    ("GET", "res.redirect('/x')", {}),
    ("GET", "res.status(204).end()", {}),
    ("GET", "raise RuntimeError", {}),
    ("GET", "return 'x'", {}),
    ("GET", "res.json(1)", {"target": "/api/x/"}),
    ("GET", "res.json(1)", {"target": "/api/nope"}),
    ("GET", "res.send('x')", {"headers": [("If-None-Match", "*")]}),
]


@pytest.mark.parametrize(("method", "line", "request_"), VALID)
def test_the_application_is_valid_wsgi(
    tmp_path: Path, method: str, line: str, request_: dict[str, Any]
) -> None:
    app = validator(app_of(tmp_path, f"def handler(req, res):\n    {line}\n"))
    call(app, method, RAW_URI=None, **request_)


def test_an_app_is_built_with_every_thread_alike(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json(req.query)\n")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(call(app, target=f"/api/x?n={n}").json()))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["n"] for answer in answers) == [str(n) for n in range(8)]


def test_a_log_line_shows_the_pattern_and_not_the_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    1 / 0\n", "[id].py")
    call(app, target="/api/secret")
    assert caplog.messages == ["GET /api/[id] (pages/api/[id].py) failed"]


def test_a_fault_is_logged_with_its_traceback(tmp_path: Path) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("apiroutes").addHandler(handler)
    try:
        assert respond(tmp_path, "raise RuntimeError('x')").status == 500
    finally:
        logging.getLogger("apiroutes").removeHandler(handler)
    assert "RuntimeError: x" in stream.getvalue()


# -- methods

METHODS = [
    ("GET", 200),
    ("TRACE", 200),
    ("PURGE", 200),
    ("M-SEARCH", 200),
    ("VERSION-CONTROL", 200),
    ("X" * 32, 200),
    ("get", 400),
    ("Get", 400),
    ("", 400),
    ("G ET", 400),
    ("GET\r\n", 400),
    ("GÉT", 400),
    ("G\xc9T", 400),
    ("GET/x", 400),
    ("(GET)", 400),
    ("X" * 33, 400),
]


@pytest.mark.parametrize(("method", "status"), METHODS)
def test_a_method_is_a_token_in_upper_case(tmp_path: Path, method: str, status: int) -> None:
    answer = respond(tmp_path, "res.send(req.method)", method=method)
    assert (answer.status, answer.body) == (status, method.encode() if status == 200 else b"Bad Request")


def test_a_method_that_is_none_reaches_no_handler(tmp_path: Path) -> None:
    source = "def GET(): raise AssertionError('called')\n"
    assert call(app_of(tmp_path, source), "get").status == 400


# -- errors that are answers: whatever is in them, the client has a whole answer

ODD_ERRORS = {
    "a surrogate": "apiroutes.ApiError(400, '\\ud800')",
    "no text": "apiroutes.ApiError(400, None)",
    "a dict for a text": "apiroutes.ApiError(400, {'a': 1})",
    "bytes for a text": "apiroutes.ApiError(400, b'x')",
    "a header of two lines": "apiroutes.ApiError(400, 'x', {'A': 'b\\r\\nC: d'})",
    "a header without a name": "apiroutes.ApiError(400, 'x', {'': 'b'})",
    "a header of the server's": "apiroutes.ApiError(400, 'x', {'Connection': 'close'})",
    "an int for a description": "exceptions.NotFound(5)",
    "a method of two lines": "exceptions.MethodNotAllowed(['a\\r\\nb'])",
    "a status that is none": "Odd('x')",
    "a response that fails": "exceptions.HTTPException(response=broken)",
}
ODD = """
import apiroutes
from werkzeug import exceptions
class Odd(exceptions.HTTPException):
    code = 700
def broken(environ, start_response):
    raise RuntimeError("s3cret")
"""


@pytest.mark.parametrize("name", ODD_ERRORS)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_an_odd_error_is_answered_whole(tmp_path: Path, accept: str, name: str) -> None:
    answer = respond(tmp_path, f"raise {ODD_ERRORS[name]}", before=ODD, headers=[("Accept", accept)])
    assert answer.status in (400, 404, 405, 500)
    assert answer.header("Content-Length") == str(len(answer.body))
    assert b"s3cret" not in answer.body


def test_every_challenge_of_a_401_is_sent(tmp_path: Path) -> None:
    before = (
        "from werkzeug.exceptions import Unauthorized\nfrom werkzeug.datastructures import WWWAuthenticate\n"
    )
    challenges = "[WWWAuthenticate('basic', {'realm': 'a'}), WWWAuthenticate('bearer')]"
    answer = respond(tmp_path, f"raise Unauthorized('x', www_authenticate={challenges})", before=before)
    assert answer.all("WWW-Authenticate") == ["Basic realm=a", "Bearer"]


HTTP_EXCEPTIONS = [
    ("BadRequest", 400, None),
    ("Forbidden", 403, None),
    ("MethodNotAllowed(['GET', 'POST'])", 405, ("Allow", "GET, POST")),
    ("RequestedRangeNotSatisfiable(10)", 416, ("Content-Range", "bytes */10")),
    ("TooManyRequests(retry_after=5)", 429, ("Retry-After", "5")),
    ("ServiceUnavailable('later', retry_after=5)", 503, ("Retry-After", "5")),
    ("ImATeapot", 418, None),
]


@pytest.mark.parametrize(("error", "status", "header"), HTTP_EXCEPTIONS)
@pytest.mark.parametrize("accept", ["text/plain", "application/json"])
def test_an_exception_of_werkzeug_has_its_status_text_and_headers(
    tmp_path: Path, accept: str, error: str, status: int, header: tuple[str, str] | None
) -> None:
    before = "from werkzeug import exceptions\n"
    answer = respond(tmp_path, f"raise exceptions.{error}", before=before, headers=[("Accept", accept)])
    assert answer.status == status
    assert header is None or answer.header(header[0]) == header[1]
    problem = accept == "application/json"
    expected = "application/problem+json" if problem else "text/plain; charset=utf-8"
    assert answer.all("Content-Type") == [expected]
    assert not problem or answer.json()["status"] == status


def test_abort_of_flask_is_an_answer(tmp_path: Path) -> None:
    answer = respond(tmp_path, "flask.abort(409, 'taken')", before="import flask\n")
    assert (answer.status, answer.body) == (409, b"taken")


def test_an_http_exception_with_html_is_text(tmp_path: Path) -> None:
    before = "from werkzeug import exceptions\n"
    answer = respond(tmp_path, "raise exceptions.NotFound('<script>')", before=before)
    assert (answer.header("Content-Type"), answer.header("X-Content-Type-Options")) == (
        "text/plain; charset=utf-8",
        "nosniff",
    )


# -- who prefers JSON

MORE_ACCEPTS = [
    ("application/*", True),
    ("application/*;q=0.5, text/*", False),
    ("application/json;q=0.5, text/plain;q=0.4", True),
    ("application/json;q=0.4, text/plain;q=0.5", False),
    ("application/json;q=0.001", True),
    ("application/json; charset=utf-8", True),
    ("application/problem+json;q=0.9, text/html", True),
    ("APPLICATION/JSON", True),
    ("text/*, application/json;q=0.9", False),
    ("*/*, application/json;q=0.9", False),
    ("application/jsonx", False),
    ("text/json", False),
    ("application/vnd.api+json", False),
    ("application/json;q=abc", False),
    ("application/json;q=-1", False),
    (",,;;json;;,,", False),
    ('application/json;a="', False),
]


@pytest.mark.parametrize(("accept", "as_json"), MORE_ACCEPTS)
def test_accept_decides_in_what_words_an_error_is_said(tmp_path: Path, accept: str, as_json: bool) -> None:
    answer = respond(tmp_path, "raise RuntimeError", headers=[("Accept", accept)])
    assert (answer.header("Content-Type") == "application/problem+json") is as_json


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("hello"), HELLO)


accepts = st.text(alphabet='aplictonj/*+;q=0.19, "\\\xff', max_size=40)


@given(accepts.map(lambda text: text + "json") | accepts.map(lambda text: f"application/json{text}"))
@settings(deadline=None)
def test_any_accept_is_answered(hello: App, accept: str) -> None:
    assert call(hello, target="/api/nope", HTTP_ACCEPT=accept).status == 404


def test_a_problem_says_what_an_api_error_says(tmp_path: Path) -> None:
    answer = respond(
        tmp_path,
        "raise apiroutes.ApiError(422, 'é is no number')",
        before="import apiroutes\n",
        headers=[("Accept", "application/json")],
    )
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "é is no number",
    }


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_a_fault_says_the_same_to_all(tmp_path: Path, accept: str) -> None:
    answer = respond(tmp_path, "raise RuntimeError('s3cret')", headers=[("Accept", accept)])
    assert b"s3cret" not in answer.body
    assert b"Internal Server Error" in answer.body


# -- what is not ours


def theirs(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["REQUEST_METHOD"].encode() + b" " + environ["PATH_INFO"].encode("latin-1")]


@pytest.mark.parametrize("method", ["GET", "get", "G ET"])
@pytest.mark.parametrize("target", ["/", "/other", "/api/nope", "/apix"])
def test_a_fallback_gets_what_is_not_ours_as_it_came(tmp_path: Path, target: str, method: str) -> None:
    answer = call(app_of(tmp_path, HELLO, fallback=theirs), method, target)
    assert (answer.status, answer.body.decode()) == (200, f"{method} {target}")


def test_a_fault_of_the_fallback_is_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("theirs")

    with pytest.raises(RuntimeError, match="theirs"):
        call(app_of(tmp_path, HELLO, fallback=broken), target="/other")
    assert caplog.records == []
