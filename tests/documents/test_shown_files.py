"""What the documents show of code: the files of a page are a project that starts, and its other files run.

A file that a page shows again is its next version.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli
import yaml

from apiroutes import App
from tests.documents.page_runs import SLOW_PAGES, exported_for_pages, write_clients
from tests.documents.reading import DOCUMENTS, LANGUAGES, SHOWN, Block, Shown, blocks, is_route, shown_by
from tests.support import project

NAMES = [f"{shown.page}-{number}" for number, shown in enumerate(SHOWN)]


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in its own directory: examples leave files, such as databases, in the current one."""
    monkeypatch.chdir(tmp_path)
    for name, value in exported_for_pages().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give back the log of this process as it was before an example has set it up."""
    root = logging.getLogger()
    handlers, level, logger_class = [*root.handlers], root.level, logging.getLoggerClass()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.setLoggerClass(logger_class)


# -- blocks


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_has_a_language(document: str) -> None:
    others = [
        f"{block.place}: {block.language!r}" for block in blocks(document) if block.language not in LANGUAGES
    ]
    assert others == [], f"the languages are {', '.join(sorted(LANGUAGES))}"


def check_shell(source: str) -> None:
    subprocess.run(["bash", "-n"], input=source, text=True, check=True)


def check_python(source: str) -> None:
    compile(source, "block", "exec")


PARSERS: dict[str, Any] = {
    "python": check_python,
    "toml": tomli.loads,
    "json": json.loads,
    "yaml": lambda source: list(yaml.safe_load_all(source)),
    "sh": check_shell,
}
PARSED = [block for document in DOCUMENTS for block in blocks(document) if block.language in PARSERS]


@pytest.mark.parametrize("block", PARSED, ids=lambda block: block.place)
def test_a_block_is_of_its_language(block: Block) -> None:
    if not is_cut(block):
        PARSERS[block.language](block.source)


# -- cuts


def is_cut(block: Block) -> bool:
    """Whether a block of data says that something is left out. Code that is cut runs all the same."""
    return (
        block.language not in ("python", "sh")
        and re.search(r"(?:#|//|<!--|--|/\*) cut\b", block.source) is not None
    )


_STUBS = ("Protocol", "ABC")


def ellipses(tree: ast.AST) -> set[int]:
    """The lines where `...` stands in place of something."""
    lines: set[int] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).split("[")[0].endswith(_STUBS) for base in node.bases
        ):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            ast.unparse(decorator).endswith(("overload", "abstractmethod"))
            for decorator in node.decorator_list
        ):
            continue
        if isinstance(node, ast.Subscript) and isinstance(
            tree, ast.arg | ast.AnnAssign | ast.FunctionDef | ast.Subscript
        ):
            continue  # `tuple[int, ...]`
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            lines.add(node.lineno)
        lines |= ellipses(node)
    return lines


def unmarked_cuts(block: Block) -> list[str]:
    """Where a block leaves something out, and does not say so by `# cut`, on the line or below its name."""
    lines = block.source.split("\n")
    if any(re.search(r"\bcut\b", line) for line in lines[:2] if re.match(r"\s*(?:#|//|<!--|--|/\*)", line)):
        return []
    numbers = ellipses(ast.parse(block.source)) if block.language == "python" else set()
    numbers |= {
        number
        for number, line in enumerate(lines, 1)
        if block.language not in ("console", "text")
        and re.fullmatch(r"\s*(?:#|//|<!--|--)?\s*(?:\.\.\.|…).*", line)
    }
    return [
        f"{block.page}:{block.line + number}: {lines[number - 1]}"
        for number in sorted(numbers)
        if not re.search(r"(?:#|//|<!--|--|/\*) cut\b", lines[number - 1])
    ]


# The signatures of the reference have no bodies.
@pytest.mark.parametrize("document", [name for name in DOCUMENTS if not name.startswith("docs/reference/")])
def test_what_is_left_out_is_marked(document: str) -> None:
    assert [cut for block in blocks(document) for cut in unmarked_cuts(block)] == []


CUTS = [
    ("x = ...\n", 1),
    ("x = ...  # cut\n", 0),
    ("# app.py\n# cut: the imports\nx = ...\n", 0),
    ("def f():\n    ...\n", 1),
    ("def f():\n    # ...\n    return 1\n", 1),
    ("def f():\n    # ... # cut\n    return 1\n", 0),
    ("f(1, ...)\n", 1),
    ("def f(x: tuple[int, ...]) -> tuple[int, ...]:\n    return x\n", 0),
    ("x: tuple[int, ...] = (1,)\n", 0),
    ("class Store(Protocol):\n    def get(self): ...\n", 0),
    ("@overload\ndef f(): ...\n", 0),
    ("class Store:\n    def get(self): ...\n", 1),
]


@pytest.mark.parametrize(("source", "count"), CUTS)
def test_cuts_are_found(source: str, count: int) -> None:
    assert len(unmarked_cuts(Block("page.md", 1, "python", source, ""))) == count


# -- projects


def is_test(name: str) -> bool:
    return Path(name).name.startswith("test_")


def is_private(name: str) -> bool:
    return any(part.startswith(("_", "-")) for part in name.split("/"))


@pytest.mark.parametrize("shown", SHOWN, ids=NAMES)
def test_the_files_of_a_page_are_a_project(shown: Shown, tmp_path: Path) -> None:
    names = {name for name in shown.files if is_route(name) and name != "middleware.py"}
    if names:
        app = App(project(tmp_path, shown.files))
        assert {name for name in names if not is_private(name)} == set(app.resources)


@pytest.mark.parametrize("shown", SHOWN, ids=NAMES)
def test_the_files_of_a_page_use_only_names_that_they_define(shown: Shown, tmp_path: Path) -> None:
    root = project(tmp_path, shown.files)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F", "."]
    checked = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


# Each version of a file, in the last project of its page that has it.
_LAST = {(shown.page, name, source): shown for shown in SHOWN for name, source in shown.files.items()}
_OTHERS = [
    (shown, name)
    for (page, name, _), shown in _LAST.items()
    if name.endswith(".py") and not is_route(name) and page not in SLOW_PAGES
]
# Beside the fixtures of the tests, which pytest loads.
PROGRAMS = [
    (shown, name) for shown, name in _OTHERS if not is_test(name) and Path(name).name != "conftest.py"
]
# All tests of a project run in one process.
TESTS = {
    f"{number}-{shown.page}": (shown, names)
    for number, shown in enumerate(SHOWN)
    if (names := [name for project, name in _OTHERS if project is shown and is_test(name)])
}


@pytest.mark.costly
@pytest.mark.parametrize(("shown", "name"), PROGRAMS, ids=lambda value: getattr(value, "page", value))
def test_the_other_files_of_a_page_run(shown: Shown, name: str, tmp_path: Path) -> None:
    root = project(tmp_path, shown.files)
    write_clients(shown, root)
    run = subprocess.run([sys.executable, name], cwd=root, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.costly
@pytest.mark.parametrize(("shown", "names"), TESTS.values(), ids=TESTS)
def test_the_tests_of_a_page_pass(shown: Shown, names: list[str], tmp_path: Path) -> None:
    root = project(tmp_path, shown.files)
    write_clients(shown, root)
    # Of pytest's plugins ours alone, because the others take seconds.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "apiroutes.pytest_plugin",
    ]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(
        [*command, "--rootdir", ".", *names], cwd=root, env=environ, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_readme_begins_with_an_endpoint_that_answers() -> None:
    shown = shown_by("README.md")[0]
    assert next(iter(shown.files)) == "pages/api/hello.py"
    curl = next(command for command in shown.commands if command.text.startswith("curl"))
    assert (curl.text, curl.printed) == ("curl localhost:8000/api/hello", '{"name":"John Doe"}\n')
