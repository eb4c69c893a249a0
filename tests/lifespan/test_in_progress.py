"""What is told of a request in progress, found in the threads' frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.lifespan.in_progress import requests_in_progress
from tests.support import call, project

TELLS = """
from pathlib import Path
from apiroutes.lifespan.in_progress import requests_in_progress

{kind} {method}(req):
    return requests_in_progress(Path(__file__).parents[2])
"""
# How a handler is written, the request, and what is told of it. A coroutine has no thread of its own.
REQUESTS = [
    ("def", "GET", "GET '/api/tells' (pages/api/tells.py:6)"),
    ("def", "POST", "POST '/api/tells' (pages/api/tells.py:6)"),
    ("async def", "GET", "GET '/api/tells'"),
]


@pytest.mark.parametrize(("kind", "method", "told"), REQUESTS)
def test_a_request_is_told_with_the_line_where_it_stands(
    tmp_path: Path, kind: str, method: str, told: str
) -> None:
    app = App(project(tmp_path, {"pages/api/tells.py": TELLS.format(kind=kind, method=method)}))
    assert call(app, method, "/api/tells").json() == [told]


def test_the_place_is_the_innermost_line_of_the_project(tmp_path: Path) -> None:
    helper = TELLS.format(kind="def", method="tell").replace("parents[2]", "parent")
    route = "from helper import tell\ndef GET(req):\n    return tell(req)\n"
    app = App(project(tmp_path, {"helper.py": helper, "pages/api/x.py": route}))
    assert call(app, "GET", "/api/x").json() == ["GET '/api/x' (helper.py:6)"]


def test_nothing_is_told_without_a_request(tmp_path: Path) -> None:
    assert requests_in_progress(tmp_path) == []
