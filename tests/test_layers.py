"""The architecture, as a test: what may import what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import apiroutes

PACKAGE = Path(apiroutes.__file__).parent

# A file imports from lower steps, or from inside its own folder; never sideways, never up.
STEPS = [
    {"types", "errors", "lazy", "sizes", "version"},
    {"settings", "logs", "readiness", "streams", "http", "routing", "schemas"},
    {"concurrency", "files", "response_head"},
    {"body", "response_state"},
    {"request", "response"},
    {"wsgi", "results", "deadlines", "error_responses"},
    {"handlers"},
    {"chain", "openapi"},
    {"endpoint", "middleware"},
    {"resources"},
    {"project"},
    {"lookup", "builtin_endpoints"},
    {"app"},
    {"servers", "testing"},
    {"cli", "pytest_plugin", "__init__"},
    {"__main__"},
]
STEP_OF = {name: number for number, names in enumerate(STEPS) for name in names}

# Each library that could be another one tomorrow is met in these files alone.
MET_IN = {
    "click": {"cli.py"},
    "dotenv": {"settings.py"},
    "granian": {"servers/granian.py"},
    "gunicorn": {"servers/gunicorn.py", "servers/gunicorn_arbiter.py", "servers/gunicorn_workers.py"},
    "msgspec": {
        "http/json.py",
        "schemas/annotations.py",
        "schemas/json_schema.py",
        "schemas/messages.py",
        "schemas/mismatches.py",
        "schemas/part_types.py",
        "schemas/probe.py",
        "schemas/pydantic_models.py",
        "schemas/schema.py",
        "schemas/search.py",
    },
    "multipart": {"body/formdata.py"},
    "pytest": {"pytest_plugin.py"},
    "tomli": {"settings.py"},
    "watchfiles": {"servers/development.py"},
    "xxhash": {"http/conditional.py"},
}

# The command line imports a server when it is asked for: gunicorn is not paid for by `routes`.
IMPORTS_LATE = {"cli.py"}

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(file: str) -> str:
    return file.removesuffix(".py").split("/")[0]


def imports(file: str) -> Iterator[tuple[ast.stmt, str]]:
    """Every import statement with the module that it names."""
    for node in ast.walk(ast.parse((PACKAGE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} has a relative import"
            module = node.module or ""
            if module == "apiroutes":  # from apiroutes import conditional
                for alias in node.names:
                    yield node, f"apiroutes.{alias.name}"
            else:
                yield node, module


def test_every_file_has_a_step() -> None:
    assert {room_of(file) for file in FILES} == set(STEP_OF)


@pytest.mark.parametrize("file", FILES)
def test_imports_come_from_below_or_from_inside(file: str) -> None:
    own = room_of(file)
    for node, module in imports(file):
        if not module.startswith("apiroutes"):
            continue
        parts = module.split(".")
        room = parts[1] if len(parts) > 1 and parts[1] in STEP_OF else "__init__"
        if room == own:
            continue
        assert STEP_OF[room] < STEP_OF[own], f"{file}:{node.lineno} climbs to {module}"
        is_room = (PACKAGE / room).is_dir() and room != "servers"
        assert not (is_room and len(parts) > 2), f"{file}:{node.lineno} reaches into {room}: {module}"


@pytest.mark.parametrize("file", [file for file in FILES if file not in IMPORTS_LATE])
def test_imports_stand_at_the_top_of_the_file(file: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inside = [
        node.lineno
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert inside == []


@pytest.mark.parametrize("file", FILES)
def test_no_import_is_for_types_alone(file: str) -> None:
    assert "TYPE_CHECKING" not in (PACKAGE / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("library", sorted(MET_IN))
def test_a_library_is_met_where_it_is_said_to_be(library: str) -> None:
    met = {file for file in FILES for _, module in imports(file) if module.split(".")[0] == library}
    assert met == MET_IN[library]


@pytest.mark.parametrize("file", FILES)
def test_only_wsgi_and_the_edges_call_start_response(file: str) -> None:
    """`servers/factory` and the development server answer without an App, the bridge for WSGI middleware;
    a deadline stands between a handler and the real one."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "start_response"
    ]
    assert not calls or file in {
        "wsgi.py",
        "deadlines.py",
        "servers/factory.py",
        "servers/development_app.py",
        "middleware/wsgi_bridge.py",
    }
