"""Limits by failures: an attempt counts until its answer is no failure."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.rate_limits.limited import left_of, limited_app
from tests.support import call

HANDLER = """
import werkzeug.exceptions
from apiroutes import ApiError
from apiroutes.errors import HandlerTimeout

def handler(req, res):
    how = req.query["how"]
    if how == "raise": raise ApiError(401)
    if how == "http": raise werkzeug.exceptions.Forbidden()
    if how == "fault": 1 / 0
    if how == "late": raise HandlerTimeout()
    if how == "redirect": return res.redirect(303, "/")
    if how == "stream":
        def stream():
            yield "a"
        return stream()
    res.status(int(how)).json({})
"""


def app_of_failures(root: Path, more: str = "", store: str = "memory") -> App:
    return limited_app(root, f"'2/hour', failures_only=True{more}", HANDLER, rate_limit_store=store)


def counted(app: App, how: str) -> bool:
    """Whether a request counts: after it, one failure more or two are let through."""
    call(app, target=f"/api/x?how={how}")
    return left_of(call(app, target="/api/x?how=raise"))["default"][0] == 0


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize(
    ("how", "is_counted"),
    [
        ("200", False),
        ("204", False),
        ("redirect", False),
        ("stream", False),
        ("400", True),
        ("401", True),
        ("422", True),
        ("raise", True),
        ("http", True),
        ("500", False),
        ("503", False),
        ("fault", False),
        ("late", False),
    ],
)
def test_answers_of_4xx_count(tmp_path: Path, how: str, is_counted: bool, store: str) -> None:
    assert counted(app_of_failures(tmp_path, store=store), how) == is_counted


@pytest.mark.parametrize(
    ("how", "is_counted"), [("200", False), ("401", True), ("raise", True), ("http", False), ("404", False)]
)
def test_a_project_says_what_is_a_failure(tmp_path: Path, how: str, is_counted: bool) -> None:
    assert counted(app_of_failures(tmp_path, ", is_failure=lambda status: status == 401"), how) == is_counted


def test_after_too_many_failures_nothing_is_tried(tmp_path: Path) -> None:
    app = app_of_failures(tmp_path)
    found = [call(app, target=f"/api/x?how={how}").status for how in ("200", "401", "200", "raise", "200")]
    assert found == [200, 401, 200, 401, 429]


def test_the_fields_say_what_is_left_after_the_answer(tmp_path: Path) -> None:
    app = app_of_failures(tmp_path)
    answers = [call(app, target=f"/api/x?how={how}") for how in ("200", "raise", "200", "raise", "200")]
    assert [left_of(answer)["default"][0] for answer in answers] == [2, 1, 1, 0, 0]


def test_a_success_leaves_the_fields_of_the_limits_inside(tmp_path: Path) -> None:
    inside = "'5/hour', name='inside'"
    answer = call(limited_app(tmp_path, f"'2/hour', failures_only=True), rate_limit({inside}"))
    assert {name: left for name, (left, _) in left_of(answer).items()} == {"default": 2, "inside": 4}
    assert answer.header("RateLimit-Policy") == '"default";q=2;w=3600, "inside";q=5;w=3600'


CUT_OFF = """
def POST(res):
    res.status(401)
    res.write("no")
    1 / 0
"""


def test_a_failure_that_was_told_counts_whatever_comes_after_it(tmp_path: Path) -> None:
    """A client that leaves when it has read the status must not have its guess back."""
    app = limited_app(tmp_path, "'2/hour', failures_only=True", CUT_OFF)
    for _ in range(2):
        with pytest.raises(ResponseAborted):
            call(app, "POST")
    assert call(app, "POST").status == 429


TRIED = """
import threading
tried = []
begun = threading.Barrier(5, timeout=30)
def handler(req, res):
    tried.append(1)
    begun.wait()
    res.status(401).json({})
"""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_no_more_than_the_limit_are_tried_at_once(tmp_path: Path, store: str) -> None:
    """The five that are let through wait for each other: all of them are being tried while others come."""
    app = limited_app(tmp_path, "'5/hour', failures_only=True", TRIED, rate_limit_store=store)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(call(app).status)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found.count(401), found.count(429)) == (5, 35)


def test_what_cannot_be_given_back_counts(tmp_path: Path) -> None:
    handler = (
        "import pathlib, sqlite3\n"
        "path = pathlib.Path(__file__).parents[2] / '.apiroutes' / 'limits.db'\n"
        "def handler(req, res):\n"
        "    global other\n"
        "    other = sqlite3.connect(path, isolation_level=None)\n"
        "    other.execute('BEGIN IMMEDIATE')\n"
        "    res.send('ok')\n"
    )
    app = limited_app(tmp_path, "'2/hour', failures_only=True", handler, rate_limit_store="sqlite")
    answer = call(app)
    assert (answer.status, left_of(answer)["default"][0]) == (200, 1)
