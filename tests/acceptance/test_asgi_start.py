"""`apiroutes start` through ASGI: signals, time limits, and workers that must be replaced."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, granian, gunicorn_asgi, main_process, serve, uvicorn
from tests.support import project, until

pytestmark = pytest.mark.slow

SLOW = """
import {module}
from pathlib import Path

{word}def GET():
    Path("started{word}").touch()
    while not Path("go").exists(): {wait}
    return {{"done": True}}
"""
FILES = {
    "pages/api/pid.py": "import os\ndef GET(): return {'pid': os.getpid()}\n",
    "pages/api/slow.py": SLOW.format(module="time", word="", wait="time.sleep(0.01)"),
    "pages/api/slow-async.py": SLOW.format(module="asyncio", word="async ", wait="await asyncio.sleep(0.01)"),
    "pages/api/blocks.py": "import time\nasync def GET(): time.sleep(3600)\n",
    "pages/api/threads.py": (
        "import threading\nin_two = threading.Barrier(2)\n"
        "def GET():\n"
        "    try: in_two.wait(1)\n"
        "    except threading.BrokenBarrierError: return 'alone'\n"
        "    return 'together'\n"
    ),
    "pyproject.toml": '[tool.apiroutes]\nreadiness_path = "/ready"\n',
}
UVICORN = {"uvicorn-httptools": uvicorn("--http", "httptools"), "uvicorn-h11": uvicorn("--http", "h11")}
SERVERS = {"gunicorn": gunicorn_asgi(), "granian-on-asgi": granian(interface="asgi"), **UVICORN}


@pytest.fixture(params=SERVERS)
def command(request: pytest.FixtureRequest) -> list[str]:
    return SERVERS[request.param]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    project(tmp_path, FILES)
    yield tmp_path / "log"
    assert "Traceback" not in (tmp_path / "log").read_text()


def ask(port: int, path: str, method: str = "GET") -> Answer:
    return Client(OverHttp(port)).request(method, path)


def pid_of(port: int) -> int:
    pid: int = ask(port, "/api/pid").json()["pid"]
    return pid


def test_term_lets_running_requests_end(tmp_path: Path, log: Path, command: list[str]) -> None:
    answers: list[Answer] = []
    paths = ["/api/slow", "/api/slow-async"]
    with serve(command, log, {}, tmp_path) as port:
        clients = [
            threading.Thread(target=lambda path=path: answers.append(ask(port, path))) for path in paths
        ]
        for client in clients:
            client.start()
        until(lambda: len(list(tmp_path.glob("started*"))) == 2)
        os.kill(main_process(log), signal.SIGTERM)
        until(lambda: _is_refused(port))
        (tmp_path / "go").touch()
        for client in clients:
            client.join(SECONDS)
    assert [answer.status for answer in answers] == [200, 200]


def _is_refused(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("sent", ["GET /api/pid HTTP/1.1\r\nHost: x\r\nX-Drip: ", "second"])
def test_a_slow_header_ends_the_connection(tmp_path: Path, log: Path, command: list[str], sent: str) -> None:
    variables = {"APIROUTES_HEADER_TIMEOUT": "0.3", "APIROUTES_KEEPALIVE": "1"}
    with serve(command, log, variables, tmp_path) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            if sent == "second":
                client.sendall(b"GET /api/pid HTTP/1.1\r\nHost: x\r\n\r\n")
                while b"}" not in client.recv(2**16):
                    pass
                sent = "GET /"
            client.sendall(sent.encode())
            assert client.recv(100) == b""
        assert ask(port, "/api/pid").status == 200


def test_the_header_timeout_does_not_limit_the_handler(tmp_path: Path, log: Path, command: list[str]) -> None:
    answers: list[Answer] = []
    with serve(command, log, {"APIROUTES_HEADER_TIMEOUT": "0.1"}, tmp_path) as port:
        client = threading.Thread(target=lambda: answers.append(ask(port, "/api/slow-async")))
        client.start()
        until(lambda: bool(list(tmp_path.glob("started*"))))
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as slow:
            slow.sendall(b"GET /")
            assert slow.recv(100) == b""  # the time is over
        (tmp_path / "go").touch()
        client.join(SECONDS)
    assert [answer.status for answer in answers] == [200]


@pytest.mark.parametrize("command", UVICORN.values(), ids=UVICORN)
def test_uvicorns_heads_are_limited(tmp_path: Path, log: Path, command: list[str]) -> None:
    with serve(command, log, {}, tmp_path) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(b"GET /api/pid HTTP/1.1\r\nHost: x\r\n")
            status = b""
            try:
                for _ in range(2**20):
                    client.sendall(b"X-Long: " + b"x" * 2**10 + b"\r\n")
            except OSError:
                status = b"cut"
            assert status == b"cut"
        assert ask(port, "/api/pid").status == 200


@pytest.mark.parametrize("command", [SERVERS["gunicorn"], *UVICORN.values()], ids=["gunicorn", *UVICORN])
def test_term_is_reported_before_anything_stops(tmp_path: Path, log: Path, command: list[str]) -> None:
    with serve(command, log, {"APIROUTES_SHUTDOWN_DELAY": "600"}, tmp_path) as port:
        assert ask(port, "/ready").status == 200
        os.kill(main_process(log), signal.SIGTERM)
        until(lambda: ask(port, "/ready").status == 503)
        assert ask(port, "/api/pid").status == 200
        # serve() sends the second SIGTERM, which stops at once.


@pytest.mark.parametrize("command", [SERVERS["gunicorn"], *UVICORN.values()], ids=["gunicorn", *UVICORN])
def test_a_client_that_has_connected_is_answered_after_term(
    tmp_path: Path, log: Path, command: list[str]
) -> None:
    with serve(command, log, {}, tmp_path) as port:
        assert pid_of(port)
        with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
            connection.connect()
            assert pid_of(port)  # the server has taken the connection before this one
            os.kill(main_process(log), signal.SIGTERM)
            until(lambda: _is_refused(port))
            connection.request("GET", "/api/pid")
            assert connection.getresponse().status == 200


def test_a_worker_whose_loop_is_blocked_is_replaced(tmp_path: Path, log: Path, command: list[str]) -> None:
    variables = {"APIROUTES_ABANDON_TIMEOUT": "0.5", "APIROUTES_GRACEFUL_TIMEOUT": "1"}
    with serve(command, log, variables, tmp_path) as port:
        before = pid_of(port)
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(b"GET /api/blocks HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: "this worker is being replaced" in log.read_text())
            until(lambda: _pid_unless_blocked(port) not in (None, before))


def _pid_unless_blocked(port: int) -> int | None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=0.5)) as connection:
        try:
            connection.request("GET", "/api/pid")
            return int(connection.getresponse().read().partition(b":")[2].strip(b"}"))
        except OSError:
            return None


@pytest.mark.parametrize(("threads", "seen"), [("1", "alone"), ("2", "together")])
def test_threads_of_the_command_line_are_the_apps(
    tmp_path: Path, log: Path, command: list[str], threads: str, seen: str
) -> None:
    position = command.index("--workers")
    with serve([*command[:position], "--threads", threads, *command[position:]], log, {}, tmp_path) as port:
        texts: list[str] = []
        clients = [
            threading.Thread(target=lambda: texts.append(ask(port, "/api/threads").text)) for _ in range(2)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert texts == [seen, seen]


def test_a_websocket_is_refused(tmp_path: Path, log: Path, command: list[str]) -> None:
    with serve(command, log, {}, tmp_path) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(
                b"GET /api/pid HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert client.recv(2**16).split()[1] == b"403"
        until(lambda: "A WebSocket was refused with 403: '/api/pid'" in log.read_text())


# -- the main process that uvicorn gets


def test_a_worker_that_dies_is_replaced(tmp_path: Path, log: Path) -> None:
    with serve(uvicorn(), log, {}, tmp_path) as port:
        before = pid_of(port)
        os.kill(before, signal.SIGKILL)
        assert pid_of(port) != before  # its socket stays open meanwhile


ONCE = """
import pathlib
if pathlib.Path("seen").exists(): raise LookupError("by intention")
pathlib.Path("seen").touch()
def GET(): ...
"""


def test_a_server_whose_workers_do_not_start_stops(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/once.py": ONCE})  # it passes the check
    done = subprocess.run(uvicorn(), cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 3
    assert "LookupError: by intention" in done.stderr
    assert "did not start, the server stops" in done.stderr


def test_workers_end_when_the_main_process_is_gone(tmp_path: Path, log: Path) -> None:
    with serve(uvicorn(), log, {}, tmp_path) as port:
        worker = pid_of(port)
        os.kill(main_process(log), signal.SIGKILL)
        until(lambda: _is_refused(port))
        until(lambda: not Path(f"/proc/{worker}").exists())
