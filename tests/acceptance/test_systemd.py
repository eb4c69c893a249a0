"""The units of examples/deployment under systemd itself: the socket, reloads, restarts, the sandbox."""

from __future__ import annotations

import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.client import SECONDS, Answer
from tests.acceptance.load import Load
from tests.acceptance.nginx import EXAMPLE, Unix, answer_on
from tests.acceptance.servers import running
from tests.acceptance.systemd import UNITS, Systemd, booted
from tests.support import project, until

pytestmark = pytest.mark.slow

ACTIVATE, ANALYZE = map(shutil.which, ("systemd-socket-activate", "systemd-analyze"))
needs_activate = pytest.mark.skipif(ACTIVATE is None, reason="systemd-socket-activate is not installed")

FILES = {
    "version.py": "VERSION = 1\n",
    "pages/api/version.py": "from version import VERSION\n\ndef GET(): return str(VERSION)\n",
    "pages/api/limited.py": "config = {'rateLimit': '1/day'}\n\ndef GET(): return {}\n",
    "pages/api/cached.py": "revalidate = 60\n\ndef GET(): return {}\n",
    "pages/api/write.py": """
import os
from pathlib import Path

def GET(path: str):
    try:
        Path(path).write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"
""",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systemd]:
    directory = tmp_path_factory.mktemp("machine")
    root = project(directory / "shop", FILES)
    for name in ("middleware.py", "pyproject.toml"):
        shutil.copy(EXAMPLE / name, root)
    with booted(root, directory) as systemd:
        yield systemd


@pytest.fixture
def systemd(machine: Systemd) -> Systemd:
    """Return it with the service not running, and the first version of its code."""
    machine.control("stop", "shop.service")
    project(machine.project, FILES)
    return machine


def get(systemd: Systemd, path: str) -> Answer:
    with closing(Unix(systemd.socket)) as connection:
        return answer_on(connection, "GET", path, {"X-Forwarded-For": "192.0.2.1"})


def load_of(systemd: Systemd) -> Load:
    """Four clients, each with a connection for each request."""
    return Load(lambda: nullcontext(partial(get, systemd, "/api/version")), 4)


def start_by_a_request(systemd: Systemd) -> None:
    """Start the service. The worker that serves tells the main process, which tells systemd."""
    assert get(systemd, "/api/version").text == "1"
    until(lambda: systemd.property("ActiveState") == "active")


def test_the_first_request_starts_the_service_as_another_user(systemd: Systemd) -> None:
    assert systemd.property("ActiveState") == "inactive"
    start_by_a_request(systemd)
    assert systemd.user_of(systemd.property("MainPID")) != 0


def test_the_socket_is_for_nginx_alone(systemd: Systemd) -> None:
    status = systemd.socket.stat()
    assert status.st_uid == pwd.getpwnam("www-data").pw_uid
    assert stat.S_IMODE(status.st_mode) == 0o600


def test_no_request_fails_during_a_restart(systemd: Systemd) -> None:
    start_by_a_request(systemd)
    before = systemd.property("MainPID")
    with load_of(systemd) as load:
        systemd.control("restart", "shop.service")
        count = load.count
        until(lambda: load.count > count + 20 or bool(load.failures))
    assert load.failures == []
    assert systemd.property("MainPID") != before


def test_no_request_fails_during_a_reload_with_new_code(systemd: Systemd) -> None:
    start_by_a_request(systemd)
    before = systemd.property("MainPID")
    with load_of(systemd) as load:
        project(systemd.project, {"version.py": "VERSION = 2\n"})
        systemd.control("reload", "shop.service")
        until(lambda: get(systemd, "/api/version").text == "2" or bool(load.failures))
    assert load.failures == []
    assert systemd.property("MainPID") == before


def test_a_stop_is_a_success_in_time(systemd: Systemd) -> None:
    start_by_a_request(systemd)
    systemd.control("stop", "shop.service")
    names = ("ActiveState", "Result", "ExecMainCode", "ExecMainStatus")
    # CLD_EXITED, with status 0; a service that had to be killed has the result "timeout".
    assert [systemd.property(name) for name in names] == ["inactive", "success", "1", "0"]


def test_the_start_is_known_to_have_failed_if_the_project_has_a_mistake(systemd: Systemd) -> None:
    project(systemd.project, {"version.py": "VERSION = \n"})
    with closing(Unix(systemd.socket)) as connection:
        connection.request("GET", "/api/version")
        until(lambda: systemd.property("Result") == "exit-code")
        project(systemd.project, FILES)  # Restart=on-failure tries it again
        assert connection.getresponse().read() == b"1"


def test_a_restart_fails_if_a_worker_does_not_start(systemd: Systemd) -> None:
    register = "def register():\n    raise ValueError('no database')\n"
    project(systemd.project, {"instrumentation.py": register})
    try:
        with pytest.raises(AssertionError, match=r"Job for shop\.service failed"):
            systemd.control("restart", "shop.service")
    finally:
        (systemd.project / "instrumentation.py").unlink()


def test_the_socket_stays_open_however_often_the_start_fails(systemd: Systemd) -> None:
    command = systemd.project / ".venv" / "bin" / "apiroutes"
    script = command.read_text()
    with closing(Unix(systemd.socket)) as connection:
        command.write_text("#!/bin/sh\necho It does not start.\nexit 1\n")
        connection.request("GET", "/api/version")
        try:
            # systemd's own limit is 5 starts within 10 seconds.
            until(lambda: systemd.log().count("It does not start.") > 8)
        finally:
            command.write_text(script)
        assert connection.getresponse().read() == b"1"


def test_limits_and_cached_answers_are_kept_in_the_directory_of_its_state(systemd: Systemd) -> None:
    assert [get(systemd, "/api/limited").status for _ in range(2)] == [200, 429]
    get(systemd, "/api/cached")
    assert {"cache.db", "limits.db"} <= {path.name for path in systemd.state.iterdir()}
    systemd.control("restart", "shop.service")
    assert get(systemd, "/api/limited").status == 429
    assert "hit" in str(get(systemd, "/api/cached").header("Cache-Status"))
    assert "cannot be" not in systemd.log()


PLACES = {
    "/srv/shop/x": "OSError",  # which is EROFS
    "/srv/shop/pages/api/x.py": "OSError",
    "/etc/x": "OSError",
    "/root/x": "PermissionError",
    "/var/lib/x": "OSError",
    "/tmp/x": "written",  # in a directory of its own
    "/srv/shop/.apiroutes/x": "written",
}


def test_nothing_else_can_be_written(systemd: Systemd) -> None:
    seen = {path: get(systemd, f"/api/write?path={path}").text for path in PLACES}
    assert seen == PLACES


# -- without booting


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Return the units, with a program that is here."""
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed")
    files = {name: (EXAMPLE / name).read_text(encoding="utf-8") for name in UNITS}
    files["shop.service"] = re.sub(r"(?<=ExecStart=)\S+", sys.executable, files["shop.service"])
    return [str(project(tmp_path, files) / name) for name in UNITS]


def test_the_units_are_valid(units: list[str]) -> None:
    verified = subprocess.run([str(ANALYZE), "verify", *units], capture_output=True, text=True)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_systemd_finds_the_service_well_enclosed(units: list[str]) -> None:
    # The exposure is from 0 to 10; the threshold has it in tenths. A service without a sandbox has 9.6.
    command = [str(ANALYZE), "security", "--offline=yes", "--no-pager", "--threshold=20", units[0]]
    rated = subprocess.run(command, capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout


SERVERS = {
    "gunicorn": [],
    "gunicorn-asgi": ["--interface", "asgi"],
    "uvicorn": ["--server", "uvicorn"],
    "uvicorn, by its flag": ["--server", "uvicorn", "--", "--fd", "3"],
}


def activated(server: list[str], *places: Path) -> list[str]:
    """Return the command that starts a server with the first connection to one of the sockets."""
    listening = [word for place in places for word in ("--listen", str(place))]
    command = [str(ACTIVATE), *listening, "-E", "PYTHONPATH", "-E", "PORT=1"]
    return [*command, sys.executable, "-m", "apiroutes", "start", *server]


@needs_activate
@pytest.mark.parametrize("server", SERVERS)
def test_a_server_takes_the_socket_that_is_handed_to_it(server: str, tmp_path: Path) -> None:
    root, path = project(tmp_path / "shop", FILES), tmp_path / "shop.sock"
    with running(activated(SERVERS[server], path), tmp_path / "log", {}, root) as process:
        until(lambda: process.poll() is not None or connects(path))
        with closing(Unix(path)) as connection:
            assert answer_on(connection, "GET", "/api/version").text == "1"
        process.terminate()
        assert process.wait(SECONDS) == 0
    assert path.exists()  # it is systemd's


def connects(path: Path) -> bool:
    """Connect, which starts the server, and return whether that is possible yet."""
    try:
        with closing(Unix(path)) as connection:
            connection.connect()
    except OSError:
        return False
    return True


# Servers that would listen elsewhere, while clients of the socket wait for ever.
UNABLE = {
    "granian": (["--server", "granian"], 1, "cannot listen on systemd's socket: granian takes none. "),
    "uvicorn": (["--server", "uvicorn"], 2, "cannot listen on systemd's sockets: uvicorn takes one, not 2. "),
}


@needs_activate
@pytest.mark.parametrize("server", UNABLE)
def test_a_server_that_cannot_take_it_says_so(server: str, tmp_path: Path) -> None:
    flags, count, reason = UNABLE[server]
    root = project(tmp_path / "shop", FILES)
    paths = [tmp_path / f"{number}.sock" for number in range(count)]
    with running(activated(flags, *paths), tmp_path / "log", {}, root) as process:
        until(lambda: process.poll() is not None or connects(paths[-1]))
        assert process.wait(SECONDS) == 1
    assert reason in (tmp_path / "log").read_text()
