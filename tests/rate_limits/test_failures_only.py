"""Limits by failures: an attempt counts until its answer is no failure."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.asgi_server import AsWSGI
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


# -- what others make of the answer

ENDLESS = """
import threading
config = {"maxDuration": 0.05}
gate = threading.Event()
def handler(req, res):
    if req.query["how"] == "late": gate.wait(10)
    res.status(int(req.query["how"]) if req.query["how"] != "late" else 200).json({})
"""
ENDLESS_ON_LOOP = """
import asyncio
config = {"maxDuration": 0.05}
async def handler(req, res):
    if req.query["how"] == "late": await asyncio.sleep(3600)
    res.status(int(req.query["how"])).json({})
"""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("handler", [ENDLESS, ENDLESS_ON_LOOP])
def test_a_deadline_does_not_count(tmp_path: Path, handler: str, interface: str, store: str) -> None:
    app = limited_app(tmp_path, "'1/hour', failures_only=True", handler, rate_limit_store=store)
    application = app if interface == "wsgi" else AsWSGI(app.asgi)
    found = [call(application, target=f"/api/x?how={how}").status for how in ("late", "late", "401", "401")]
    assert found == [504, 504, 401, 429]


def test_a_project_may_count_deadlines(tmp_path: Path) -> None:
    arguments = "'1/hour', failures_only=True, is_failure=lambda status: status >= 400"
    app = limited_app(tmp_path, arguments, ENDLESS)
    assert [call(app, target="/api/x?how=late").status for _ in range(2)] == [504, 429]


OUTER = """
from apiroutes import ApiError
def outer(req, res, next):
    how = req.query.get("outer")
    if how == "finally":
        try: return next()
        finally: 1 / 0
    if how == "redirect":
        try: return next()
        except ApiError: return res.redirect(303, "/")
    next()
    if how == "fault": 1 / 0
    if how == "503": raise ApiError(503)
    if how == "status": res.status_code = 502
    if how == "head": res.before_head(lambda: 1 / 0)
    if how == "200": res.status_code = 200
    if how == "401": res.status_code = 401
"""


@pytest.mark.parametrize(
    ("how", "outer", "is_counted"),
    [
        ("401", "", True),
        ("401", "fault", False),
        ("401", "503", False),
        ("401", "status", False),
        ("401", "head", False),
        ("raise", "finally", False),
        # The password was wrong, however that is shown.
        ("raise", "redirect", True),
        ("401", "200", True),
        ("200", "401", False),
        ("200", "fault", False),
    ],
)
def test_a_fault_further_out_does_not_count(tmp_path: Path, how: str, outer: str, is_counted: bool) -> None:
    limited_app(tmp_path, "'2/hour', failures_only=True), *[outer], *(()", HANDLER, before=OUTER)
    file = tmp_path / "middleware.py"
    file.write_text(file.read_text() + "middleware = middleware[::-1]\n")
    app = App(tmp_path, rate_limit_store="memory")
    call(app, target=f"/api/x?how={how}&outer={outer}")
    left = left_of(call(app, target="/api/x?how=raise"))["default"][0]
    assert (left == 0) == is_counted


def test_a_stream_that_fails_before_its_head_does_not_count(tmp_path: Path) -> None:
    handler = HANDLER.replace('            yield "a"', '            1 / 0\n            yield "a"')
    app = limited_app(tmp_path, "'2/hour', failures_only=True", handler)
    assert call(app, target="/api/x?how=stream").status == 500
    assert left_of(call(app, target="/api/x?how=raise"))["default"][0] == 1


def test_what_is_given_back_leaves_the_members_of_other_limits(tmp_path: Path) -> None:
    """Another limit is inside; what both say of the first is what is left when nothing was counted."""
    arguments = "'2/hour', failures_only=True), rate_limit('5/hour', '9/day', failures_only=True, name='b'"
    app = limited_app(tmp_path, arguments, HANDLER)
    left = {name: left for name, (left, _) in left_of(call(app, target="/api/x?how=200")).items()}
    assert left == {"default": 2, "b": 5, "b-2": 9}


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
