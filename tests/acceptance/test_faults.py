"""Faults on a real server: handlers that hang, clients that send slowly or leave, TERM."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, gunicorn, main_process, serve
from tests.support import project, until

pytestmark = pytest.mark.slow

FILES = {
    "pages/api/pid.py": "import os\ndef GET(): return {'pid': os.getpid()}\n",
    "pages/api/length.py": "def POST(body): return {'length': len(body)}\n",
    "pages/api/hang.py": (
        "import asyncio, threading\n"
        'config = {"maxDuration": 0.3}\n'
        "def GET(req):\n"
        "    while 'spin' in req.query: pass\n"
        "    threading.Event().wait()\n"
        "async def POST(req):\n"
        "    while 'spin' in req.query: pass\n"
        "    await asyncio.sleep(3600)\n"
    ),
    "pages/api/endless.py": "def GET():\n    while True: yield b'x' * 65536\n",
    "pages/api/slow.py": (
        "import pathlib, time\n"
        "def GET():\n"
        "    pathlib.Path('started').touch()\n"
        "    while not pathlib.Path('go').exists(): time.sleep(0.01)\n"
        "    return {'done': True}\n"
    ),
    "pyproject.toml": (
        '[tool.apiroutes]\nbody_timeout = 0.3\nmax_abandoned_handlers = 3\nreadiness_path = "/ready"\n'
    ),
}
CLASSES = {
    "sync": ["--worker-class", "sync"],
    "gthread": ["--worker-class", "gthread", "--threads", "2"],
}


@pytest.fixture(params=CLASSES)
def flags(request: pytest.FixtureRequest) -> list[str]:
    return CLASSES[request.param]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def port(tmp_path: Path, log: Path, flags: list[str]) -> Iterator[int]:
    project(tmp_path, FILES)
    with serve(gunicorn("apiroutes:create_app()", *flags), log, {}, tmp_path) as port:
        yield port


def ask(port: int, method: str, path: str, body: bytes = b"") -> Answer:
    return Client(OverHttp(port)).request(method, path, {"Content-Type": "text/plain"}, body)


def pid_of(port: int) -> int:
    pid: int = ask(port, "GET", "/api/pid").json()["pid"]
    return pid


@pytest.mark.parametrize("path", ["/api/hang", "/api/hang?spin"])
@pytest.mark.parametrize("method", ["GET", "POST"])  # a function, and a coroutine
def test_a_handler_that_hangs_is_504_and_blocks_no_thread(port: int, method: str, path: str) -> None:
    before = pid_of(port)
    assert [ask(port, method, path).status for _ in range(2)] == [504, 504]
    assert pid_of(port) == before


def test_a_worker_with_an_abandoned_handler_is_replaced(tmp_path: Path, log: Path, flags: list[str]) -> None:
    project(tmp_path, {**FILES, "pyproject.toml": "[tool.apiroutes]\nabandon_timeout = 0.5\n"})
    start = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
    with serve([*start, *flags], log, {}, tmp_path) as port:
        before = pid_of(port)
        assert ask(port, "GET", "/api/hang").status == 504
        until(lambda: pid_of(port) != before)  # every request meanwhile gets its response
    assert log.read_text().count("a handler has been running for 0.5 s past its maxDuration") == 1


@pytest.mark.parametrize("path", ["/api/length", "/api/hang"])
def test_a_slow_body_is_408(port: int, path: str) -> None:
    before = pid_of(port)
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"
        client.sendall(head.encode())
        ended = threading.Event()

        def drip() -> None:
            while not ended.wait(0.02):
                with suppress(OSError):  # once the server has closed
                    client.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert client.recv(100).startswith(b"HTTP/1.1 408 ")
        finally:
            ended.set()
            dripping.join()
    assert pid_of(port) == before


def test_a_client_that_leaves_is_one_line(port: int, log: Path) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request("GET", "/api/endless")
        connection.getresponse().read(1000)
    until(lambda: "the client left" in log.read_text())
    assert pid_of(port)
    text = log.read_text()
    assert text.count("GET /api/endless: the client left before the response ended") == 1
    assert "Traceback" not in text


def test_term_lets_running_requests_end(tmp_path: Path, log: Path, flags: list[str]) -> None:
    project(tmp_path, FILES)
    answers: list[Answer] = []
    with serve(gunicorn("apiroutes:create_app()", *flags), log, {}, tmp_path) as port:
        client = threading.Thread(target=lambda: answers.append(ask(port, "GET", "/api/slow")))
        client.start()
        until((tmp_path / "started").exists)
        os.kill(main_process(log), signal.SIGTERM)
        until(lambda: "Handling signal: term" in log.read_text())
        (tmp_path / "go").touch()
        client.join(SECONDS)
    assert [answer.status for answer in answers] == [200]


def test_a_slow_header_ends_the_connection(tmp_path: Path, log: Path, flags: list[str]) -> None:
    project(tmp_path, FILES)
    start = [sys.executable, "-m", "apiroutes", "start", "--workers", "1"]
    start += ["--", "--bind", "127.0.0.1:0", *flags]
    with serve(start, log, {"APIROUTES_HEADER_TIMEOUT": "0.3"}, tmp_path) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
            client.sendall(b"GET /api/pid HTTP/1.1\r\nHost: x\r\nX-Drip: ")
            assert client.recv(100) == b""
        assert ask(port, "GET", "/api/pid").status == 200


def test_the_header_timeout_does_not_limit_the_handler(tmp_path: Path, log: Path, flags: list[str]) -> None:
    project(tmp_path, FILES)
    start = [sys.executable, "-m", "apiroutes", "start", "--workers", "1"]
    start += ["--", "--bind", "127.0.0.1:0", *flags]
    with serve(start, log, {"APIROUTES_HEADER_TIMEOUT": "0.1"}, tmp_path) as port:
        assert ask(port, "GET", "/api/hang").status == 504  # after 0.3 s


def test_term_is_reported_before_anything_stops(tmp_path: Path, log: Path, flags: list[str]) -> None:
    project(tmp_path, FILES)
    start = [sys.executable, "-m", "apiroutes", "start", "--workers", "2"]
    start += ["--", "--bind", "127.0.0.1:0", *flags]
    with serve(start, log, {"APIROUTES_SHUTDOWN_DELAY": "600"}, tmp_path) as port:
        assert ask(port, "GET", "/ready").status == 200
        os.kill(main_process(log), signal.SIGTERM)
        until(lambda: ask(port, "GET", "/ready").status == 503)
        assert ask(port, "GET", "/api/pid").status == 200
        # serve() sends the second SIGTERM, which stops at once.
