"""Mypy accepts a project without mistakes, and finds every mistake in another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

pytestmark = pytest.mark.costly  # each runs mypy

HERE = Path(__file__).parent / "typing"
LINE = re.compile(r"(\w+\.py):(\d+): error: .*\[([a-z-]+)\]")
FLAGS = ["--strict", "--config-file=", "--no-error-summary", "--ignore-missing-imports"]


def errors(file: Path, cache: Path) -> list[tuple[int, str]]:
    """The line and code of each error that mypy finds in the file itself."""
    report, failure, _ = api.run([*FLAGS, "--cache-dir", str(cache), str(file)])
    assert not failure, failure
    matches = [match for match in LINE.finditer(report) if match[1] == file.name]
    assert report.count(": error:") == len(matches), report
    return sorted({(int(match[2]), match[3]) for match in matches})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mypy")


def test_a_project_without_mistakes_passes(cache: Path) -> None:
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
