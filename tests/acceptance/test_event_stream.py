"""Server-sent events on a real server: each is sent at once, and the server notices when a client leaves.

No test waits for a fixed time: the test and the generator wait for each other, by files.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.acceptance.client import SECONDS
from tests.acceptance.servers import granian, gunicorn, serve, uvicorn
from tests.support import project

# It sends the second event once the test has created the file `go`, and gives up after 20 seconds.
STEPS = """
import os
import time

from apiroutes import Event, event_stream


def steps():
    yield Event({"step": 1}, event="step", id="1")
    deadline = time.monotonic() + 20
    while not os.path.exists("go"):
        if time.monotonic() > deadline:
            return
        time.sleep(0.01)
    yield Event({"step": 2}, event="step", id="2")


def GET():
    return event_stream(steps())
"""

TICKS = """
import time
from pathlib import Path

from apiroutes import event_stream


def ticks():
    try:
        while True:
            yield "tick"
            time.sleep(0.05)
    finally:
        Path("closed").touch()


def GET():
    return event_stream(ticks())
"""

ASYNC_TICKS = """
import asyncio
from pathlib import Path

from apiroutes import event_stream


async def ticks():
    try:
        while True:
            yield None
            await asyncio.sleep(0.05)
    finally:
        Path("closed-async").touch()


async def GET():
    return event_stream(ticks())
"""


SERVERS = {
    "gthread": gunicorn("apiroutes:create_app()", "--worker-class=gthread", "--threads=4"),
    "granian": granian(),
    "asgi-granian": granian(interface="asgi"),
    "uvicorn": uvicorn(),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> list[str]:
    return SERVERS[request.param]


@pytest.fixture(scope="module")
def directory(server: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"steps": STEPS, "ticks": TICKS, "async-ticks": ASYNC_TICKS}
    sources = {f"pages/api/{name}.py": source for name, source in files.items()}
    return project(tmp_path_factory.mktemp("events"), sources)


@pytest.fixture(scope="module")
def port(server: list[str], directory: Path) -> Iterator[int]:
    with serve(server, directory / "log", {}, directory) as port:
        yield port


def _get(connection: HTTPConnection, path: str) -> HTTPResponse:
    connection.request("GET", path)
    return connection.getresponse()


def _event(response: HTTPResponse) -> list[bytes]:
    """Return the lines of the next event."""
    lines = []
    while line := response.readline().strip():
        lines.append(line)
    return lines


def test_an_event_is_sent_before_the_next_one_is_made(port: int, directory: Path) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        response = _get(connection, "/api/steps")
        assert response.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert _event(response) == [b"id: 1", b"event: step", b'data: {"step":1}']
        (directory / "go").touch()
        assert _event(response) == [b"id: 2", b"event: step", b'data: {"step":2}']
        assert response.read() == b""


@pytest.mark.parametrize(
    ("path", "first", "closed"),
    [
        ("/api/ticks", [b"data: tick"], "closed"),
        ("/api/async-ticks", [b": keep-alive"], "closed-async"),
    ],
)
def test_a_generator_is_closed_when_the_client_has_left(
    port: int, directory: Path, path: str, first: list[bytes], closed: str
) -> None:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        with closing(HTTPResponse(connection)) as response:
            response.begin()
            assert _event(response) == first
        assert not (directory / closed).exists()
    deadline = time.monotonic() + 1
    while not (directory / closed).exists():
        assert time.monotonic() < deadline, "The generator is not closed a second after the client left"
        time.sleep(0.01)
