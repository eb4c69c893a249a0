"""Async handlers: what they may do, and what they share."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from apiroutes import App
from tests.support import app_of, call

ASYNC = """
import asyncio, contextvars, threading
variable = contextvars.ContextVar("variable", default="unset")
async def handler(req, res):
    {}
"""


def awaited(root: Path, *lines: str) -> App:
    return app_of(root, ASYNC.format("\n    ".join(lines)))


def test_an_async_handler_may_use_res(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "res.json(1)")).json() == 1


def test_an_async_handler_may_return(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "return {'a': 1}")).json() == {"a": 1}


def test_an_async_handler_may_raise(tmp_path: Path) -> None:
    assert call(awaited(tmp_path, "await asyncio.sleep(0)", "raise ValueError")).status == 500


def test_an_async_handler_is_a_task(tmp_path: Path) -> None:
    app = awaited(
        tmp_path,
        "await asyncio.wait_for(asyncio.sleep(0), 10)",
        "res.json(asyncio.current_task() is not None)",
    )
    assert call(app).json() is True


def test_a_context_variable_does_not_reach_the_next_request(tmp_path: Path) -> None:
    app = awaited(tmp_path, "seen = variable.get()", "variable.set('set')", "res.json(seen)")
    assert [call(app).json(), call(app).json()] == ["unset", "unset"]


def test_all_threads_have_one_loop(tmp_path: Path) -> None:
    seen: list[int] = []
    app = awaited(tmp_path, "res.json(id(asyncio.get_running_loop()))")
    thread = threading.Thread(target=lambda: seen.append(call(app).json()))
    thread.start()
    thread.join()
    assert seen == [call(app).json()]


@pytest.mark.parametrize(
    "source",
    [
        "async def answer(res): res.json(1)\ndef handler(req, res): return answer(res)",
        "import functools\nasync def both(n, req, res): res.json(n)\nhandler = functools.partial(both, 1)",
        "class Later:\n    def __await__(self): return iter(())\n"
        "def handler(req, res):\n    res.json(1)\n    return Later()",
        "class Handler:\n    async def __call__(self, req, res): res.json(1)\nhandler = Handler()",
    ],
)
def test_any_returned_awaitable_is_awaited(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source)).json() == 1
