"""An event loop that is blocked: who is refused, what is reported, and that it comes back."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes.concurrency import coroutines
from apiroutes.event_loop.loop import AwaitedLoop
from apiroutes.event_loop.watchdog import watch_while
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


class StarvedLoop(AwaitedLoop):
    """A loop that waits for events in a thread; on a busy machine nothing comes round in time."""

    def __init__(self) -> None:
        self.refused = threading.Event()
        super().__init__(lambda loop: self.refused.set())
        self.called: list[Any] = []
        self._ours, self._theirs = socket.socketpair()
        waits = threading.Thread(target=self._wait)
        waits.start()
        self.thread = waits.ident

    def call_now(self, *call: Any) -> None:
        self.called.append(call)

    def _wait(self) -> None:
        with selectors.DefaultSelector() as selector, self._theirs:
            selector.register(self._theirs, selectors.EVENT_READ)
            selector.select()

    def end(self) -> None:
        self._ours.close()
        for function, *arguments in self.called:
            function(*arguments)


def test_a_loop_that_waits_for_events_is_not_blocked_by_a_call(
    reasons: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """On a busy machine it may come late, and no place in the project's code is to blame."""
    coroutines.configure(abandon_timeout=0.2, reports_blocking=True, on_blocked=reasons.append)
    loop = StarvedLoop()
    loop.is_watched = True
    watch_while(loop, lambda: not loop.refused.is_set())
    assert loop.refused.wait(30)
    loop.end()
    until(lambda: not loop.is_watched)
    assert caplog.records == []
