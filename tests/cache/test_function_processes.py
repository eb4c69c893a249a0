"""Values of functions that several processes share by a file."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support import project

TOP = Path(__file__).parents[2]

# Reads a call in each line, and writes its result. `run` is noted in a file that the processes share.
WORKER = """
import asyncio, json, sys
from pathlib import Path
from apiroutes import App, revalidate_tag
from apiroutes.cache import Cache, note_cache
from apiroutes.stores.sqlite import SQLiteStore

here = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):  # so that the numbers of the projects' packages differ
    app = App(here / "project")
store = SQLiteStore(here / "cache.db", max_entries=100, max_size=10**6)
app.cache = Cache(lambda: store, app.cache.routes, "1", hot_size=10**6, lock_timeout=10)
note_cache(app.cache)
from apiroutes.testing import Client
client = Client(app)
print("ready", flush=True)
for line in sys.stdin:
    kind, *arguments = json.loads(line)
    if kind == "tag":
        revalidate_tag(*arguments)
        print("null", flush=True)
    else:
        print(json.dumps(client.open(*arguments, method=kind).json), flush=True)
"""
LIB = """
import time
from pathlib import Path
from apiroutes import cached

log = Path(__file__).parent / "runs"

def note():
    with log.open("a") as file:
        file.write("x")
    return len(log.read_text())

@cached(tags=["runs"])
def load(key):
    run = note()
    time.sleep(0.3)
    return run

@cached(tags=["runs"])
async def load_later(key):
    run = note()
    time.sleep(0.3)
    return run
"""
ROUTE = """
from lib import load, load_later

def GET(req):
    return load(req.query["key"])

async def PUT(req):
    return await load_later(req.query["key"])

def POST(req):
    load.revalidate(req.query["key"])
    load_later.revalidate(req.query["key"])
    return "done"
"""


_numbers = itertools.count()


class Worker:
    """A process with an App of the project."""

    def __init__(self, root: Path, apps: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(root), str(apps)],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, *request: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def call(self, *request: object) -> Any:
        self.ask(*request)
        return self.answer()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Worker]]:
    tmp_path = tmp_path_factory.mktemp("processes")
    pages = {"project/pages/api/x.py": ROUTE, "project/lib.py": LIB, "project/runs": ""}
    project(tmp_path, pages)
    with ExitStack() as stack:
        workers = Worker(tmp_path, 1), Worker(tmp_path, 2)
        for worker in workers:
            stack.enter_context(worker.process)
            stack.callback(worker.process.kill)
            assert worker.process.stdout is not None
            assert worker.process.stdout.readline() == "ready\n"
        yield workers


@pytest.fixture
def target() -> str:
    """A call that no other test makes."""
    return f"/api/x?key={next(_numbers)}"


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_one_run_serves_both(workers: tuple[Worker, Worker], method: str, target: str) -> None:
    one, two = workers
    for worker in workers:
        worker.ask(method, target)
    run, same = [worker.answer() for worker in workers]
    assert run == same
    assert two.call(method, f"{target}b") == one.call(method, f"{target}b") == run + 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("drop", [("tag", "runs"), ("POST",)])
def test_what_one_has_revalidated_the_other_computes_anew(
    workers: tuple[Worker, Worker], method: str, drop: tuple[str, ...], target: str
) -> None:
    one, two = workers
    run, *same = [worker.call(method, target) for worker in (one, two, two)]
    assert same == [run, run]
    one.call(*drop, *([target] if drop == ("POST",) else []))
    assert two.call(method, target) == run + 1
    assert one.call(method, target) == run + 1
