"""Bodies and signals under granian, where they differ from those under gunicorn."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, granian, serve
from tests.support import project, until

SLOW = """
import time
from pathlib import Path
def GET():
    Path("started").touch()
    time.sleep(1)
    return "whole"
"""
WRITES = "def GET(res):\n    res.write('a')\n    res.write(b'b')\n    res.end('c')\n"


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_running_request_is_completed_when_the_server_stops(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/slow.py": SLOW})
    with ThreadPoolExecutor(1) as pool:
        with serve(granian(), tmp_path / "log", {}, tmp_path) as port:
            answer = pool.submit(Client(OverHttp(port)).request, "GET", "/api/slow")
            _wait_for(tmp_path / "started")
        assert (answer.result().status, answer.result().text) == (200, "whole")


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/pid.py": "import os\ndef GET(): return {'pid': os.getpid()}\n"})
    with serve(granian(), tmp_path / "log", {}, tmp_path) as port:

        def pid() -> int | None:
            try:
                found: int = Client(OverHttp(port)).request("GET", "/api/pid").json()["pid"]
            except OSError:  # there is no worker
                return None
            return found

        for _ in range(3):
            before = pid()
            assert before is not None
            os.kill(before, signal.SIGKILL)
            until(lambda before=before: pid() not in (None, before))  # type: ignore[misc]


SIGNALLED = """
import os, signal, threading
def GET(): return {"pid": os.getpid()}
def POST(): signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
"""


def test_a_worker_hears_a_signal_that_another_thread_takes(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/x.py": SIGNALLED})
    with serve(granian(interface="wsgi"), tmp_path / "log", {}, tmp_path) as port:

        def pid() -> int | None:
            try:
                found: int = Client(OverHttp(port)).request("GET", "/api/x").json()["pid"]
            except OSError:  # there is no worker
                return None
            return found

        before = pid()
        Client(OverHttp(port)).request("POST", "/api/x")
        until(lambda: pid() not in (None, before))


def test_res_write_works_on_a_server_without_write(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/writes.py": WRITES})
    with serve(granian(), tmp_path / "log", {}, tmp_path) as port:
        assert Client(OverHttp(port)).request("GET", "/api/writes").text == "abc"


CHUNKS = [
    b"5\r\nhello\r\n0\r\n\r\n",  # complete, but the application cannot tell it from the others
    b"5\r\nhello\r\n",
    b"5\r\nhe",
    b"5\r\nhello\r\nZZ\r\n100\r\n0\r\n\r\n",
]
ECHOES = {
    "pages/api/parsed.py": "def POST(req): return req.body\n",
    "pages/api/typed.py": "def POST(body: str): return body\n",
    "pages/api/raw.py": 'config = {"api": {"bodyParser": False}}\ndef POST(req): return req.raw_body\n',
    "pages/api/stream.py": 'config = {"api": {"bodyParser": False}}\n'
    "def POST(req): return req.stream.read()\n",
}


@pytest.fixture(scope="module")
def echoing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    root = project(tmp_path_factory.mktemp("chunks"), ECHOES)
    with serve(granian(), root / "log", {}, root) as port:
        yield port


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("name", ["parsed", "typed", "raw", "stream"])
def test_a_chunked_body_is_411(echoing: int, name: str, chunks: bytes) -> None:
    with socket.create_connection(("127.0.0.1", echoing), timeout=SECONDS) as client:
        head = f"POST /api/{name} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode() + chunks)
        assert client.recv(2**16).split()[1] == b"411"


def test_a_body_with_a_length_is_read(echoing: int) -> None:
    for name in ("parsed", "raw", "stream"):
        assert Client(OverHttp(echoing)).request("POST", f"/api/{name}", {}, b"hello").text == "hello"
