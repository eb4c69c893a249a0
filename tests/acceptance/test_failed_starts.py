"""A `register` that fails ends the server with status 3 and a message, or leaves the old workers serving."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, environment, main_process, serve
from tests.acceptance.test_reloads import GUNICORN, SERVERS
from tests.support import project, until

pytestmark = pytest.mark.slow

ROUTE = {"pages/api/version.py": "def GET(req): return req.app['version']\n"}
COMMANDS = {**SERVERS, "gevent": [*GUNICORN, "--worker-class", "gevent"]}
servers = pytest.mark.parametrize("server", COMMANDS)


def run(server: str, root: Path, instrumentation: str, **variables: str) -> tuple[int, str]:
    """Run a server that does not start; return its exit status and its log."""
    project(root, {**ROUTE, "instrumentation.py": instrumentation})
    ended = subprocess.run(
        COMMANDS[server],
        cwd=root,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@servers
@pytest.mark.parametrize("kind", ["", "async "])
def test_the_server_ends_with_status_3_and_the_place(tmp_path: Path, server: str, kind: str) -> None:
    source = f"{kind}def register():\n    open('tries', 'a').write('x')\n    raise OSError('no base')\n"
    status, log = run(server, tmp_path, source)
    assert status == 3, log
    assert "instrumentation.py:3" in log
    assert "OSError: no base" in log
    assert len((tmp_path / "tries").read_text()) <= 2  # no loop


@servers
@pytest.mark.parametrize("kind", ["", "async "])
def test_a_register_that_blocks_is_no_dead_server(tmp_path: Path, server: str, kind: str) -> None:
    source = f"import time\n{kind}def register():\n    time.sleep(600)\n"
    status, log = run(server, tmp_path, source, APIROUTES_START_TIMEOUT="0.5")
    assert status == 3, log
    assert "instrumentation.py:3" in log
    assert "within 0.5 s" in log


@pytest.mark.parametrize("server", SERVERS)
def test_at_a_reload_the_old_workers_keep_serving(tmp_path: Path, server: str) -> None:
    source = "def register(): return {'version': 1}\n"
    project(tmp_path, {**ROUTE, "instrumentation.py": source})
    log = tmp_path / "log"
    with serve(SERVERS[server], log, {}, tmp_path) as port:
        client = Client(OverHttp(port))
        assert client.request("GET", "/api/version").text == "1"
        project(tmp_path, {"instrumentation.py": "def register(): 1 / 0\n"})
        os.kill(main_process(log), signal.SIGHUP)
        until(lambda: "ZeroDivisionError" in log.read_text() and "did not start" in log.read_text())
        assert Client(OverHttp(port)).request("GET", "/api/version").text == "1"
