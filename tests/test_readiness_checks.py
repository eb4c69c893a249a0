"""Readiness checks: the project's own functions decide whether it is ready, within a time limit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import HELLO, Answer, call, project, until


def ready_app(root: Path, source: str, **settings: Any) -> App:
    """An App whose `instrumentation.py` has the source, and whose readiness path is /ready."""
    project(root, {"pages/api/x.py": HELLO, "instrumentation.py": source})
    return App(root, **{"readiness_path": "/ready", **settings})


@pytest.fixture
def app_of(tmp_path: Path) -> Callable[..., App]:
    return lambda source, **settings: ready_app(tmp_path, source, **settings)


def ready(app: App) -> Answer:
    return call(app, target="/ready")


def statuses(answer: Answer) -> dict[str, str]:
    return {name: check["status"] for name, check in answer.json()["checks"].items()}


MIXED = """
import asyncio
async def later(): await asyncio.sleep(0.001)
class Ping:
    async def __call__(self): return True
checks = {"plain": lambda: None, "async": later, "object": Ping(), "result": lambda: 0}
"""


def test_a_project_whose_checks_pass_is_ready(app_of: Callable[..., App]) -> None:
    answer = ready(app_of(MIXED))
    assert (answer.status, answer.header("Cache-Control")) == (200, "no-store")
    assert answer.json()["status"] == "ready"
    assert statuses(answer) == {"plain": "ok", "async": "ok", "object": "ok", "result": "ok"}
    assert all(check["ms"] >= 0 for check in answer.json()["checks"].values())


def test_a_head_request_runs_them_too(app_of: Callable[..., App]) -> None:
    answer = call(app_of("checks = {'db': lambda: False}"), "HEAD", "/ready")
    assert (answer.status, answer.body) == (503, b"")


FAILING = [
    "lambda: False",
    "lambda: 1 / 0",
    "lambda: exit(3)",
    "lambda: (_ for _ in ()).throw(KeyboardInterrupt())",
    "lambda: (_ for _ in ()).throw(TimeoutError('of the driver'))",
    "later(False)",
    "later(1 / 0 if False else None, ValueError('dsn: hunter2'))",
]
LATER = """
import asyncio
def later(result, error=None):
    async def check():
        await asyncio.sleep(0)
        if error is not None: raise error
        return result
    return check
"""


@pytest.mark.parametrize("check", FAILING)
def test_a_check_that_fails_is_a_503(
    app_of: Callable[..., App], caplog: pytest.LogCaptureFixture, check: str
) -> None:
    answer = ready(app_of(f"{LATER}checks = {{'good': lambda: None, 'bad': {check}}}"))
    assert answer.status == 503
    assert answer.json()["status"] == "not ready"
    assert statuses(answer) == {"good": "ok", "bad": "failed"}
    assert "readiness check bad failed" in caplog.text


def test_the_reason_is_in_the_log_alone(app_of: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
    answer = ready(app_of("def ping(): raise OSError('postgres://u:hunter2@db')\nchecks = {'db': ping}"))
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text


CHANGING = """
results = [True, False, False, OSError("gone"), True, True, False]
def ping():
    result = results.pop(0)
    if isinstance(result, Exception): raise result
    return result
checks = {"db": ping}
"""


def test_it_is_logged_when_a_check_changes(
    app_of: Callable[..., App], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "apiroutes")
    app = app_of(CHANGING)
    assert [ready(app).status for _ in range(7)] == [200, 503, 503, 503, 200, 200, 503]
    assert caplog.messages == [
        "readiness check db failed: it returned False",
        "readiness check db: ok again",
        "readiness check db failed: it returned False",
    ]


# -- time

HANGING = """
import asyncio, threading, time
ends, begun = threading.Event(), []
def hang():
    begun.append(threading.current_thread())
    ends.wait()
async def hang_async():
    begun.append(1)
    await asyncio.sleep(60)
async def stubborn():
    begun.append(1)
    while not ends.is_set():
        try: await asyncio.sleep(0.01)
        except asyncio.CancelledError: pass
checks = {"db": %s, "good": lambda: None}
"""


@pytest.fixture
def hanging(
    app_of: Callable[..., App], tmp_path: Path
) -> Iterator[Callable[[str], tuple[App, dict[str, Any]]]]:
    ends: list[threading.Event] = []

    def make(check: str) -> tuple[App, dict[str, Any]]:
        names: dict[str, Any] = {}
        app = app_of(
            f"import {__name__} as tests\n" + HANGING % check + f"tests.NAMES['{tmp_path}'] = globals()",
            check_timeout=0.1,
        )
        names = NAMES[str(tmp_path)]
        ends.append(names["ends"])
        return app, names

    yield make
    for event in ends:
        event.set()


NAMES: dict[str, dict[str, Any]] = {}

HANGS = ["hang", "hang_async", "stubborn"]


@pytest.mark.parametrize("check", HANGS)
def test_a_check_that_hangs_has_timed_out(hanging: Any, caplog: pytest.LogCaptureFixture, check: str) -> None:
    app, _ = hanging(check)
    answer = ready(app)
    assert answer.status == 503
    assert statuses(answer) == {"db": "timed out", "good": "ok"}
    assert caplog.messages == ["readiness check db has not ended within 0.1 s"]


@pytest.mark.parametrize("check", ["hang", "stubborn"])
def test_a_check_that_hangs_is_not_begun_again(hanging: Any, check: str) -> None:
    app, names = hanging(check)
    answers = [ready(app) for _ in range(5)]
    assert {answer.status for answer in answers} == {503}
    assert len(names["begun"]) == 1


def test_a_check_that_has_ended_late_is_begun_again(hanging: Any) -> None:
    app, names = hanging("hang")
    assert ready(app).status == 503
    names["ends"].set()
    until(lambda: ready(app).status == 200 and len(names["begun"]) == 2)


def test_a_coroutine_is_cancelled_at_its_time(hanging: Any) -> None:
    app, names = hanging("hang_async")
    until(lambda: ready(app).status == 503 and len(names["begun"]) >= 2)


TOGETHER = """
import threading
barrier = threading.Barrier(3)
checks = {name: lambda: barrier.wait(5) and None for name in "abc"}
"""


def test_checks_run_side_by_side(app_of: Callable[..., App]) -> None:
    assert ready(app_of(TOGETHER, check_timeout=10)).status == 200


def test_requests_at_once_share_one_run(hanging: Any) -> None:
    app, names = hanging("hang")
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ready(app).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [503] * 8
    assert len(names["begun"]) == 1


def test_a_process_that_stops_runs_no_check(
    app_of: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of("checks = {'db': lambda: 1 / 0}")
    monkeypatch.setattr("apiroutes.builtin_endpoints.is_ready", lambda: False)
    answer = ready(app)
    assert (answer.status, answer.json()) == (503, {"status": "stopping"})


LOOPS = """
import asyncio
loops = []
async def ping(): loops.append(asyncio.get_running_loop())
checks = {"db": ping}
import tests.test_readiness_checks as tests
tests.NAMES["loops"] = globals()
"""


def test_a_coroutine_runs_on_the_loop_of_the_handlers(app_of: Callable[..., App], tmp_path: Path) -> None:
    handler = "import asyncio\nasync def GET(): return id(asyncio.get_running_loop())\n"
    project(tmp_path, {"pages/api/loop.py": handler})
    app = app_of(LOOPS)
    assert ready(app).status == 200
    answered = call(app, target="/api/loop").json()
    assert [id(loop) for loop in NAMES["loops"]["loops"]] == [answered]
