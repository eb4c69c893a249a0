"""The examples: each is whole, and found by whoever looks for one. `make examples` runs what is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.examples.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(
    path for path in (ROOT / "examples").iterdir() if path.is_dir() and not path.name.startswith((".", "__"))
)

# How many lines of code an example says that it is shorter than.
SHORT = {"login": 60, "oauth": 80}


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def python_of(example: Path) -> list[str]:
    """The example's own Python, without its tests, from its directory."""
    files = [path.relative_to(example) for path in example.rglob("*.py")]
    return [
        path.as_posix() for path in files if not path.name.startswith(("test_", "conftest", "simulated_"))
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_has_a_readme_of_one_screen(example: Path) -> None:
    text = read(example / "README.md")
    assert len(text.splitlines()) <= 45
    assert f"$ cd examples/{example.name}\n" in text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_has_a_test_beside_it(example: Path) -> None:
    assert any("def test_" in read(path) for path in example.rglob("test_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_readme_names_every_file(example: Path) -> None:
    named = set(re.findall(r"`([\w/.\[\]-]+(?:\.py|/))`", read(example / "README.md")))
    assert [file for file in python_of(example) if not any(is_named(file, name) for name in named)] == []


def is_named(file: str, name: str) -> bool:
    return file == name or (name.endswith("/") and file.startswith(name))


@pytest.mark.parametrize("name", SHORT)
def test_an_example_is_as_short_as_it_says(name: str) -> None:
    example = ROOT / "examples" / name
    lines = [line for file in python_of(example) for line in read(example / file).splitlines()]
    code = [line for line in lines if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert 20 < len(code) < SHORT[name]
    assert f"in less than {SHORT[name]} lines of Python" in read(example / "README.md")


def test_the_index_lists_every_example_and_is_linked() -> None:
    index = read(ROOT / "examples" / "README.md")
    assert set(re.findall(r"^\| \[[^]]+\]\(([\w-]+)/README\.md\)", index, re.MULTILINE)) == {
        example.name for example in EXAMPLES
    }
    assert "](examples/README.md)" in read(ROOT / "README.md")
    assert "](../examples/README.md)" in read(ROOT / "docs" / "index.md")


def test_the_queue_is_tested_with_the_worker_that_its_readme_starts() -> None:
    example = ROOT / "examples" / "queue"
    shown = re.findall(r"huey_consumer (tasks\.huey [\w -]+?)(?: &)?$", read(example / "README.md"), re.M)
    noted = re.findall(r"huey_consumer (tasks\.huey [\w -]+)$", read(example / "tasks.py"), re.M)
    tested = re.findall(r'"huey\.bin\.huey_consumer", (.+)\]', read(example / "test_worker.py"))
    assert [text.replace('"', "").replace(",", "") for text in tested] == shown == noted


def test_the_runner_refuses_an_unknown_name() -> None:
    done = CliRunner().invoke(main, ["basic", "basics"])
    assert done.exit_code == 2
    assert "there is no example 'basics'. There are: basic, " in done.output
