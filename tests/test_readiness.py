"""The readiness path: 200 while the process wants requests, 503 once it was told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import HELLO, Answer, app_of, call


def ready(root: Path, **settings: Any) -> App:
    return app_of(root, HELLO, readiness_path="/ready", **settings)


def test_there_is_no_readiness_path_by_default(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO), target="/ready").status == 404


@pytest.mark.parametrize("trailing_slash", ["redirect", "ignore", "require"])
def test_a_running_process_is_ready(tmp_path: Path, trailing_slash: str) -> None:
    answer = call(ready(tmp_path, trailing_slash=trailing_slash), target="/ready")
    assert (answer.status, answer.body, answer.header("Cache-Control")) == (200, b"ready", "no-store")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("OPTIONS", 405)])
def test_readiness_allows_get_and_head(tmp_path: Path, method: str, status: int) -> None:
    assert call(ready(tmp_path), method, "/ready").status == status


def test_a_fallback_is_not_called_for_the_readiness_path(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        raise AssertionError("the fallback was called")

    assert call(ready(tmp_path, fallback=fallback), target="/ready").status == 200


class Worker:
    """A worker like gunicorn's, whose own method handles SIGTERM."""

    alive = True

    def handle_exit(self, signum: int, frame: object) -> None:
        self.alive = False


def test_a_worker_that_was_told_to_stop_is_not_ready(tmp_path: Path) -> None:
    app = ready(tmp_path)
    worker = Worker()
    before = signal.signal(signal.SIGTERM, worker.handle_exit)
    answers: list[Answer] = []
    try:
        answers.append(call(app, target="/ready"))
        signal.raise_signal(signal.SIGTERM)
        answers.append(call(app, target="/ready"))
        answers.append(call(app, target="/api/x"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [answer.status for answer in answers] == [200, 503, 200]
    assert answers[1].body == b"stopping"


def test_a_readiness_path_that_is_a_route_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"pages/api/x\.py answers /api/x too"):
        app_of(tmp_path, HELLO, readiness_path="/api/x")


# -- liveness


def test_there_is_no_liveness_path_by_default(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO), target="/alive").status == 404


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 405)])
def test_a_process_that_answers_is_alive(tmp_path: Path, method: str, status: int) -> None:
    answer = call(app_of(tmp_path, HELLO, liveness_path="/alive"), method, "/alive")
    assert (answer.status, answer.body) == (
        status,
        {"GET": b"alive", "HEAD": b"", "POST": b"Method Not Allowed"}[method],
    )
    assert answer.header("Cache-Control") == "no-store"


def test_a_process_that_stops_is_still_alive(tmp_path: Path) -> None:
    app = ready(tmp_path, liveness_path="/alive")
    worker = Worker()
    worker.alive = False
    before = signal.signal(signal.SIGTERM, worker.handle_exit)
    try:
        assert [call(app, target=path).status for path in ("/ready", "/alive")] == [503, 200]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("other", ["readiness_path", "openapi_path"])
def test_two_paths_that_are_the_same_are_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(ProjectError, match=r"answers /x too"):
        app_of(tmp_path, HELLO, liveness_path="/x", **{other: "/x"})
