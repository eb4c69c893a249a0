"""The scenarios of the response cache, all of them: in two processes, and under servers with two workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.servers import granian, gunicorn, gunicorn_asgi, serve, uvicorn
from tests.conformance.cache_scenarios import APPLICATION, OVER_ASGI, TOP, copy_project, failures, load
from tests.redis_server import redis_server

pytestmark = pytest.mark.slow

COMMANDS = {
    "gunicorn": gunicorn(APPLICATION, "--workers=2", "--worker-class=gthread", "--threads=32"),
    "gunicorn-gevent": gunicorn(APPLICATION, "--workers=2", "--worker-class=gevent"),
    "gunicorn-asgi": gunicorn_asgi(workers=2),
    "granian": granian(workers=2),
    "granian-asgi": granian(interface="asgi", workers=2),
    "uvicorn": uvicorn(workers=2),
}


@contextmanager
def served(command: Sequence[str], directory: Path, **variables: str) -> Iterator[list[str]]:
    """Serve the scenarios' project; yield what the runner sends requests to."""
    variables |= {
        "SCENARIO_STATE": str(directory / "state"),
        "PYTHONPATH": str(TOP),
        "APIROUTES_THREADS": "32",  # where `apiroutes start` reads it: enough for all that run side by side
    }
    with serve(command, directory / "log", variables, copy_project(directory)) as port:
        yield ["--url", f"http://127.0.0.1:{port}"]


@pytest.mark.parametrize("application", [APPLICATION, OVER_ASGI], ids=["wsgi", "asgi"])
def test_scenarios_pass_in_two_processes(tmp_path: Path, application: str) -> None:
    assert failures([application], load(), tmp_path) == ""


def test_scenarios_pass_in_two_processes_on_redis(tmp_path: Path) -> None:
    with redis_server() as redis:
        assert failures([APPLICATION], load(), tmp_path, APIROUTES_CACHE=redis.patient_url) == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_scenarios_pass_under_two_workers(tmp_path: Path, name: str) -> None:
    with served(COMMANDS[name], tmp_path) as target:
        assert failures(target, load(), tmp_path) == ""


@pytest.mark.parametrize("name", ["gunicorn", "uvicorn"])
def test_scenarios_pass_under_two_workers_on_redis(tmp_path: Path, name: str) -> None:
    with (
        redis_server() as redis,
        served(COMMANDS[name], tmp_path, APIROUTES_CACHE=redis.patient_url) as target,
    ):
        assert failures(target, load(), tmp_path) == ""
