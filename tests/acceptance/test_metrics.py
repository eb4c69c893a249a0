"""Metrics of real workers: what two have counted adds up, also when one is killed and all are replaced."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import gunicorn, main_process, serve
from tests.support import project, until

pytestmark = pytest.mark.slow

START = [sys.executable, "-m", "apiroutes", "start"]
WORKERS = {
    "gunicorn": [*START, "--port", "auto", "--workers", "2", "--server", "gunicorn"],
    "gunicorn-preload": [*START, "--port", "auto", "--workers", "2", "--", "--preload"],
    "granian": [*START, "--port", "auto", "--workers", "2", "--server", "granian"],
    "uvicorn": [*START, "--port", "auto", "--workers", "2", "--server", "uvicorn"],
    "uvicorn-alone": [*START, "--port", "auto", "--workers", "1", "--server", "uvicorn"],
}

FILES = {
    "pages/api/pid.py": "import os\n"
    "from prometheus_client import Counter\n"
    "ASKED = Counter('asked', 'Requests for a process id.')\n"
    "def GET():\n    ASKED.inc()\n    return os.getpid()\n",
    "pyproject.toml": "[tool.apiroutes]\nmetrics_path = '/metrics'\n",
}
COUNTED = ("http_requests_total", "asked_total")


class Served:
    """A server with two workers, and the number of requests that it has answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.count = 0
        self.pids: set[int] = set()

    def ask(self, times: int = 10) -> None:
        for _ in range(times):
            answer = Client(OverHttp(self._port)).request("GET", "/api/pid")
            assert answer.status == 200
            self.count += 1
            self.pids.add(int(answer.text))

    def ask_until(self, condition: Callable[[], bool]) -> None:
        """Make requests until a condition holds."""

        def holds() -> bool:
            self.ask()
            return condition()

        until(holds)

    def samples(self) -> dict[str, float]:
        """Scrape: the counters of requests, and the gauge of those in flight."""
        text = Client(OverHttp(self._port)).request("GET", "/metrics").text
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name in COUNTED or sample.name == "http_requests_in_flight"
        }

    def require_counts(self) -> None:
        """The counters are those of all requests, whichever worker has counted and which one is asked."""
        for _ in range(6):
            found = self.samples()
            assert [found[name] for name in COUNTED] == [self.count, self.count]
            assert found["http_requests_in_flight"] == 0


@pytest.mark.parametrize("server", WORKERS)
def test_workers_add_up_and_no_counter_goes_back(tmp_path: Path, server: str) -> None:
    root, log, runtime = project(tmp_path / "project", FILES), tmp_path / "log", tmp_path / "runtime"
    runtime.mkdir()
    most = 1 if server == "uvicorn-alone" else 2
    with serve(WORKERS[server], log, {"XDG_RUNTIME_DIR": str(runtime)}, root) as port:
        served = Served(port)
        served.ask_until(lambda: len(served.pids) == most)
        served.require_counts()
        first = set(served.pids)
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        until(lambda: not lives(killed))
        served.ask_until(lambda: served.pids != first)
        served.require_counts()
        second = served.pids - {killed}
        served.pids.clear()
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: not any(map(lives, second)))
        served.ask_until(lambda: served.pids.isdisjoint(second))
        served.require_counts()
        assert of_workers(runtime).isdisjoint(first | second)
    assert list(runtime.iterdir()) == []


def of_workers(runtime: Path) -> set[int]:
    """Return the processes that have a file of metrics."""
    names = [path.name for path in runtime.glob("*/*.db")]
    assert names
    return {int(found[1]) for name in names if (found := re.search(r"_(\d+)\.db", name))}


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_directory_of_the_users_own_is_used_and_kept(tmp_path: Path) -> None:
    root, own = project(tmp_path / "project", FILES), tmp_path / "own"
    own.mkdir()
    with serve(WORKERS["gunicorn"], tmp_path / "log", {"PROMETHEUS_MULTIPROC_DIR": str(own)}, root) as port:
        served = Served(port)
        served.ask()
        served.require_counts()
    assert list(own.glob("*.db"))


def test_a_server_that_we_do_not_start_shares_a_directory_that_it_is_given(tmp_path: Path) -> None:
    root, own = project(tmp_path / "project", FILES), tmp_path / "own"
    own.mkdir()
    command = gunicorn("apiroutes:create_app()", "--workers=2")
    with serve(command, tmp_path / "log", {"PROMETHEUS_MULTIPROC_DIR": str(own)}, root) as port:
        served = Served(port)
        served.ask_until(lambda: len(served.pids) == 2)
        served.require_counts()
