"""The files of workers that have ended: folded into one, without a counter that goes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).parents[2]

# A worker: serves requests, sets gauges, and shows what a scraper gets. It waits for its input to end.
WORKER = """
import sys
from pathlib import Path
from prometheus_client import Gauge
from tests.support import app_of, call
requests, value = map(int, sys.argv[2:])
app = app_of(Path(sys.argv[1]), "def GET(): return 'four'", metrics_path="/metrics")
for mode in ("all", "liveall", "min", "max", "sum", "livesum", "mostrecent"):
    Gauge("of_" + mode, "A gauge.", multiprocess_mode=mode).set(value)
for _ in range(requests):
    call(app, "GET", "/api/x")
sys.stdout.write(call(app, "GET", "/metrics").text + "\\n<end>\\n")
sys.stdout.flush()
sys.stdin.read()
"""


class Worker:
    """A process with the App, which has served its requests; `scraped` is what it shows then."""

    def __init__(self, directory: Path, requests: int, value: int) -> None:
        project = directory / f"project{requests}-{value}"
        command = [sys.executable, "-c", WORKER, str(project), str(requests), str(value)]
        shared = directory / "shared"
        shared.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            command,
            cwd=TOP,
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.scraped = dict(
            line.rsplit(" ", 1)
            for line in iter(self.process.stdout.readline, "<end>\n")
            if line.strip() and not line.startswith("#")
        )

    def value(self, name: str) -> float:
        return float(self.scraped[name])

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


REQUESTS = 'http_requests_total{method="GET",route="/api/x",status="2xx"}'
SUM = 'http_response_size_bytes_sum{method="GET",route="/api/x"}'
BUCKET = 'http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/x"}'


@pytest.fixture
def workers(tmp_path: Path) -> Any:
    begun: list[Worker] = []

    def start(requests: int, value: int) -> Worker:
        begun.append(Worker(tmp_path, requests, value))
        return begun[-1]

    yield start
    for worker in begun:
        worker.kill()


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "shared").glob("*.db"))


def test_counts_outlive_their_workers_and_files_do_not(tmp_path: Path, workers: Any) -> None:
    for expected in (3, 6, 9):
        worker = workers(3, 1)
        assert (worker.value(REQUESTS), worker.value(BUCKET), worker.value(SUM)) == (
            expected,
            expected,
            4 * expected,
        )
        own = [name for name in files(tmp_path) if f"_{worker.process.pid}.db" in name]
        folded = [name for name in files(tmp_path) if name.endswith("_folded.db")]
        assert sorted(own + folded) == files(tmp_path)
        worker.kill()


def test_two_workers_that_live_add_up(workers: Any) -> None:
    workers(2, 1)
    assert workers(5, 1).value(REQUESTS) == 7


def test_gauges_of_dead_workers_go_but_for_those_of_all_that_have_been(workers: Any) -> None:
    workers(0, 5).kill()
    workers(0, 1).kill()
    last = workers(0, 3)
    pid = f'{{pid="{last.process.pid}"}}'
    gauges = {name: float(value) for name, value in last.scraped.items() if name.startswith("of_")}
    assert gauges == {
        f"of_all{pid}": 3,
        f"of_liveall{pid}": 3,
        "of_min": 1,
        "of_max": 5,
        "of_sum": 9,
        "of_livesum": 3,
        "of_mostrecent": 3,
    }


def test_a_file_that_a_worker_left_incomplete_does_not_stop_the_others(tmp_path: Path, workers: Any) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / f"counter_{2**22 + 1}.db").write_bytes(b"\xff\xff\x00\x00broken")
    assert workers(2, 1).value(REQUESTS) == 2


def test_a_process_on_its_own_needs_no_directory(tmp_path: Path) -> None:
    source = WORKER.replace("sys.stdin.read()", "")
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    command = [sys.executable, "-c", source, str(tmp_path), "2", "1"]
    ended = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=True)
    assert f"{REQUESTS} 2.0" in ended.stdout
    assert "python_info" in ended.stdout


# -- a directory that disappears -------------------------------------------------------------------

# A worker whose directory goes at the place that the argument names, and what it answers then.
GONE = """
import logging, os, shutil, sys
from pathlib import Path
from tests.support import app_of, call
logging.basicConfig(format="%(message)s")
root, shared, when = Path(sys.argv[1]), os.environ["PROMETHEUS_MULTIPROC_DIR"], sys.argv[2]
def lose():
    shutil.rmtree(shared)
    if sys.argv[3] == "file":
        Path(shared).touch()
if when == "start":
    lose()
(root / "metrics_of_project.py").parent.mkdir(exist_ok=True)
(root / "metrics_of_project.py").write_text(
    "from prometheus_client import Counter, Summary\\n"
    "ORDERS, SIZES = Counter('orders', 'O.'), Summary('sizes', 'S.', ['kind'])\\n"
)
source = (
    "from metrics_of_project import ORDERS, SIZES\\n"
    "def GET():\\n    ORDERS.inc()\\n    SIZES.labels('a').observe(1)\\n    return 'four'\\n"
)
app = app_of(root, source, metrics_path="/metrics")
if when == "first request":
    lose()
elif when == "scrape":
    call(app, "GET", "/api/x")
    lose()
    print(call(app, "GET", "/metrics").status)
print(call(app, "GET", "/api/x").status, call(app, "GET", "/metrics").status)
"""


@pytest.mark.parametrize("left", ["nothing", "file"])
@pytest.mark.parametrize("when", ["start", "first request", "scrape"])
def test_requests_are_answered_when_the_directory_has_gone(tmp_path: Path, when: str, left: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    command = [sys.executable, "-c", GONE, str(tmp_path / "project"), when, left]
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    ended = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, {*ended.stdout.split()}) == (0, {"200"}), ended.stderr
    assert ended.stderr.count(" is missing and cannot be created" if left == "file" else "created again") == 1
    assert shared.is_dir() == (left == "nothing")


# A server whose workers share no directory, and two scrapes of one.
APART = """
import logging, multiprocessing, sys
from pathlib import Path
from tests.asgi_server import AsWSGI
from tests.support import app_of, call
def scrape(kind):
    logging.basicConfig(format="%(message)s")
    app = app_of(Path(sys.argv[1]), "def GET(): return 'four'", metrics_path="/metrics")
    served = AsWSGI(app.asgi) if kind == "asgi" else app
    is_several = kind == "several"
    for _ in range(2):
        assert call(served, "GET", "/metrics", **{"wsgi.multiprocess": is_several}).status == 200
if __name__ == "__main__":
    if sys.argv[2] == "spawned":
        process = multiprocessing.get_context("fork").Process(target=scrape, args=("asgi",))
        process.start()
        process.join()
        sys.exit(process.exitcode)
    scrape(sys.argv[2])
"""


@pytest.mark.parametrize(("kind", "warnings"), [("one", 0), ("asgi", 0), ("several", 1), ("spawned", 1)])
def test_workers_that_share_no_directory_are_warned_of_once(tmp_path: Path, kind: str, warnings: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    command = [sys.executable, "-c", APART, str(tmp_path), kind]
    ended = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("PROMETHEUS_MULTIPROC_DIR") == warnings, ended.stderr
