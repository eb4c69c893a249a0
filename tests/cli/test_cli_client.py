"""`apiroutes client`: the language is chosen, and a file that is out of date is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apiroutes.cli import main
from tests.support import HELLO, project

LANGUAGES = ["--typescript", "--python"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path / "shop", {"pages/api/hello.py": HELLO})


def client(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["client", "--root", str(root), *arguments])


@pytest.mark.parametrize("arguments", [[], LANGUAGES])
def test_one_language_must_be_chosen(root: Path, arguments: list[str]) -> None:
    result = client(root, *arguments)
    assert result.exit_code == 2
    assert "Choose the language of the client: --typescript or --python" in result.output


@pytest.mark.parametrize(("language", "start"), [*zip(LANGUAGES, ["// A client", '"""A client'])])
def test_a_client_goes_to_standard_output_or_a_file(root: Path, language: str, start: str) -> None:
    file = root / "client"
    printed = client(root, language).output
    assert printed.startswith(start)
    assert client(root, language, "-o", str(file)).output == ""
    assert file.read_text(encoding="utf-8") == printed


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_client_of_a_project_is_the_same_wherever_it_lies(root: Path, language: str) -> None:
    elsewhere = project(root.parent / "copy", {"pages/api/hello.py": HELLO})
    assert client(elsewhere, language).output == client(root, language).output


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_file_that_is_out_of_date_is_found_and_left_alone(root: Path, language: str) -> None:
    file = root / "client"
    client(root, language, "-o", str(file))
    before = file.read_text(encoding="utf-8")
    assert client(root, language, "-o", str(file), "--check").exit_code == 0
    project(root, {"pages/api/more.py": HELLO})
    result = client(root, language, "-o", str(file), "--check")
    assert (result.exit_code, file.read_text(encoding="utf-8")) == (1, before)
    assert result.output == f"{file} is out of date: run this command without --check to write it.\n"


def test_a_missing_file_is_out_of_date(root: Path) -> None:
    file = root / "client"
    result = client(root, "--python", "-o", str(file), "--check")
    assert (result.exit_code, file.exists()) == (1, False)
    assert "does not exist" in result.output


def test_a_check_needs_a_file(root: Path) -> None:
    result = client(root, "--python", "--check")
    assert result.exit_code == 2
    assert "-o FILE" in result.output
