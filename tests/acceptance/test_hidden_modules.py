"""Projects with files that are named like Python's own modules start all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import granian, gunicorn_asgi, serve, uvicorn
from tests.support import HELLO, project

pytestmark = pytest.mark.slow

APIROUTES = [sys.executable, "-m", "apiroutes"]
NAMES = ["types", "json", "email", "token", "random", "code", "http", "enum", "typing", "click"]
# Python starts the processes of its multiprocessing with the current directory in their path.
OF_MULTIPROCESSING = ["select", "copy"]
# The tests' own `python -m apiroutes` has the directory in its path, the command `apiroutes` does not.
COMMANDS: dict[str, Callable[[], list[str]]] = {
    "dev": lambda: [*APIROUTES, "dev", "--port", "0"],
    "gunicorn": lambda: [*APIROUTES, "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"],
    "gunicorn asgi": gunicorn_asgi,
    "granian": granian,
    "uvicorn": uvicorn,
}
PROGRAM = "import sys; del sys.path[0]; from apiroutes.cli import main; main()"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_project_is_served(tmp_path: Path, name: str) -> None:
    names = NAMES if name == "uvicorn" else [*NAMES, *OF_MULTIPROCESSING]
    files = {f"{module}.py": "x = 1\n" for module in names}
    root = project(tmp_path, {"pages/api/hello.py": HELLO, **files})
    python, _, _, *arguments = COMMANDS[name]()
    with serve([python, "-c", PROGRAM, *arguments], tmp_path / "log", {}, root) as port:
        assert Client(OverHttp(port)).request("GET", "/api/hello").status == 200
