"""FastAPI around the App, and as its fallback, on servers: mounts, lifespans, websockets, and bad starts."""

from __future__ import annotations

import base64
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, asgi_servers, environment, serve
from tests.support import project

pytestmark = pytest.mark.slow

SITE = """
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, WebSocket

from apiroutes import App


@asynccontextmanager
async def lifespan(site):
    Path("started").touch()
    if Path("fails").exists(): raise LookupError("by intention")
    yield
    Path("stopped").touch()


site = FastAPI(lifespan=lifespan)


@site.get("/items/{item}")
async def item(item: int):
    return {"item": item}


@site.websocket("/talk")
async def talk(websocket: WebSocket):
    await websocket.accept()
    await websocket.close()


around = FastAPI()
around.mount("/x", App(".").asgi)
in_front = App(".", fallback=site).asgi
"""
STEPS = """
import {module}
from pathlib import Path
from apiroutes import stream

{word}def steps():
    yield 'first'
    while not Path('go').exists(): {wait}
    yield 'second'

def GET(): return stream(steps())
"""
FILES = {
    "site_of_tests.py": SITE,
    "pages/api/names/[name].py": "async def GET(params, req): return [params['name'], req.script_root]\n",
    "pages/api/echo.py": "def POST(body): return body\n",
    "pages/api/steps.py": STEPS.format(module="time", word="", wait="time.sleep(0.01)"),
    "pages/api/steps-async.py": STEPS.format(
        module="asyncio", word="async ", wait="await asyncio.sleep(0.01)"
    ),
}
UVICORN = "uvicorn-httptools"


def command(name: str, application: str) -> list[str]:
    """Return the command of a server for another application."""
    return [
        f"site_of_tests:{application}" if part.startswith("apiroutes:") else part
        for part in asgi_servers()[name]
        if part != "--factory"
    ]


@pytest.fixture(params=asgi_servers())
def name(request: pytest.FixtureRequest) -> str:
    served: str = request.param
    return served


@pytest.fixture
def mounted(tmp_path: Path, name: str) -> Iterator[int]:
    root = project(tmp_path, FILES)
    with serve(command(name, "around"), root / "log", {}, root) as port:
        yield port


def test_a_mounted_app_answers(mounted: int) -> None:
    client = Client(OverHttp(mounted))
    assert client.request("GET", "/x/api/names/a%2Fb").json() == ["a/b", "/x"]
    assert client.request("POST", "/x/api/echo", json=[1]).json() == [1]


@pytest.mark.parametrize("kind", ["", "-async"])
def test_a_mounted_app_streams(tmp_path: Path, mounted: int, kind: str) -> None:
    with closing(HTTPConnection("127.0.0.1", mounted, timeout=SECONDS)) as connection:
        connection.request("GET", f"/x/api/steps{kind}")
        response = connection.getresponse()
        assert response.read(5) == b"first"
        (tmp_path / "go").touch()
        assert response.read() == b"second"


def test_a_fallback_has_its_lifespan_and_websockets(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, FILES)
    with serve(command(name, "in_front"), root / "log", {}, root) as port:
        client = Client(OverHttp(port))
        assert client.request("GET", "/items/7").json() == {"item": 7}
        assert client.request("GET", "/api/names/x").json() == ["x", ""]
        assert (root / "started").exists()
        assert _upgrade(port, "/talk") == b"101"
    assert (root / "stopped").exists()


def _upgrade(port: int, path: str) -> bytes:
    key = base64.b64encode(b"sixteen bytes ok").decode()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as client:
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        return client.recv(2**16).split()[1]


def _ends_with_log(command: list[str], directory: Path) -> str:
    """Return what a server prints that ends by itself."""
    done = subprocess.run(
        command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=SECONDS
    )
    return done.stdout + done.stderr


def test_a_lifespan_that_fails_stops_the_server(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, {**FILES, "fails": ""})
    assert "by intention" in _ends_with_log(command(name, "in_front"), root)


def test_a_project_with_mistakes_stops_the_server(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": "def Delete(): ...\n"})
    log = _ends_with_log(asgi_servers()[name], root)
    assert "pages/api/x.py" in log
    assert "Delete" in log
