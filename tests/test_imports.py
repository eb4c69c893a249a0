"""What is imported when: each start and each reload of a worker pays for it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path

import pytest

from apiroutes import Problem, Settings
from tests.support import HELLO, app_of, project

TOP = Path(__file__).parents[1]

ASYNC = "async def GET(req, res):\n    return 'hello'\n"

# Libraries, and rooms and files of ours, that few projects need.
NEEDED_BY_FEW = [
    "apiroutes.asgi",
    "apiroutes.asgi_application",
    "apiroutes.asgi_calls",
    "apiroutes.event_loop",
    "apiroutes.openapi",
    "apiroutes.testing",
    "asyncio",
    "click",
    "concurrent.futures",
    "dotenv",
    "granian",
    "gunicorn",
    "itsdangerous",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "tomli",
    "uvicorn",
    "watchfiles",
]

SERVE = """
from tests.support import call
app = apiroutes.App({directory!r})
assert call(app).status == 200
assert call(app, "POST", headers=[("Content-Type", "application/json")], body=b"[1]").status == 200
assert call(app, "GET", "/api/none").status == 404
"""


@cache
def modules_after(source: str) -> frozenset[str]:
    """Return the names of all modules in a new process that imports the package and runs the source."""
    program = f"import sys, apiroutes\n{source}\nimport json\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
    return frozenset(json.loads(ended.stdout))


@pytest.mark.parametrize("module", NEEDED_BY_FEW)
def test_the_package_leaves_out_what_few_projects_need(module: str) -> None:
    assert module not in modules_after("")


@pytest.mark.parametrize(
    "module",
    ["apiroutes.event_loop", "asyncio", "dotenv", "opentelemetry", "prometheus_client", "tomli"],
)
def test_a_project_without_coroutines_does_too(tmp_path_factory: pytest.TempPathFactory, module: str) -> None:
    directory = project(tmp_path_factory.getbasetemp() / "sync", {"pages/api/x.py": HELLO})
    assert module not in modules_after(SERVE.format(directory=str(directory)))


@pytest.mark.parametrize(
    ("file", "content", "module"),
    [
        ("pages/api/x.py", ASYNC, "asyncio"),
        ("pyproject.toml", "", "tomli"),
        (".env", "", "dotenv"),
    ],
)
def test_a_project_imports_at_its_start_what_it_needs(
    tmp_path: Path, file: str, content: str, module: str
) -> None:
    """So that a server that loads the project before it forks does so once."""
    directory = project(tmp_path, {"pages/api/hello.py": HELLO, file: content})
    assert module in modules_after(f"apiroutes.App({str(directory)!r})")


def test_all_threads_get_the_same_asgi_application(tmp_path: Path) -> None:
    app = app_of(tmp_path, HELLO)
    begun, found = threading.Barrier(8), []

    def find() -> None:
        begun.wait()
        found.append(app.asgi)

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(map(id, found)) == {id(app.asgi)}


@pytest.mark.parametrize("public", [Problem, Settings])
def test_what_users_hold_is_a_dataclass(public: type) -> None:
    assert is_dataclass(public)
