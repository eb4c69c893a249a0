"""Limits that are settings: each passes at its value and refuses one past it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import HELLO, Answer, app_of, call, project

KEYS = "def handler(req, res):\n    res.json(len(req.{where}))\n"


@pytest.mark.parametrize("where", ["query", "args"])
@pytest.mark.parametrize(("count", "status"), [(3, 200), (4, 414)])
def test_the_keys_of_a_query(tmp_path: Path, where: str, count: int, status: int) -> None:
    app = app_of(tmp_path, KEYS.format(where=where), max_query_keys=3)
    target = "/api/x?" + "&".join(f"key{number}=1" for number in range(count))
    assert call(app, target=target).status == status


def test_a_query_has_a_thousand_keys_by_default(tmp_path: Path) -> None:
    app = app_of(tmp_path, KEYS.format(where="query"))
    answers = [
        call(app, target="/api/x?" + "&".join(f"k{n}" for n in range(count))) for count in (1000, 1001)
    ]
    assert [answer.status for answer in answers] == [200, 414]
    assert answers[1].body == b"Query has more than 1000 keys"


def test_a_handler_that_does_not_ask_for_the_query_answers(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO, max_query_keys=0), target="/api/x?a&b").status == 200


HEADERS = [
    ({"max_headers": 4}, [("X-A", "1"), ("X-B", "1"), ("X-C", "1")], 200),  # with Host
    ({"max_headers": 4}, [("X-A", "1"), ("X-B", "1"), ("X-C", "1"), ("X-D", "1")], 431),
    ({"max_headers": 1}, [("Content-Type", "text/plain")], 431),
    ({"max_header_size": 20}, [("X-A", "x" * 17)], 200),
    ({"max_header_size": 20}, [("X-A", "x" * 18)], 431),
    ({"max_header_size": 20}, [("Content-Type", "text/plain;xxxxxxxxxxxxxxxxxxxxxx")], 431),
    ({}, [("X-A", "x" * 100_000)], 200),
]


@pytest.mark.parametrize(("settings", "headers", "status"), HEADERS)
def test_the_headers(
    tmp_path: Path, settings: dict[str, Any], headers: list[tuple[str, str]], status: int
) -> None:
    assert call(app_of(tmp_path, HELLO, **settings), headers=headers).status == status


def test_headers_are_the_fallbacks_where_the_path_is(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"theirs"

    app = app_of(tmp_path, HELLO, max_headers=1, fallback=fallback)
    headers = [("X-A", "1"), ("X-B", "1")]
    assert call(app, target="/other", headers=headers).body == b"theirs"
    assert call(app, headers=headers).status == 431


# -- readiness -----------------------------------------------------------------------------


def ready(root: Path, **settings: Any) -> App:
    return app_of(root, HELLO, readiness_path="/ready", **settings)


def test_nobody_is_asked_for_readiness_by_default(tmp_path: Path) -> None:
    assert call(app_of(tmp_path, HELLO), target="/ready").status == 404


@pytest.mark.parametrize("trailing_slash", ["redirect", "ignore", "require"])
def test_a_process_that_goes_on_is_ready(tmp_path: Path, trailing_slash: str) -> None:
    answer = call(ready(tmp_path, trailing_slash=trailing_slash), target="/ready")
    assert (answer.status, answer.body, answer.header("Cache-Control")) == (200, b"ready", "no-store")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("OPTIONS", 405)])
def test_other_methods(tmp_path: Path, method: str, status: int) -> None:
    assert call(ready(tmp_path), method, "/ready").status == status


def test_readiness_is_answered_in_front_of_a_fallback(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        raise AssertionError("it was asked")

    assert call(ready(tmp_path, fallback=fallback), target="/ready").status == 200


class Worker:
    """As gunicorn's: its own method handles SIGTERM."""

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


def test_a_path_that_a_file_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"pages/api/x\.py answers /api/x too"):
        app_of(tmp_path, HELLO, readiness_path="/api/x")


BAD = [
    ("readiness_path", "ready"),
    ("readiness_path", "/a b"),
    ("readiness_path", ""),
    ("readiness_path", "/a/../b"),
    ("body_timeout", 0),
    ("body_timeout", "soon"),
    ("body_timeout", True),
    ("body_timeout", float("inf")),
    ("body_timeout", "nan"),
    ("body_min_rate", "fast"),
    ("shutdown_delay", -1),
    ("max_query_keys", -1),
    ("max_headers", 0),
    ("max_header_size", "1xb"),
    ("max_abandoned_handlers", 0),
    ("abandon_timeout", 0),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_limit_that_cannot_be_read_stops_the_start(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ProjectError, match=name):
        App(project(tmp_path, {"pages/api/x.py": HELLO}), **{name: value})  # type: ignore[arg-type]


def test_seconds_are_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIROUTES_BODY_TIMEOUT", "2.5")
    assert app_of(tmp_path, HELLO).settings.body_timeout == 2.5
