"""Assignments to a request or response that would do nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support import app_of, call

REFUSED = {
    "res.status = 201": "`status` is a method: write `res.status(201)`",
    "res.json = {'a': 1}": "`json` is a method: write `res.json({'a': 1})`",
    "res.statusCode = 201": "write `res.status(201)`",
    "res.draft_mode = True": "write `res.set_draft_mode(True)`",
    "res.signed_cookies = {}": "write `res.set_signed_cookie(name, value)`",
    "res.preview_data = 1": "write `res.set_preview_data(1)`",
    "res.body = 'x'": "`body` is read-only: write `res.send('x')`, or return it",
    "res.headers = {'X-A': 'b'}": "`headers` is read-only: write `res.set_headers({'X-A': 'b'})`",
    "res.content_type = 'text/csv'": "write `res.set_header('Content-Type', 'text/csv')`",
    "res.send = object()": "`send` is a method: write `res.send(...)`",
    "req.get_json = 1": "`get_json` is a method: write `req.body = 1`",
    "req.json = {}": "`json` is read-only: write `req.body = {}`",
    "req.app = {}": "`app` is read-only: write `req.context['app'] = {}`",
    "req.is_json = True": "`is_json` is read-only: write `req.context['is_json'] = True`",
}
ALLOWED = [
    "res.status_code = 201",
    "res.locals = {}",
    "req.user = 1",
    "req.body = 1",
    "req.query = {}",
    "req.context = {}",
    "req.max_content_length = 5",
    "req.parameter_storage_class = dict",
]


@pytest.mark.parametrize("config", ["", "config = {'maxDuration': 30}\n"])
@pytest.mark.parametrize("statement", REFUSED)
def test_an_assignment_that_does_nothing_is_an_error_in_development(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, statement: str, config: str
) -> None:
    caplog.set_level(logging.ERROR, "apiroutes")
    source = f"{config}def handler(req, res):\n    {statement}\n    return 1\n"
    assert call(app_of(tmp_path, source, mode="development")).status == 500
    assert caplog.records[0].exc_text is not None
    assert REFUSED[statement] in caplog.records[0].exc_text


@pytest.mark.parametrize("statement", ALLOWED)
def test_other_assignments_are_allowed(tmp_path: Path, statement: str) -> None:
    source = f"def handler(req, res):\n    {statement}\n    return 1\n"
    assert call(app_of(tmp_path, source, mode="development")).body == b"1"


def test_production_checks_no_assignment(tmp_path: Path) -> None:
    source = "def handler(req, res):\n    res.locals = res.json = 1\n    return type(req).__name__\n"
    assert call(app_of(tmp_path, source)).text == "Request"


def test_the_class_of_the_request_keeps_its_name(tmp_path: Path) -> None:
    source = (
        "from apiroutes import Request\ndef GET(req: Request): return [repr(req), isinstance(req, Request)]\n"
    )
    answer = call(app_of(tmp_path, source, mode="development"))
    assert answer.json() == ["<Request 'http://localhost/api/x' [GET]>", True]
