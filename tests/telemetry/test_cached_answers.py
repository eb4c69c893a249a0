"""Spans and metrics of requests that the cache answers: as of any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry import baggage, context

from apiroutes import App
from apiroutes.middleware import access_log
from tests.support import call, project
from tests.telemetry.conftest import Exported
from tests.telemetry.test_child_spans import Through, ids, tree

SOURCE = """
from opentelemetry import baggage, trace

revalidate = 60
shown = []

def GET(req):
    trace.get_tracer("own").start_span("own of handler").end()
    span = trace.get_current_span()
    return {"baggage": dict(baggage.get_all()), "attributes": dict(getattr(span, "attributes", None) or {})}
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("more", ["", "config = {'maxDuration': 60}\n"])
def test_what_is_computed_for_the_store_belongs_to_its_request(
    tmp_path: Path, exported: Exported, through: Through, kind: str, more: str
) -> None:
    source = more + SOURCE.replace("def GET", f"{kind} GET")
    files = {"pages/api/x.py": source}
    app = App(project(tmp_path, files), telemetry="detailed", middleware=[access_log()], cache="memory")
    answers = [call(through(app)), call(through(app))]
    assert len({answer.body for answer in answers}) == 1
    assert "hit" in str(answers[1].header("Cache-Status"))
    assert sorted(tree(exported), key=str) == [
        ("GET /api/x", None),
        ("GET /api/x", None),
        ("handler GET", "middleware access_log"),
        ("middleware access_log", "GET /api/x"),
        ("middleware access_log", "GET /api/x"),
        ("own of handler", "handler GET"),
    ]
    assert len({ids(span).trace_id for span in exported.spans}) == 2


def test_baggage_and_attributes_of_a_client_reach_no_handler(tmp_path: Path, exported: Exported) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": SOURCE}), telemetry=True, cache="memory")
    outer = context.get_current()
    context.attach(baggage.set_baggage("user", "ada"))
    try:
        answer = call(app, headers=[("User-Agent", "ada")])
    finally:
        context.attach(outer)
    assert answer.json() == {"baggage": {}, "attributes": {}}
