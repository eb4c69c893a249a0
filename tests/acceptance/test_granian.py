"""granian serves the same application; what signals do to it, and what it is started with."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apiroutes.servers.granian import _defaults
from apiroutes.settings import Settings
from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, granian, serve
from tests.support import project

SLOW = """
import time
from pathlib import Path
def GET():
    Path("begun").touch()
    time.sleep(1)
    return "whole"
"""
WRITES = "def GET(res):\n    res.write('a')\n    res.write(b'b')\n    res.end('c')\n"


def _wait_for(condition: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_request_is_answered_whole_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/slow.py": SLOW})
    with ThreadPoolExecutor(1) as pool:
        with serve(granian(), tmp_path / "log", {}, tmp_path) as port:
            answer = pool.submit(Client(OverHttp(port)).request, "GET", "/api/slow")
            _wait_for(tmp_path / "begun")
        assert (answer.result().status, answer.result().text) == (200, "whole")


def test_what_is_written_arrives_whole_from_a_server_without_write(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/writes.py": WRITES})
    with serve(granian(), tmp_path / "log", {}, tmp_path) as port:
        assert Client(OverHttp(port)).request("GET", "/api/writes").text == "abc"


CHUNKS = [
    b"5\r\nhello\r\n0\r\n\r\n",  # whole, which the application cannot tell from the others
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


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        (Settings(), {}, {"host": "127.0.0.1", "port": 8000, "blocking_threads": 8}),
        (Settings(), {"PORT": "7000"}, {"host": "0.0.0.0", "port": "7000"}),
        (Settings(port=9000), {"PORT": "7000"}, {"host": "127.0.0.1", "port": 9000}),
        (Settings(host="::1"), {"PORT": "7000"}, {"host": "::1", "port": "7000"}),
        (Settings(), {"WEB_CONCURRENCY": "3"}, {"workers": "3"}),
        (Settings(workers=2), {"WEB_CONCURRENCY": "3"}, {"workers": 2}),
        (Settings(threads=3, graceful_timeout=0), {}, {"blocking_threads": 3, "workers_kill_timeout": "1"}),
        (Settings(keepalive=0), {}, {"http1_keep_alive": False}),
    ],
)
def test_settings_are_granians_defaults(
    settings: Settings,
    environment: dict[str, str],
    expected: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PORT", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert _defaults(settings).items() >= expected.items()
