"""`apiroutes dev` while files change: what is answered by whom, what is lost, and which processes remain."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, processes_of, running
from tests.support import project, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")

VERSION = "def GET():\n    return {}\n"


class Development(NamedTuple):
    """A development server that runs in a session of its own."""

    root: Path
    log: Path
    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str) -> str:
        """Return the status and the text of a response."""
        answer = Client(OverHttp(self.port)).request("GET", path)
        return f"{answer.status} {answer.text}"

    def write(self, file: str, source: str) -> None:
        project(self.root, {file: source})

    def reloads(self) -> int:
        return self.log.read_text().count("Reloaded in ")

    def reload_after(self, change: Callable[[], object]) -> None:
        before = self.reloads()
        change()
        until(lambda: self.reloads() > before)

    def processes(self) -> list[int]:
        """Return the processes of the session."""
        return processes_of(self.process.pid)


@contextmanager
def developing(
    root: Path, files: Mapping[str, str], *options: str, **variables: str
) -> Iterator[Development]:
    """Run the development server, with a process that waits for its turn, and end it whatever happens."""
    directory, log = root / "project", root / "log"
    project(directory, files)
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0", *options]
    with running(command, log, variables, directory) as process:
        until(lambda: "(Ctrl-C stops)" in log.read_text())
        address = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert address is not None
        server = Development(directory, log, process, int(address[1]))
        until(lambda: len(server.processes()) == 3)
        yield server


def test_a_request_that_has_begun_is_finished_while_the_new_code_answers(tmp_path: Path) -> None:
    slow = """
import pathlib, time
def GET():
    pathlib.Path("begun").touch()
    while not pathlib.Path("finish").exists():
        time.sleep(0.01)
    return {}
"""
    with developing(tmp_path, {"pages/api/version.py": slow.format(1)}) as server:
        answers: list[str] = []
        client = threading.Thread(target=lambda: answers.append(server.get("/api/version")))
        client.start()
        until((server.root / "begun").exists)
        server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(2)))
        assert server.get("/api/version") == "200 2"
        assert answers == []
        (server.root / "finish").touch()
        client.join(SECONDS)
        assert answers == ["200 1"]
        until(lambda: len(server.processes()) == 3)


def test_a_stream_does_not_hold_up_a_reload(tmp_path: Path) -> None:
    stream = """
import itertools, time
from apiroutes import event_stream
def GET():
    return event_stream(str(time.sleep(0.05)) for _ in itertools.count())
"""
    files = {"pages/api/version.py": VERSION.format(1), "pages/api/events.py": stream}
    with developing(tmp_path, files) as server:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
            connection.request("GET", "/api/events")
            assert connection.getresponse().readline() == b"data: None\n"
            server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(2)))
            assert server.get("/api/version") == "200 2"
        until(lambda: len(server.processes()) == 3)


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="the system cannot wait for a request")
def test_a_connection_that_is_open_already_gets_the_new_code(tmp_path: Path) -> None:
    """Browsers open connections that they use later."""
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        with contextlib.closing(connection):
            connection.connect()
            server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(2)))
            connection.request("GET", "/api/version")
            assert connection.getresponse().read() == b"2"


@pytest.mark.slow
def test_no_connection_is_lost_in_many_reloads_and_no_old_code_answers_once_one_is_said(
    tmp_path: Path,
) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(0)}) as server:
        faults: list[str] = []
        seen: set[int] = set()
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                reloads = server.log.read_text().count("; reloading")
                try:
                    answer = server.get("/api/version")
                except Exception as error:
                    faults.append(repr(error))
                    continue
                seen.add(int(answer.removeprefix("200 ")))
                if int(answer.removeprefix("200 ")) < reloads:
                    faults.append(f"{answer} after {reloads} reloads")

        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        for number in range(1, 21):
            # Moved there whole: a file that is written there may be noticed twice, empty and full.
            new = project(tmp_path, {"new.py": VERSION.format(number)}) / "new.py"
            server.reload_after(partial(new.replace, server.root / "pages/api/version.py"))
        until(lambda: 20 in seen)
        done.set()
        for client in clients:
            client.join(SECONDS)
        assert faults == []


def test_an_allowed_host_is_answered_after_a_reload_and_by_what_stands_in(tmp_path: Path) -> None:
    def status(host: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/api/x", headers={"Host": host})
            return connection.getresponse().status

    options = ("--allowed-host", "dub.test", "--allowed-host", ".a.test")
    with developing(tmp_path, {"pages/api/x.py": VERSION}, *options) as server:
        for _ in range(2):
            hosts = ("dub.test", "b.a.test", "app.localhost", "evil.test")
            assert [status(host) for host in hosts] == [200, 200, 200, 403]
            server.reload_after(lambda: server.write("pages/api/x.py", VERSION + "\n"))
        server.write("pages/api/x.py", "import os\nos._exit(3)\n")
        until(lambda: "waiting for a change" in server.log.read_text())
        assert [status("dub.test"), status("evil.test")] == [503, 403]


def test_variables_of_an_edited_env_file_are_seen_and_removed_ones_are_gone(tmp_path: Path) -> None:
    source = "import os\nseen = {name: os.environ.get(name) for name in 'AB'}\ndef GET(): return seen\n"
    with developing(tmp_path, {"pages/api/version.py": source, ".env": "A=1\nB=1\n"}) as server:
        assert server.get("/api/version") == '200 {"A":"1","B":"1"}'
        server.reload_after(lambda: server.write(".env", "B=2\n"))
        assert server.get("/api/version") == '200 {"A":null,"B":"2"}'
        server.reload_after((server.root / ".env").unlink)
        assert server.get("/api/version") == '200 {"A":null,"B":null}'


def test_what_the_old_code_holds_is_free_when_the_new_code_is_loaded(tmp_path: Path) -> None:
    """A port, for example: without a request in progress, the old process has ended."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    source = f"import socket\nheld = socket.create_server(('127.0.0.1', {port}))\n" + VERSION
    source = source.replace("{}", "%d")
    with developing(tmp_path, {"pages/api/version.py": source % 0}) as server:
        for number in range(1, 4):
            server.reload_after(partial(server.write, "pages/api/version.py", source % number))
            assert server.get("/api/version") == f"200 {number}"


def test_a_change_during_a_reload_leads_to_another_one(tmp_path: Path) -> None:
    """The import takes longer than the time between two changes."""
    source = "import time\ntime.sleep(0.2)\n" + VERSION
    with developing(tmp_path, {"pages/api/version.py": source.format(0)}) as server:
        for number in range(1, 8):
            server.write("pages/api/version.py", source.format(number))
            time.sleep(0.07)  # what is tested is a sequence in time
        until(lambda: server.get("/api/version") == "200 7")


def test_many_changes_at_once_end_in_one_state(tmp_path: Path) -> None:
    """As when another branch is checked out: all files are of one version then."""
    files = {f"pages/api/r{number}.py": VERSION.format(0) for number in range(40)}
    reading = "from .r0 import GET as first\nfrom .r39 import GET as last\n"
    files["pages/api/version.py"] = reading + "def GET(): return [first(), last()]\n"
    with developing(tmp_path, files) as server:
        for version in (1, 2, 3):
            for number in range(40):
                server.write(f"pages/api/r{number}.py", VERSION.format(version))
        until(lambda: server.get("/api/version") == "200 [3,3]")


def test_a_directory_that_is_moved_is_noticed(tmp_path: Path) -> None:
    files = {"pages/api/version.py": VERSION.format(1), "pages/api/old/x.py": VERSION.format(2)}
    with developing(tmp_path, files) as server:
        api = server.root / "pages/api"
        server.reload_after(lambda: (api / "old").rename(api / "new"))
        assert server.get("/api/new/x") == "200 2"
        assert server.get("/api/old/x").startswith("404")


READING = """
import pathlib
text, count = pathlib.Path("pages/api/_x.html").read_text(), pathlib.Path("count")
count.write_text(str(int(count.read_text()) + 1))
data = pathlib.Path("data.json")
data.read_text()
def GET(): return text
def POST():
    data.write_text("2")
    return "written"
"""


def test_a_file_that_is_read_at_import_is_watched_and_data_that_is_written_is_not(tmp_path: Path) -> None:
    files = {
        "pages/api/version.py": VERSION.format(0),
        "pages/api/x.py": READING,
        "pages/api/_x.html": "one",
        "count": "0",
        "data.json": "1",
        "unread.json": "1",
    }
    with developing(tmp_path, files) as server:
        until(lambda: server.get("/api/x") == "200 one")
        server.reload_after(lambda: server.write("pages/api/_x.html", "two"))
        assert server.get("/api/x") == "200 two"
        assert "Changed: pages/api/_x.html; reloading" in server.log.read_text()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
            connection.request("POST", "/api/x")
            assert connection.getresponse().read() == b"written"
        server.write("unread.json", "2")
        server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(1)))
        changed = [line for line in server.log.read_text().splitlines() if line.startswith("Changed")]
        assert changed[1:] == ["Changed: pages/api/version.py; reloading"]
        server.reload_after(lambda: server.write("data.json", "3"))


def test_the_secret_key_that_the_first_start_makes_is_no_change(tmp_path: Path) -> None:
    source = "from apiroutes.middleware import sessions\nmiddleware = [sessions()]\n"
    with developing(tmp_path, {"middleware.py": source, "pages/api/version.py": VERSION.format(0)}) as server:
        until(lambda: (tmp_path / "project" / ".apiroutes" / "secret_key").exists())
        server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(1)))
        changed = [line for line in server.log.read_text().splitlines() if line.startswith("Changed")]
        assert changed == ["Changed: pages/api/version.py; reloading"]


BAD_IMPORTS = {
    "hangs": "while True: pass\n",
    "hangs in a lock": "import threading\nthreading.Lock().acquire() and threading.Event().wait()\n",
    "exits": "raise SystemExit(3)\n",
    "ends the process": "import os\nos._exit(3)\n",
    "ends it without an error": "import os\nos._exit(0)\n",
}


@pytest.mark.parametrize("source", BAD_IMPORTS.values(), ids=BAD_IMPORTS)
def test_a_correction_ends_what_a_bad_import_has_done(tmp_path: Path, source: str) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        server.write("pages/api/version.py", source + VERSION.format(2))
        until(lambda: "Changed: pages/api/version.py; reloading" in server.log.read_text())
        server.write("pages/api/version.py", VERSION.format(3))
        until(lambda: server.reloads() > 0 and server.get("/api/version") == "200 3")


DEATHS = {"at import": "import os\nos._exit(3)\n", "in a request": ""}


@pytest.mark.parametrize("source", DEATHS.values(), ids=DEATHS)
def test_what_has_ended_is_told_to_clients_until_a_file_changes(tmp_path: Path, source: str) -> None:
    end = "import os\ndef GET(): os.kill(os.getpid(), 9)\n"
    files = {"pages/api/version.py": VERSION.format(1), "pages/api/end.py": end}
    with developing(tmp_path, files) as server:
        if source:
            server.write("pages/api/version.py", source + VERSION.format(2))
        else:
            with contextlib.suppress(http.client.HTTPException, OSError):
                server.get("/api/end")
        how = "ended with status 3" if source else "was killed by SIGKILL"
        until(lambda: f"The server {how}; waiting for a change" in server.log.read_text())
        for _ in range(2):
            answer = server.get("/api/version")
            assert answer.startswith("503")
            assert how in answer
        until(lambda: "GET /api/version 503" in server.log.read_text())
        server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(3)))
        assert server.get("/api/version") == "200 3"


def test_a_request_that_is_cut_off_is_reported(tmp_path: Path) -> None:
    slow = "import pathlib, time\ndef GET():\n    pathlib.Path('begun').touch()\n    time.sleep(3600)\n"
    with (
        developing(
            tmp_path, {"pages/api/version.py": VERSION.format(1), "pages/api/slow.py": slow}
        ) as server,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection,
    ):
        connection.request("GET", "/api/slow")
        until((server.root / "begun").exists)
        server.reload_after(lambda: server.write("pages/api/version.py", VERSION.format(2)))
        cut = "1 request of the old code was still running after 5 s, and was cut off"
        until(lambda: cut in server.log.read_text())
        with pytest.raises(ConnectionError):
            connection.getresponse()


def test_of_many_changed_files_two_are_named(tmp_path: Path) -> None:
    files = {f"pages/api/{name}.py": VERSION.format(0) for name in "abcdefgh"}
    with developing(tmp_path, files) as server:
        (tmp_path / "other").mkdir()
        project(tmp_path / "other", {f"{name}.py": VERSION.format(1) for name in "abcdefgh"})
        # Of a directory that is moved, all files change at once.
        server.reload_after(lambda: (tmp_path / "other").rename(server.root / "pages/api/more"))
        line = "Changed: pages/api/more/a.py, pages/api/more/b.py and 6 more; reloading\n"
        assert line in server.log.read_text()


def test_a_file_named_like_a_library_of_the_framework_hides_nothing_from_it(tmp_path: Path) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        server.write("click.py", "raise SystemExit('this is not click')\n")
        until(lambda: server.reloads() == 1)
        server.write("pages/api/version.py", VERSION.format(2))
        until(lambda: server.reloads() == 2)
        assert server.get("/api/version") == "200 2"
        assert "this is not click" not in server.log.read_text()


ENDS: dict[str, Callable[[Development], None]] = {
    "Ctrl-C": lambda server: os.killpg(server.process.pid, signal.SIGINT),
    "SIGTERM": lambda server: server.process.terminate(),
    "SIGKILL": lambda server: server.process.kill(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_no_process_stays_behind(tmp_path: Path, end: Callable[[Development], None]) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        end(server)
        server.process.wait(SECONDS)
        until(lambda: server.processes() == [])
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_no_process_stays_behind_that_imports_for_ever(
    tmp_path: Path, end: Callable[[Development], None]
) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        hanging = "import pathlib, time\npathlib.Path('imports').touch()\ntime.sleep(3600)\n"
        server.write("pages/api/version.py", hanging)
        until((server.root / "imports").exists)
        end(server)
        server.process.wait(SECONDS)
        until(lambda: server.processes() == [])


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_each_reload_starts_the_project_anew_and_every_start_has_its_stop(
    tmp_path: Path, end: Callable[[Development], None]
) -> None:
    files = {"pages/api/x.py": "def GET(req): return req.app['a']", "instrumentation.py": LIVES.format(1)}
    with developing(tmp_path, files) as development:
        assert development.get("/api/x") == "200 1"
        development.reload_after(lambda: development.write("instrumentation.py", LIVES.format(2)))
        assert development.get("/api/x") == "200 2"
        development.reload_after(lambda: development.write("pages/api/y.py", "def GET(): pass"))
        end(development)
        until(lambda: development.processes() == [])
    words = (tmp_path / "project" / "lives").read_text().split()
    assert words == ["start", "end"] * 3


LIVES = """
def note(word):
    with open("lives", "a") as file:
        file.write(word + "\\n")
def register():
    note("start")
    yield {{"a": {}}}
    note("end")
"""


def test_a_start_that_fails_is_shown_until_the_next_change(tmp_path: Path) -> None:
    files = {"pages/api/x.py": VERSION.format(1), "instrumentation.py": "def register():\n    1 / 0\n"}
    with developing(tmp_path, files) as development:
        answer = development.get("/api/x")
        assert answer.startswith("500 ")
        assert "instrumentation.py:2" in answer
        assert "ZeroDivisionError" in answer
        development.reload_after(lambda: development.write("instrumentation.py", "def register(): pass\n"))
        assert development.get("/api/x") == "200 1"


def test_a_new_empty_file_gets_an_initial_handler(tmp_path: Path) -> None:
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        server.reload_after(lambda: server.write("pages/api/users/[id].py", ""))
        assert server.get("/api/users/7") == '200 {"id":"7"}'
        assert "initial handler into pages/api/users/[id].py" in server.log.read_text()


def test_a_file_that_is_written_at_once_is_left(tmp_path: Path) -> None:
    """Whoever writes a file may create it empty, or empty it first."""
    with developing(tmp_path, {"pages/api/version.py": VERSION.format(1)}) as server:
        new, old = server.root / "pages/api/new.py", server.root / "pages/api/version.py"
        with new.open("w") as first, old.open("w") as second:
            until(lambda: "Changed: pages/api/version.py; reloading" in server.log.read_text())
            first.write(VERSION.format(2))
            second.write(VERSION.format(3))
        until(lambda: server.get("/api/new") == "200 2")
        until(lambda: server.get("/api/version") == "200 3")
        assert (new.read_text(), old.read_text()) == (VERSION.format(2), VERSION.format(3))


def test_files_that_were_empty_before_are_left(tmp_path: Path) -> None:
    files = {"pages/api/version.py": VERSION.format(1), "pages/api/empty.py": "", "pages/api/x.py": "x = 1\n"}
    with developing(tmp_path, files) as server:
        server.reload_after(lambda: server.write("pages/api/x.py", ""))
        server.reload_after(lambda: server.write("pages/api/users.py", ""))
        assert server.get("/api/users").startswith("200")
        assert [(server.root / file).stat().st_size for file in ("pages/api/empty.py", "pages/api/x.py")] == [
            0,
            0,
        ]
