"""Exceptions as responses: their status, text and headers, in the words that Accept prefers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import ApiError, App, InvalidRequest
from tests.support import HELLO, Answer, app_of, call, project, respond


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
def test_an_error_with_a_response_of_its_own_is_not_logged(
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


def test_a_redirect_that_werkzeug_raises_is_sent(tmp_path: Path) -> None:
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
def test_an_error_is_problem_json_if_accept_prefers_json(
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


# -- requests that are not valid, as the project says

RAISES = """
from apiroutes import InvalidRequest
class Taken(InvalidRequest):
    pass
def POST(body: dict[str, str]):
    raise Taken([("body.name", "is taken"), ("body.tags[2]", "is unknown")])
"""
CATCHES = """
from apiroutes import InvalidRequest, json
def middleware(req, res, next):
    try:
        next()
    except InvalidRequest as error:
        return json([type(error).__name__, error.status, *error.errors], status=error.status)
"""
ERRORS = [
    {"place": "body.name", "message": "is taken"},
    {"place": "body.tags[2]", "message": "is unknown"},
]
AS_LINES = b"body.name: is taken\nbody.tags[2]: is unknown"


def post(app: App, content: bytes, accept: str = "*/*") -> Answer:
    return call(app, "POST", headers=[("Content-Type", "application/json")], body=content, HTTP_ACCEPT=accept)


@pytest.mark.parametrize("mode", ["production", "development"])
def test_a_project_refuses_a_request_as_types_do(tmp_path: Path, mode: str) -> None:
    app = app_of(tmp_path, RAISES, mode=mode)
    assert post(app, b"{}").json() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The request is not valid.",
        "errors": ERRORS,
    }
    assert post(app, b"{}", "text/html").body == AS_LINES


@pytest.mark.parametrize("mode", ["production", "development"])
@pytest.mark.parametrize(
    ("content", "errors"),
    [
        (b"{}", ["Taken", 422, ["body.name", "is taken"], ["body.tags[2]", "is unknown"]]),
        (b'{"name": 1}', ["InvalidRequest", 422, ["body.name", "Expected `str`, got `int`"]]),
    ],
)
def test_middleware_has_what_is_not_valid(
    tmp_path: Path, mode: str, content: bytes, errors: list[object]
) -> None:
    files = {"pages/api/x.py": RAISES, "middleware.py": CATCHES}
    answer = post(App(project(tmp_path, files), mode=mode), content)
    assert (answer.status, answer.json()) == (422, errors)


@pytest.mark.parametrize("errors", ["body.name", ["body.name"], ("body.name", "is taken"), [("a", "b", "c")]])
def test_what_is_not_valid_are_pairs(errors: Any) -> None:
    with pytest.raises(TypeError, match=r"InvalidRequest\(\[\(place, message\)\]\)"):
        InvalidRequest(errors)


# -- errors that are answers: whatever is in them, the client has a whole answer

ODD_ERRORS = {
    "a surrogate": "apiroutes.ApiError(400, '\\ud800')",
    "no text": "apiroutes.ApiError(400, None)",
    "a dict for a text": "apiroutes.ApiError(400, {'a': 1})",
    "bytes for a text": "apiroutes.ApiError(400, b'x')",
    "a surrogate in a place": "apiroutes.InvalidRequest([('\\ud800', 'x')])",
    "an int for a message": "apiroutes.InvalidRequest([('body.x', 5)])",
    "no errors": "apiroutes.InvalidRequest([])",
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
def test_an_odd_error_gets_a_whole_response(tmp_path: Path, accept: str, name: str) -> None:
    answer = respond(tmp_path, f"raise {ODD_ERRORS[name]}", before=ODD, headers=[("Accept", accept)])
    assert answer.status in (400, 404, 405, 422, 500)
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


def test_flask_abort_is_sent(tmp_path: Path) -> None:
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
def test_accept_decides_the_media_type_of_an_error(tmp_path: Path, accept: str, as_json: bool) -> None:
    answer = respond(tmp_path, "raise RuntimeError", headers=[("Accept", accept)])
    assert (answer.header("Content-Type") == "application/problem+json") is as_json


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("hello"), HELLO)


accepts = st.text(alphabet='aplictonj/*+;q=0.19, "\\\xff', max_size=40)


@given(accepts.map(lambda text: text + "json") | accepts.map(lambda text: f"application/json{text}"))
@settings(deadline=None)
def test_any_accept_header_gets_a_response(hello: App, accept: str) -> None:
    assert call(hello, target="/api/nope", HTTP_ACCEPT=accept).status == 404


def test_a_problem_document_has_the_text_of_an_api_error(tmp_path: Path) -> None:
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
def test_a_500_has_the_same_text_for_every_accept(tmp_path: Path, accept: str) -> None:
    answer = respond(tmp_path, "raise RuntimeError('s3cret')", headers=[("Accept", accept)])
    assert b"s3cret" not in answer.body
    assert b"Internal Server Error" in answer.body
