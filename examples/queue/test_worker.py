"""An order with a real server, queue and worker: nothing is lost when the server ends or an attempt fails."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent
SERVER = ["apiroutes", "start", "--workers", "1", "--port", "0"]
WORKER = ["huey.bin.huey_consumer", "tasks.huey", "--workers", "2", "--graceful-signal", "TERM"]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def running(command: list[str], log: Path, variables: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process of the project, and end it by SIGTERM."""
    with log.open("wb") as output:
        environment = {**os.environ, **variables}
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output, stderr=output)
    try:
        yield process
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()


@pytest.fixture(params=["SQLite", "Redis"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables of the queue."""
    if request.param == "SQLite":
        yield {"REDIS_URL": ""}
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis", reason="Python's redis is not installed")
    path = tmp_path / "redis"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    with running(command, tmp_path / "redis.log", {}):
        until(path.exists)
        yield {"REDIS_URL": f"unix://{path}"}


def test_a_receipt_is_written_after_the_server_has_ended(tmp_path: Path, queue: dict[str, str]) -> None:
    receipts = tmp_path / "receipts"
    receipts.write_text("no directory, so that the first attempt fails")
    variables = {**queue, "ORDERS_DATA": str(tmp_path)}
    log = tmp_path / "log"
    with running([sys.executable, "-m", *SERVER], log, variables):
        until(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()))
        order = place_order(log.read_text())
    with running([sys.executable, "-m", *WORKER], log, variables):
        until(lambda: "Requeueing" in log.read_text())
        receipts.unlink()
        receipt = receipts / f"{order}.txt"
        until(receipt.exists)
        until(lambda: "executed in" in log.read_text())
    assert receipt.read_text() == "2 x Tea\n"


def place_order(log: str) -> int:
    address = re.search(r"127\.0\.0\.1:\d+", log)
    assert address is not None
    with closing(http.client.HTTPConnection(address[0], timeout=30)) as connection:
        content = json.dumps({"item": "Tea", "quantity": 2})
        connection.request("POST", "/api/orders", content, {"Content-Type": "application/json"})
        order: int = json.load(connection.getresponse())["id"]
        return order
