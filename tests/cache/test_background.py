"""Work in the background: bounded, and never in the way of a request."""

from __future__ import annotations

import contextvars
import os
import threading

import pytest

from apiroutes.cache.background import Background


def test_no_more_threads_run_and_no_more_functions_wait_than_may() -> None:
    background = Background(threads=2, waiting=3)
    goes_on, begun, ended = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)
    threads: set[int] = set()

    def work() -> None:
        threads.add(threading.get_ident())
        begun.release()
        assert goes_on.wait(10)
        ended.release()

    for _ in range(2):
        assert background.submit(work)
        assert begun.acquire(timeout=10)
    assert [background.submit(work) for _ in range(5)] == [True, True, True, False, False]
    goes_on.set()
    for _ in range(5):
        assert ended.acquire(timeout=10)
    assert len(threads) == 2


def test_a_function_runs_in_an_empty_context() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("mine")
    found: list[str] = []
    ended = threading.Event()

    def work() -> None:
        found.append(variable.get())
        ended.set()

    assert Background().submit(work)
    assert ended.wait(10)
    assert found == ["none"]


def test_what_a_function_raises_is_logged_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    background = Background(threads=1)
    ended = threading.Event()

    def fail() -> None:
        raise SystemExit(5)

    assert background.submit(fail)
    assert background.submit(ended.set)
    assert ended.wait(10)
    assert "SystemExit: 5" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_child_has_threads_of_its_own() -> None:
    background = Background(threads=1)
    goes_on, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        goes_on.wait(10)

    assert background.submit(work)
    assert begun.wait(10)
    child = os.fork()
    if child == 0:
        ended = threading.Event()
        background.submit(ended.set)
        os._exit(0 if ended.wait(10) else 1)
    _, status = os.waitpid(child, 0)
    goes_on.set()
    assert os.waitstatus_to_exitcode(status) == 0
