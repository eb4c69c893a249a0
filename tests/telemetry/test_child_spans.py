"""Spans of middleware and handlers: `telemetry = "detailed"`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from apiroutes import App
from apiroutes.middleware import access_log
from tests.support import WSGIApplication, call, project
from tests.telemetry.conftest import Exported

Through = Callable[[App], WSGIApplication]

PLAIN = """
from apiroutes import ApiError
from opentelemetry import trace

def inside(name):
    trace.get_tracer("own").start_span(name).end()

def outer(req, res, next):
    inside("own of outer")
    next()

middleware = [outer]

def GET(id):
    inside("own of handler")
    if id == "fault":
        raise ValueError
    if id == "refusal":
        raise ApiError(409)
    return id
"""
KINDS = {
    "plain": PLAIN,
    "async": re.sub("def (outer|GET)", r"async def \1", PLAIN).replace("next()", "await next()"),
}


def app_of(root: Path, source: str, **settings: Any) -> App:
    files = {"pages/api/users/[id].py": source}
    return App(project(root, files), telemetry="detailed", middleware=[access_log()], **settings)


def tree(exported: Exported) -> list[tuple[str, str | None]]:
    """Each span with the name of its parent."""
    by_id: dict[int, ReadableSpan] = {ids(span).span_id: span for span in exported.spans}
    return sorted(
        (span.name, by_id[span.parent.span_id].name if span.parent else None) for span in exported.spans
    )


def ids(span: ReadableSpan) -> Any:
    return span.get_span_context()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", ["", "config = {'maxDuration': 60}\n"])
def test_middleware_holds_what_it_calls(
    tmp_path: Path, exported: Exported, through: Through, kind: str, config: str
) -> None:
    assert call(through(app_of(tmp_path, config + KINDS[kind])), "GET", "/api/users/5").text == "5"
    assert tree(exported) == sorted(
        [
            ("GET /api/users/[id]", None),
            ("middleware access_log", "GET /api/users/[id]"),
            ("middleware outer", "middleware access_log"),
            ("own of outer", "middleware outer"),
            ("handler GET", "middleware outer"),
            ("own of handler", "handler GET"),
        ]
    )
    kinds = {span.name: span.kind for span in exported.spans}
    assert kinds.pop("GET /api/users/[id]") is SpanKind.SERVER
    assert set(kinds.values()) == {SpanKind.INTERNAL}


@pytest.mark.parametrize("kind", KINDS)
def test_an_exception_is_an_error_of_each_and_recorded_once(
    tmp_path: Path, exported: Exported, through: Through, kind: str
) -> None:
    assert call(through(app_of(tmp_path, KINDS[kind])), "GET", "/api/users/fault").status == 500
    failed = {span.name for span in exported.spans if span.status.status_code is StatusCode.ERROR}
    assert failed == {"GET /api/users/[id]", "middleware access_log", "middleware outer", "handler GET"}
    assert [span.name for span in exported.spans if span.events] == ["GET /api/users/[id]"]


def test_a_span_has_the_full_name_of_its_function(tmp_path: Path, exported: Exported) -> None:
    call(app_of(tmp_path, PLAIN), "GET", "/api/users/5")
    attributes = {span.name: dict(span.attributes or {}) for span in exported.spans}
    assert {name: found.get("code.function.name") for name, found in attributes.items() if " " in name} == {
        "GET /api/users/[id]": None,
        "handler GET": "pages.api.users.[id].GET",
        "middleware access_log": "apiroutes.middleware.access_log.access_log",
        "middleware outer": "pages.api.users.[id].outer",
        "own of handler": None,
        "own of outer": None,
    }


def test_an_error_of_the_project_has_its_full_name(tmp_path: Path, exported: Exported) -> None:
    source = "class Own(Exception): pass\ndef GET(id): raise Own\n"
    call(app_of(tmp_path, source), "GET", "/api/users/5")
    types = {(span.attributes or {})["error.type"] for span in exported.spans}
    assert types == {"pages.api.users.[id].Own"}


def test_what_a_setting_brings_has_no_span(
    tmp_path: Path, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(app_of(tmp_path, PLAIN, log_format="text"), "GET", "/api/users/5")
    names = {span.name for span in exported.spans if span.name.startswith("middleware")}
    assert names == {"middleware access_log", "middleware outer"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_no_error(tmp_path: Path, exported: Exported, through: Through, kind: str) -> None:
    assert call(through(app_of(tmp_path, KINDS[kind])), "GET", "/api/users/refusal").status == 409
    assert {span.status.status_code for span in exported.spans} == {StatusCode.UNSET}


def test_bad_parameters_are_found_before_the_handler_begins(
    tmp_path: Path, exported: Exported, through: Through
) -> None:
    source = "async def GET(id: int):\n    return id\n"
    assert call(through(app_of(tmp_path, source)), "GET", "/api/users/x").status == 422
    assert [span.name for span in exported.spans if span.name.startswith("handler")] == []


def test_the_middleware_of_a_method_has_a_span(tmp_path: Path, exported: Exported) -> None:
    own = "from apiroutes import use\ndef own(req, res, next):\n    next()\n"
    source = own + "@use(own)\ndef GET(id):\n    return id\n"
    call(app_of(tmp_path, source), "GET", "/api/users/5")
    assert ("handler GET", "middleware own") in tree(exported)


def test_a_mistake_in_middleware_is_reported_where_it_stands(
    tmp_path: Path, exported: Exported, caplog: Any
) -> None:
    source = "def forgets(req, res, next):\n    pass\nmiddleware = [forgets]\ndef GET(id):\n    return id\n"
    assert call(app_of(tmp_path, source), "GET", "/api/users/5").status == 500
    (record,) = [record for record in caplog.records if record.exc_info]
    assert "the middleware `forgets` (" in str(record.exc_info[1])
    assert "[id].py:1)" in str(record.exc_info[1])
