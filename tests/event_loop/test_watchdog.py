"""An event loop that is blocked: who is refused, what is reported, and that it comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes.concurrency import coroutines
from apiroutes.threads import waiting
from tests.support import app_of, call, until

BLOCKS = """
import asyncio, threading
begun, go = threading.Event(), threading.Event()
async def GET():
    begun.set()
    go.wait(30)
    return "went on"
def POST():
    go.set()
    return "goes on"
async def PUT():
    return "ran"
def PATCH():
    return "blocked" if begun.is_set() else "not yet"
"""


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    """The reasons given to `on_blocked`. The settings are restored afterwards."""
    before = vars(waiting.settings).copy()
    yield []
    vars(waiting.settings).clear()
    vars(waiting.settings).update(before)


def test_a_loop_that_is_blocked_too_long_refuses_and_comes_back(tmp_path: Path, reasons: list[str]) -> None:
    app = app_of(tmp_path, BLOCKS)
    coroutines.configure(abandon_timeout=0.2, reports_blocking=False, on_blocked=reasons.append)
    answers: list[Any] = []
    blocking = threading.Thread(target=lambda: answers.append(call(app)))
    blocking.start()
    until(lambda: call(app, "PATCH").body == b"blocked")
    # One that waits already, one that comes when the loop is known to be blocked, and the one that blocks it.
    assert [call(app, "PUT").status, call(app, "PUT").status] == [503, 503]
    blocking.join(30)
    assert answers[0].status == 503
    assert len(reasons) == 1
    assert call(app, "POST").body == b"goes on"
    until(lambda: call(app, "PUT").body == b"ran")
    assert len(reasons) == 1


def test_a_blocked_loop_is_reported_once_with_the_place(
    tmp_path: Path, reasons: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, BLOCKS)
    coroutines.configure(abandon_timeout=30, reports_blocking=True, on_blocked=reasons.append)
    answers: list[Any] = []
    blocking = threading.Thread(target=lambda: answers.append(call(app)))
    blocking.start()
    until(lambda: len(caplog.records) > 0)
    call(app, "POST")
    blocking.join(30)
    assert answers[0].body == b"went on"
    [record] = caplog.records
    assert "blocked for 100 ms" in record.getMessage()
    assert "go.wait(30)" in record.getMessage()
