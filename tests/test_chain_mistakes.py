"""Middleware that uses `next` wrongly is named, with its file and line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.support import call, project

HANDLERS = ["def GET(): return {}\n", "async def GET(): return {}\n"]

STEPS = {
    "async def m(req, res, next):\n    next()\n": "called next() without awaiting it: write `await next()`",
    "async def m(req, res, next):\n    x = next()\n    del x\n": "write `await next()`",
    "def m(req, res, next):\n    return next\n": "returned `next`: write `return next()`",
    "async def m(req, res, next):\n    return next\n": "returned `next`: write `return next()`",
    "def m(req, res, next): ...\n": "neither responded nor called next(): call next(), or return a response",
    "async def m(req, res, next): ...\n": "neither responded nor called next()",
}


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("around", ["", "async def n(req, res, next): await next()\nmiddleware = [n, m]\n"])
@pytest.mark.parametrize("source", STEPS)
def test_middleware_that_uses_next_wrongly_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str, around: str, handler: str
) -> None:
    files = {"pages/api/x.py": f"{source}middleware = [m]\n{around}{handler}"}
    assert call(App(project(tmp_path, files))).status == 500
    (record,) = caplog.records
    assert f"the middleware `m` ({tmp_path}/pages/api/x.py:1) " in str(record.exc_text)
    assert STEPS[source] in str(record.exc_text)


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize(
    "body", ["await next()", "step = next()\n    await step", "return next()", "return await next()"]
)
def test_async_middleware_may_await_next_in_any_way(tmp_path: Path, body: str, handler: str) -> None:
    source = f"async def m(req, res, next):\n    {body}\nmiddleware = [m]\n"
    assert call(App(project(tmp_path, {"pages/api/x.py": source + handler}))).status == 200
