"""What a client that follows events costs, as docs/how-to/events.md has it: a thread over WSGI, else none."""

from __future__ import annotations

import select
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.acceptance.client import SECONDS
from tests.acceptance.servers import asgi_servers, gunicorn, serve
from tests.support import project

pytestmark = pytest.mark.slow

FEED = """
import asyncio
import os

from apiroutes import event_stream


async def follow():
    yield "begun"
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)


async def GET():
    return event_stream(follow())
"""
FILES = {"pages/api/feed.py": FEED, "pages/api/ping.py": "async def GET(): return 'pong'\n"}


def follow(port: int, stack: ExitStack) -> None:
    """Follow the events until the stack ends; return when the first one is there."""
    connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)))
    connection.request("GET", "/api/feed")
    assert stack.enter_context(connection.getresponse()).readline() == b"data: begun\n"


def test_two_clients_stop_a_server_with_two_threads(tmp_path: Path) -> None:
    command = gunicorn("apiroutes:create_app()", "--worker-class=gthread", "--threads=2")
    directory = project(tmp_path, FILES)
    with serve(command, tmp_path / "log", {}, directory) as port, ExitStack() as stack:
        follow(port, stack)
        follow(port, stack)
        ping = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)))
        ping.request("GET", "/api/ping")
        # An answer within this time would show that there is a thread; without one none can come.
        assert select.select([ping.sock], [], [], 0.5)[0] == []
        (directory / "go").touch()
        assert ping.getresponse().read() == b"pong"


@pytest.mark.parametrize("server", sorted(asgi_servers()))
def test_a_hundred_clients_hold_nothing_over_asgi(server: str, tmp_path: Path) -> None:
    directory = project(tmp_path, FILES)
    with serve(asgi_servers()[server], tmp_path / "log", {}, directory) as port, ExitStack() as stack:
        for _ in range(100):
            follow(port, stack)
        ping = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)))
        ping.request("GET", "/api/ping")
        assert ping.getresponse().read() == b"pong"
        (directory / "go").touch()
