"""The parts that do not need POSIX work without it: Windows is imitated by removing what it lacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, environment, serve
from tests.support import HELLO, project, until

HERE = Path(__file__).parents[2]

# https://docs.python.org/3/library/os.html, signal.html and socket.html: "Availability: not Windows"
WINDOWS = """
import os, signal, socket, sys
for module, names in {
    os: "fork forkpty register_at_fork getppid sched_getaffinity geteuid getegid waitid killpg",
    signal: "SIGHUP SIGCHLD SIGUSR1 SIGALRM SIGQUIT pthread_sigmask pthread_kill siginterrupt sigwait",
    socket: "AF_UNIX SO_REUSEPORT",
}.items():
    for name in names.split():
        vars(module).pop(name, None)
for module in ("fcntl", "resource", "grp", "termios"):
    sys.modules[module] = None
"""


def python(source: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WINDOWS + source],
        cwd=directory,
        env=environment(PYTHONPATH=str(HERE)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


USES = {
    "import": "import apiroutes\n",
    "middleware": "import apiroutes.middleware\n",
    "the development server": "import apiroutes.development\n",
    "check": "from apiroutes.cli import main\nmain(['check'])\n",
    "a client for tests": (
        "from apiroutes.testing import Client\nassert Client('.').get('/api/hello').status_code == 200\n"
    ),
}


@pytest.mark.parametrize("source", USES.values(), ids=USES)
def test_it_works_on_an_imitated_windows(tmp_path: Path, source: str) -> None:
    done = python(source, project(tmp_path, {"pages/api/hello.py": HELLO}))
    assert (done.returncode, done.stderr) == (0, "")


def test_dev_serves_and_reloads_where_no_socket_is_inherited(tmp_path: Path) -> None:
    directory = project(tmp_path / "project", {"pages/api/hello.py": HELLO})
    # sitecustomize, which Python runs when it starts, imitates Windows in the child too.
    project(tmp_path, {"path/sitecustomize.py": WINDOWS})
    variables = {"PYTHONPATH": f"{tmp_path / 'path'}:{HERE}"}
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
    with serve(command, tmp_path / "log", variables, directory) as port:
        client = Client(OverHttp(port))
        assert client.request("GET", "/api/hello").status == 200
        project(directory, {"pages/api/hello.py": "def GET(): return 'new'\n"})
        until(lambda: "Reloaded in" in (tmp_path / "log").read_text())
        assert client.request("GET", "/api/hello").text == "new"
