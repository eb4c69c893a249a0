"""Errors of clients in development: the key that is missing and its line, the place where JSON is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.development.application import load_application
from tests.support import Answer, WSGIApplication, call, project

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
KEYS = {
    "def POST(req): return req.args['page']": '`req.args` has no "page" (pages/api/x.py:1 in POST)',
    "def POST(req):\n    return req.form['name']": '`req.form` has no "name" (pages/api/x.py:2 in POST)',
    "def POST(req): return req.files['photo']": '`req.files` has no "photo" (pages/api/x.py:1 in POST)',
    "def POST(req):\n    form = req.form\n    return form['b']": 'the request has no "b" (pages/api/x.py:3',
    "def POST(req): return req.form[req.args['a']]": 'the request has no "a" (pages/api/x.py:1 in POST)',
}
MALFORMED = {
    b'{"a": 1,\n "b": }': "line 2, column 7: invalid character",
    b'{"\xc3\xa9": x}': "line 1, column 7: invalid character",
    b"[1,]": "line 1, column 4: trailing comma in array",
    b'{"a": 1': "line 1, column 8: it ends too early",
}


def posted(app: WSGIApplication, accept: str | None, headers: dict[str, str], body: bytes) -> Answer:
    answer = call(app, "POST", headers=[*headers.items()], body=body, HTTP_ACCEPT=accept)
    assert answer.status == 400
    return answer


def detail(answer: Answer) -> str:
    return str(answer.json()["detail"]) if "json" in str(answer.header("Content-Type")) else answer.text


@pytest.mark.parametrize("accept", [None, "text/html", "application/json"])
@pytest.mark.parametrize("source", KEYS)
def test_a_key_that_the_client_did_not_send_is_named_with_its_line(
    tmp_path: Path, source: str, accept: str | None
) -> None:
    app = load_application(project(tmp_path, {"pages/api/x.py": source}), lambda line: None)
    assert KEYS[source] in detail(posted(app, accept, FORM, b"c=1"))


@pytest.mark.parametrize("accept", [None, "text/html", "application/json"])
@pytest.mark.parametrize("handler", ["def POST(body): return body", "def POST(body: dict): return body"])
@pytest.mark.parametrize("content", MALFORMED)
def test_the_place_where_json_is_wrong_is_named(
    tmp_path: Path, content: bytes, handler: str, accept: str | None
) -> None:
    app = load_application(project(tmp_path, {"pages/api/x.py": handler}), lambda line: None)
    assert detail(posted(app, accept, JSON, content)) == f"Invalid JSON: {MALFORMED[content]}"


def test_json_that_is_nested_too_deeply_has_no_place(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": "def POST(body): return body"})
    answer = posted(load_application(root, lambda line: None), None, JSON, b"[" * 5000)
    assert answer.text == "Invalid JSON"


@pytest.mark.parametrize("source", ["def POST(req): return req.args['page']", "def POST(body): return body"])
def test_production_says_nothing_of_it(tmp_path: Path, source: str) -> None:
    answer = posted(App(project(tmp_path, {"pages/api/x.py": source})), None, JSON, b"{")
    assert "page" not in answer.text
    assert "line" not in answer.text
