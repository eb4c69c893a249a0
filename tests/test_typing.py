"""What mypy says of projects: nothing of right ones, and every mistake of wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

HERE = Path(__file__).parent / "typing"
LINE = re.compile(r"(\w+\.py):(\d+): error: .*\[([a-z-]+)\]")
FLAGS = ["--strict", "--config-file=", "--no-error-summary", "--ignore-missing-imports"]


def errors(file: Path, cache: Path) -> list[tuple[int, str]]:
    """Line and code of what mypy finds in the file itself."""
    said, failed, _ = api.run([*FLAGS, "--cache-dir", str(cache), str(file)])
    assert not failed, failed
    found = [match for match in LINE.finditer(said) if match[1] == file.name]
    assert said.count(": error:") == len(found), said
    return sorted({(int(match[2]), match[3]) for match in found})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def test_what_is_right_passes(cache: Path) -> None:
    assert errors(HERE / "right.py", cache) == []


def test_every_mistake_is_found(cache: Path) -> None:
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    marked = [
        (number, code)
        for number, line in enumerate(lines, 1)
        if "# error: " in line
        for code in line.partition("# error: ")[2].split(", ")
    ]
    assert marked
    assert errors(HERE / "wrong.py", cache) == marked
