"""`on_request_error`: which faults it hears of, and that nothing it does changes a response."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.lifespan.projects import app_with, seen
from tests.support import call

kinds = pytest.mark.parametrize("kind", ["def", "async def"])

# Handlers, with what is heard of them.
FAULTS = {
    "def GET(req): raise LookupError('x')": ["LookupError"],
    "async def GET(req): raise LookupError('x')": ["LookupError"],
    "def GET(req, res): res.json({}); raise LookupError('x')": ["LookupError"],
    "def GET(req): return {'a': object()}": ["JSONTypeError"],
    "def GET(req):\n    yield 'a'\n    raise LookupError('x')": ["LookupError"],
    "from apiroutes import ApiError\ndef GET(req): raise ApiError(400)": [],
    "def GET(req): return {}": [],
    "def GET(id: int): return {}": [],
}


@kinds
@pytest.mark.parametrize("handler", FAULTS)
def test_it_hears_of_each_fault_once(tmp_path: Path, kind: str, handler: str) -> None:
    source = f"{kind} on_request_error(error, req, context): see(type(error).__name__)\n"
    app = app_with(tmp_path, source, {"pages/api/x.py": handler})
    with contextlib.suppress(ConnectionError):  # of a stream that is cut off
        call(app)
    assert seen(tmp_path) == FAULTS[handler]


@kinds
def test_it_gets_the_request_and_where_it_was_answered(tmp_path: Path, kind: str) -> None:
    source = f"{kind} on_request_error(error, req, context):\n    see((req.params, context))\n"
    app = app_with(tmp_path, source, {"pages/api/users/[id].py": "def GET(req): 1 / 0"})
    call(app, target="/api/users/5", headers=[("X-Request-Id", "abc")])
    context = {
        "route_path": "/api/users/[id]",
        "route_file": "pages/api/users/[id].py",
        "method": "GET",
        "request_id": "abc",
        "event": "failed",
    }
    assert seen(tmp_path) == [str(({"id": "5"}, context))]


def test_a_fault_outside_of_routes_has_no_route(tmp_path: Path) -> None:
    source = (
        "def on_request_error(error, req, context): see((context['route_path'], context['route_file']))\n"
    )
    middleware = "def middleware(req, res, next): 1 / 0\n"
    app = app_with(tmp_path, source, {"middleware.py": middleware})
    assert call(app, target="/api/none").status == 500
    assert seen(tmp_path) == ["(None, None)"]


@kinds
def test_what_it_raises_is_logged_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    app = app_with(tmp_path, f"{kind} on_request_error(error, req, context): raise SystemExit\n")
    assert call(app, target="/api/fault").status == 500
    assert [record.getMessage() for record in caplog.records] == [
        "GET /api/fault (pages/api/fault.py) failed",
        "`on_request_error` failed",
    ]


def test_an_async_one_uses_what_an_async_register_has_made(tmp_path: Path) -> None:
    source = (
        "import asyncio\nasync def register(): return {'loop': asyncio.get_running_loop()}\n"
        "async def on_request_error(error, req, context):\n"
        "    see(req.app['loop'] is asyncio.get_running_loop())\n"
    )
    call(app_with(tmp_path, source), target="/api/fault")
    assert seen(tmp_path) == ["True"]


@kinds
def test_it_never_runs_in_a_handlers_place_on_the_loop(tmp_path: Path, kind: str) -> None:
    """A plain one may wait, which would hold all requests of a loop."""
    source = (
        "import asyncio\ndef on_request_error(error, req, context):\n"
        "    see(asyncio._get_running_loop() is None)\n"
    )
    app = app_with(tmp_path, source, {"pages/api/x.py": f"{kind} GET(req): 1 / 0"})
    assert call(app).status == 500
    assert seen(tmp_path) == ["True"]
