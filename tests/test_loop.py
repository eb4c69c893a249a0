"""The one event loop of a process: when something holds it, at a fork, and at the process's end.

Each in a process of its own, whose loop, settings and end are what is looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.support import project

ROUTES = {
    "pages/api/hold.py": """
        async def GET(req):
            req.environ["holding"].set()
            req.environ["gate"].wait(60)  # here
            return "held"
    """,
    "pages/api/x.py": "async def GET(): return 'x'\n",
    "pages/api/plain.py": "def GET(): return 'plain'\n",
    "pages/api/later.py": """
        import asyncio
        async def later():
            try:
                await asyncio.sleep(3600)
            finally:
                print("cleaned up", flush=True)
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                print("closed", flush=True)
        async def GET():
            global task, source
            task, source = asyncio.create_task(later()), numbers()
            await anext(source)
            return "begun"
    """,
}
BEFORE = """
import json, logging, os, sys, threading, time
from apiroutes import App, readiness
from tests.support import Extra, call
gate, holding = threading.Event(), threading.Event()
def ask(name):
    return call(app, target=f"/api/{name}", **Extra({"gate": gate, "holding": holding}))
def until(condition):
    for _ in range(3000):
        if condition():
            return True
        time.sleep(0.01)
    return False
"""


def run(root: Path, script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a script over an App of these routes, `root`, from the directory of the tests."""
    project(root, {name: textwrap.dedent(source) for name, source in ROUTES.items()})
    here = Path(__file__).parents[1]
    return subprocess.run(
        [sys.executable, *flags, "-c", BEFORE + textwrap.dedent(script), str(root)],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        timeout=90,
    )


def said(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


HELD = """
    asked = []
    readiness.replace_by(lambda: asked.append(1))
    app = App(sys.argv[1], abandon_timeout=0.2)
    statuses = {}
    holder = threading.Thread(target=lambda: statuses.update(holder=ask("hold").status))
    holder.start()
    holding.wait(60)
    statuses["first"] = ask("x").status
    statuses["second"] = ask("x").status
    statuses["plain"] = ask("plain").status
    gate.set()
    holder.join(60)
    statuses["recovers"] = until(lambda: ask("x").status == 200)
    print(json.dumps([statuses, len(asked)]))
"""


def test_a_loop_that_does_not_move_refuses_coroutines_and_has_the_worker_replaced(tmp_path: Path) -> None:
    statuses, asked = said(run(tmp_path, HELD))
    assert statuses == {"holder": 503, "first": 503, "second": 503, "plain": 200, "recovers": True}
    assert asked == 1


REPORTED = """
    records = []
    class Kept(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())
    logging.getLogger("apiroutes").addHandler(Kept())
    app = App(sys.argv[1], mode=MODE)
    holder = threading.Thread(target=ask, args=("hold",))
    holder.start()
    holding.wait(60)
    other = threading.Thread(target=ask, args=("x",))
    other.start()
    if MODE == "development":
        until(lambda: records)
    other.join(0.5)
    gate.set()
    holder.join(60), other.join(60)
    print(json.dumps(records))
"""


@pytest.mark.parametrize(("mode", "count"), [("development", 1), ("production", 0)])
def test_development_says_once_what_holds_the_loop(tmp_path: Path, mode: str, count: int) -> None:
    records = said(run(tmp_path, f"MODE = {mode!r}\n" + textwrap.dedent(REPORTED)))
    assert len(records) == count
    assert all("# here" in record and "100 ms" in record for record in records)


def test_a_fork_has_a_loop_of_its_own(tmp_path: Path) -> None:
    script = """
        app = App(sys.argv[1])
        assert ask("x").status == 200
        child = os.fork()
        if not child:
            os._exit(0 if ask("x").status == 200 else 1)
        print(json.dumps(os.waitpid(child, 0)[1]))
    """
    assert said(run(tmp_path, script)) == 0


def test_tasks_and_generators_are_ended_with_the_process(tmp_path: Path) -> None:
    script = """
        app = App(sys.argv[1])
        assert ask("later").status == 200
    """
    done = run(tmp_path, script, "-X", "dev", "-W", "error")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split("\n")) == ["", "cleaned up", "closed"]


def test_a_loop_that_is_held_does_not_keep_the_process(tmp_path: Path) -> None:
    script = """
        app = App(sys.argv[1])
        threading.Thread(target=ask, args=("hold",), daemon=True).start()
        holding.wait(60)
    """
    assert run(tmp_path, script).returncode == 0
