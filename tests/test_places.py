"""Places in a project: which file a frame belongs to, and what is marked in a line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import apiroutes
from apiroutes.errors import Problem
from apiroutes.places import place_at, project_file, with_source
from tests.support import project

LINES = "x = 1\n\n\tdef  handlr(a): return 'ü', handlr_2, handlr\n"


@pytest.mark.parametrize(
    ("line", "mark", "columns", "source", "marked"),
    [
        (1, None, None, "x = 1", "x = 1"),
        (1, "x", None, "x = 1", "x"),
        (1, "y", None, "x = 1", "x = 1"),
        (1, None, (4, 5), "x = 1", "1"),
        (3, "handlr", None, "def  handlr(a): return 'ü', handlr_2, handlr", "handlr"),
        (3, "ü'", None, "def  handlr(a): return 'ü', handlr_2, handlr", "ü'"),
        (3, None, (30, 38), "def  handlr(a): return 'ü', handlr_2, handlr", "handlr_2"),
        (3, None, (0, 1), "def  handlr(a): return 'ü', handlr_2, handlr", LINES.split("\n")[2].strip()),
    ],
)
def test_a_place_has_its_line_and_a_mark(
    tmp_path: Path, line: int, mark: str | None, columns: tuple[int, int] | None, source: str, marked: str
) -> None:
    project(tmp_path, {"x.py": LINES})
    place = place_at(tmp_path, "x.py", line, mark, columns)
    assert place.source == source
    assert place.span is not None
    assert source[slice(*place.span)] == marked
    assert str(place) == f"x.py:{line}"


@pytest.mark.parametrize(("file", "line"), [("x.py", 2), ("x.py", 9), ("y.py", 1), ("x.py", None)])
def test_a_line_that_is_not_there_has_no_source(tmp_path: Path, file: str, line: int | None) -> None:
    project(tmp_path, {"x.py": LINES})
    place = place_at(tmp_path, file, line)
    assert (place.file, place.line, place.source, place.span) == (file, line, None, None)


def test_a_file_in_another_encoding_has_its_source(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_bytes("# coding: latin-1\nx = 'ü'\n".encode("latin-1"))
    assert place_at(tmp_path, "x.py", 2).source == "x = 'ü'"


def test_a_problem_gets_the_source_of_its_line_once(tmp_path: Path) -> None:
    project(tmp_path, {"x.py": LINES})
    problem = Problem("x.py", "`nothing` and 'handlr' are wrong.", "Correct it.", line=3)
    shown = with_source(problem, tmp_path)
    assert (shown.span, shown.message) == ((5, 11), problem.message)
    assert with_source(shown, tmp_path) is shown
    assert with_source(Problem("x.py", "m", "r"), tmp_path).source is None


@pytest.mark.parametrize(
    ("file", "relative"),
    [
        ("pages/api/x.py", "pages/api/x.py"),
        ("lib/db.py", "lib/db.py"),
        ("venv/lib/python3/site-packages/x.py", None),
        ("../x.py", None),
    ],
)
def test_a_file_is_the_projects_or_not(tmp_path: Path, file: str, relative: str | None) -> None:
    assert project_file(str(tmp_path / file), tmp_path) == relative


@pytest.mark.parametrize("file", ["<string>", "", "<frozen importlib._bootstrap>"])
def test_what_is_no_file_is_not_the_projects(tmp_path: Path, file: str) -> None:
    assert project_file(file, tmp_path) is None


def test_a_file_through_a_link_is_the_projects(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert project_file(str(tmp_path / "link" / "x.py"), tmp_path / "real") == "x.py"


def test_this_package_is_no_part_of_a_project() -> None:
    assert project_file(apiroutes.__file__, Path(apiroutes.__file__).parents[1].resolve()) is None


def test_an_environment_of_python_is_no_part_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    assert project_file(str(tmp_path / "venv" / "x.py"), tmp_path) is None
