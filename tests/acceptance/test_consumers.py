"""Linters, and generators of clients, read the document of a rich project; their clients call its server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.acceptance.servers import gunicorn, serve

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
RICH, CONSUMERS = HERE / "rich", HERE / "consumers"
SECONDS = 300


def run(command: Sequence[str], directory: Path) -> str:
    """Return what a command prints; its errors are a test's."""
    # openapi-python-client calls ruff, which is beside the tests' Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environ = {**os.environ, "PATH": path, "NO_COLOR": "1", "REDOCLY_TELEMETRY": "off"}
    environ["PYTHONPATH"] = str(directory)
    result = subprocess.run(
        command, cwd=directory, env=environ, capture_output=True, text=True, timeout=SECONDS
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_text(json.dumps(App(RICH).openapi()), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def consumers(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the document, the consumers that npm installs, and their uses."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm, which installs the consumers")
    directory = tmp_path_factory.mktemp("consumers")
    shutil.copytree(CONSUMERS, directory, dirs_exist_ok=True)
    shutil.copy(document, directory)
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], directory)
    return directory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("rich") / "log"
    command = gunicorn("apiroutes:create_app()", "--workers=1", "--threads=2")
    with serve(command, log, {}, RICH) as port:
        yield f"http://127.0.0.1:{port}"


def npx(consumers: Path, *command: str) -> str:
    return run(["npx", "--no-install", *command], consumers)


def test_redocly_has_nothing_to_say(consumers: Path) -> None:
    report = npx(consumers, "redocly", "lint", "openapi.json", "--extends=recommended", "--format=json")
    found: dict[str, Any] = json.loads(report)
    assert found["problems"] == []


def test_spectral_has_nothing_to_say(consumers: Path) -> None:
    options = ["--ruleset=.spectral.json", "--fail-severity=hint", "--format=json", "--quiet"]
    assert json.loads(npx(consumers, "spectral", "lint", "openapi.json", *options)) == []


def test_the_postman_collection_has_every_operation(consumers: Path, document: Path) -> None:
    npx(consumers, "openapi2postmanv2", "-s", "openapi.json", "-o", "postman.json")
    collection = json.loads((consumers / "postman.json").read_text(encoding="utf-8"))
    paths = json.loads(document.read_text(encoding="utf-8"))["paths"]
    operations = [key for item in paths.values() for key, part in item.items() if isinstance(part, dict)]
    assert len(list(requests_in(collection))) == len(operations)


def requests_in(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        if "request" in item:
            yield item["request"]
        else:
            yield from requests_in(item)


# What generates a client, the file that uses it, and what that prints.
CLIENTS = {
    "openapi-typescript": (
        ["openapi-typescript", "openapi.json", "-o", "schema.d.ts", "--default-non-nullable=false"],
        "use_openapi_fetch",
        [
            201,
            409,
            {"message": "The name is taken", "taken": "Tea"},
            1,
            422,
            [2, 3],
            7,
            {"total": 3},
            {"a": [1]},
            204,
        ],
    ),
    "hey-api": (
        ["openapi-ts", "-i", "openapi.json", "-o", "hey"],
        "use_hey",
        ["red", 409, True, 422, {"code": 7, "text": "wrong"}, 401, {"a.txt": 3, "b.txt": 5}, [50, 100]],
    ),
    "orval": (
        ["orval", "--input", "openapi.json", "--output", "orval.ts", "--client", "fetch"],
        "use_orval",
        [201, 409, True, 422, {"type": "dog", "name": "Rex", "tricks": [], "walks": {}}],
    ),
}


@pytest.fixture(scope="module")
def generated(consumers: Path) -> Path:
    """Return the directory of the compiled clients."""
    for command, _, _ in CLIENTS.values():
        npx(consumers, *command)
    npx(consumers, "tsc", "-p", ".")
    return consumers


@pytest.mark.parametrize("name", CLIENTS)
def test_a_generated_client_calls_the_server(generated: Path, server: str, name: str) -> None:
    _, use, printed = CLIENTS[name]
    assert json.loads(run(["node", f"out/{use}.js", server], generated)) == printed


def test_openapi_python_client_makes_all_of_a_client(document: Path, server: str, tmp_path: Path) -> None:
    pytest.importorskip("openapi_python_client")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document)]
    said = run([*command, "--output-path=rich_client", "--meta=none", "--fail-on-warning"], tmp_path)
    assert said.split() == ["Generating", "rich_client"]
    shutil.copy(CONSUMERS / "use_python.py", tmp_path)
    printed = json.loads(run([sys.executable, "use_python.py", server], tmp_path))
    assert printed == [
        "2026-01-01",
        409,
        "Rice",
        True,
        422,
        "query.page",
        [404, "There is no such item"],
        9,
        None,
        7,
        {"total": 3},
    ]
