"""Responses checked in development: statuses that are declared, and contents that fit them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import call
from tests.typed_handlers import typed_app

CONFLICT = "responses = {409: Point}\n"
CREATED = "responses = {'POST': {201: Point}}\n"
TEXTS = "responses = {201: 'It was made', 409: 'It is taken'}\n"
SUCCESSES = "responses = {200: Point, 409: Point}\n"

# What the module declares, the handler, and why its response is an error; None for one that is none.
RESPONSES: list[tuple[str, str, str | None]] = [
    (CONFLICT, "def POST(): return json({'x': 1}, status=409)", None),
    (CONFLICT, "def POST(): return json({'y': 1}, status=409)", "answers 409 with what does not fit"),
    (CONFLICT, "def POST(res): res.status(409).json({'y': 1})", "returned.x: is required"),
    (CONFLICT, "def POST(res): res.status(409); return {'y': 1}", "returned.x: is required"),
    (CONFLICT, "def POST(res): res.status(409); return 'taken'", "answers 409 without the JSON"),
    (CONFLICT, "def POST(): return {'any': 1}", None),
    (CONFLICT, "def POST() -> Point: return {'x': 1}", None),
    (CONFLICT, "def POST() -> Point: return json({'x': 1}, status=201)", "answers 201, which it does not"),
    (CONFLICT, "def POST(): return json({'x': 1}, status=404)", "answers 404, which it does not declare"),
    (CONFLICT, "def POST(): raise ApiError(404, 'No')", None),
    (CONFLICT, "def handler(req, res): res.status(409).json({'y': 1})", "returned.x: is required"),
    (CREATED, "def POST(): return json({'x': 1}, status=201)", None),
    (CREATED, "def POST(): return json({'y': 1}, status=201)", "returned.x: is required"),
    (CREATED, "def POST(): return {'x': 1}", "answers 200, which it does not declare"),
    (CREATED, "def handler(req): return {'x': 1}", "answers 200, which it does not declare"),
    (TEXTS, "def POST(res) -> Point: res.status(201); return {'x': 1}", None),
    (TEXTS, "def POST(res) -> Point: res.status(201); return {'y': 1}", "returned.x: is required"),
    (TEXTS, "def POST(): return json(['free'], status=409)", None),
    (SUCCESSES, "def POST(): return {'y': 1}", "answers 200 with what does not fit the declared type"),
    ("", "def POST() -> Point: return json({'x': 1}, status=201)", "Declare it by `responses = {201: ...}`"),
    ("", "def POST() -> Point | Response: return json({'x': 1}, status=201)", None),
    ("", "def POST() -> Any: return json({'x': 1}, status=201)", None),
    ("", "def POST(): return json({'x': 1}, status=201)", None),
    ("", "def POST(res) -> None: res.status(204)", None),
    ("", "def POST(res) -> None: res.status(202).json(1)", None),
    ("", "def POST() -> Point:\n    '''Raises 404: none.'''\n    return json({}, status=404)", None),
]


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize(("declared", "handler", "message"), RESPONSES)
def test_a_response_is_checked_in_development(
    tmp_path: Path,
    declared: str,
    handler: str,
    message: str | None,
    keyword: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = "from apiroutes import ApiError\n" + declared + handler.replace("def ", keyword + " ", 1)
    answer = call(typed_app(tmp_path, source, mode="development"), "POST")
    assert (answer.status == 500) is (message is not None)
    assert (message or "") in caplog.text


def test_a_response_is_sent_unchecked_in_production(tmp_path: Path) -> None:
    app = typed_app(tmp_path, CONFLICT + "def GET() -> Point: return json({}, status=404)")
    assert call(app).status == 404


def test_methods_that_share_a_function_have_their_own_responses(tmp_path: Path) -> None:
    source = "def POST(): return json({'x': 1}, status=201)\nPUT = POST\n"
    app = typed_app(tmp_path, CREATED + "responses[200] = int\n" + source, mode="development")
    assert call(app, "POST").status == 201
    assert call(app, "PUT").status == 500


def test_head_is_checked_as_get_is(tmp_path: Path) -> None:
    app = typed_app(
        tmp_path, "responses = {'GET': {200: Point}}\ndef GET(): return {'y': 1}", mode="development"
    )
    assert call(app, "HEAD").status == 500
