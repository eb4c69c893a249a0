"""A project's app.py under each server of `apiroutes start`, and under `apiroutes dev`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import granian, gunicorn_asgi, serve, uvicorn
from tests.support import HELLO, project

pytestmark = pytest.mark.slow

FILES = {
    "pages/api/hello.py": HELLO,
    "app.py": (
        "from apiroutes import App\n"
        "def mark(req, res, next):\n    res.set_header('X-Made-By', 'app.py')\n    next()\n"
        "app = App(middleware=[mark])\n"
    ),
}
APIROUTES = [sys.executable, "-m", "apiroutes"]
COMMANDS: dict[str, Callable[[], list[str]]] = {
    "dev": lambda: [*APIROUTES, "dev", "--port", "0"],
    "gunicorn": lambda: [*APIROUTES, "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"],
    "gunicorn asgi": gunicorn_asgi,
    "granian": granian,
    "granian asgi": lambda: granian(interface="asgi"),
    "uvicorn": uvicorn,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_what_is_served(tmp_path: Path, name: str) -> None:
    with serve(COMMANDS[name](), tmp_path / "log", {}, project(tmp_path, FILES)) as port:
        answer = Client(OverHttp(port)).request("GET", "/api/hello")
    assert answer.header("X-Made-By") == "app.py"
