"""The Python client against a real server, and under pyright."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from apiroutes import App
from apiroutes.clients import python_client
from tests.acceptance.servers import gunicorn, serve
from tests.clients.python_projects import FILES, load, names_document
from tests.clients.test_python_typing import RIGHT
from tests.support import project

pytestmark = pytest.mark.slow

SECONDS = 120
ENDLESS = {
    "pages/api/ticks.py": """
import time
from apiroutes import Event, EventStream, event_stream

ended = []

def GET() -> EventStream[int]:
    def ticks():
        try:
            for number in range(10_000):
                yield Event(number, id=str(number))
                time.sleep(0.02)
        finally:
            ended.append(True)
    return event_stream(ticks())

def PUT() -> int:
    deadline = time.monotonic() + 20
    while not ended and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(ended)
""",
    "pages/api/items/[id].py": "def GET(id: str) -> str: return id\n",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    root = project(tmp_path_factory.mktemp("project"), FILES | ENDLESS)
    return load(App(root).openapi(), root / "client.py")


@pytest.fixture
def url(client: ModuleType, tmp_path: Path) -> Iterator[str]:
    command = gunicorn("apiroutes:create_app()", "--threads", "4")
    with serve(command, tmp_path / "log", {}, Path(str(client.__file__)).parent) as port:
        yield f"http://127.0.0.1:{port}"


def test_events_are_read_as_they_come_and_end_with_the_loop(client: ModuleType, url: str) -> None:
    found = []
    with client.Client(url) as api:
        events = api.get_ticks()
        for event in events:
            found.append((event.id, event.data))
            if len(found) == 2:
                break
        events.close()
        assert (found, api.put_ticks(timeout=30)) == ([("0", 0), ("1", 1)], 1)


def test_events_are_read_by_coroutines(client: ModuleType, url: str) -> None:
    async def run() -> Any:
        async with client.AsyncClient(url) as api:
            events = api.get_ticks()
            first = await events.__anext__()
            await events.aclose()
            return first.data, await api.put_ticks(timeout=30)

    assert asyncio.run(run()) == (0, 1)


def test_a_stream_and_an_encoded_slash_arrive(client: ModuleType, url: str) -> None:
    with client.Client(url) as api:
        assert api.get_items_by_id("a/b %2F?") == "a/b %2F?"
        pieces = (b"x" * 1000 for _ in range(500))
        assert len(api.post_open(pieces)[1]) == 500_000
        assert api.post_upload(file=("a.txt", b"abc"), user=3)[0] == ["3", ""]


def test_a_server_that_is_away_is_httpxs_error(client: ModuleType) -> None:
    with client.Client("http://127.0.0.1:9") as api, pytest.raises(httpx.ConnectError):
        next(api.get_ticks(reconnect=True))


def test_pyright_accepts_clients_and_their_use(tmp_path: Path) -> None:
    pyright = shutil.which("pyright")
    if pyright is None:
        pytest.skip("there is no pyright: npm install -g pyright")
    document = App(project(tmp_path / "project", FILES)).openapi()
    (tmp_path / "client.py").write_text(python_client(document), encoding="utf-8")
    (tmp_path / "names.py").write_text(python_client(names_document()), encoding="utf-8")
    (tmp_path / "use.py").write_text(RIGHT, encoding="utf-8")
    command = [
        pyright,
        "--pythonpath",
        sys.executable,
        "--pythonversion",
        "3.10",
        "client.py",
        "names.py",
        "use.py",
    ]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    assert checked.stdout.startswith("0 errors, 0 warnings"), checked.stdout
