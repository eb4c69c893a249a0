"""Files beside `src` that a project in it does not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.support import HELLO, project

TABLE = "[tool.apiroutes]\nbase_path = '/shop'\n"


def warned(
    root: Path, files: dict[str, str], caplog: pytest.LogCaptureFixture, name: str = "src"
) -> list[str]:
    project(root, {f"{name}/pages/api/x.py": HELLO, **files})
    App(root / name)
    return [record.getMessage() for record in caplog.records]


FILES = {
    "pyproject.toml": TABLE,
    ".env": "A_OF_ABOVE=1\n",
    ".env.local": "B_OF_ABOVE=1\n",
    "middleware.py": "def middleware(req, res, next): next()\n",
    "instrumentation.py": "def register(): ...\n",
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_read_gives_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    (warning,) = warned(tmp_path, {file: FILES[file]}, caplog)
    assert warning.startswith(f"../{file} is not read")
    assert f"Move it to src/{file}." in warning


FINE = {
    "a file of its own": {".env": "", "src/.env": "", "pyproject.toml": TABLE, "src/pyproject.toml": TABLE},
    "a table for other tools": {"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
    "a project above": {"pages/api/y.py": HELLO, "pyproject.toml": TABLE, ".env": ""},
    "a file that cannot be read": {"pyproject.toml": "x = = 1\n"},
}


@pytest.mark.parametrize("case", FINE)
def test_these_give_none(tmp_path: Path, caplog: pytest.LogCaptureFixture, case: str) -> None:
    assert warned(tmp_path, FINE[case], caplog) == []


def test_env_files_above_another_directory_may_be_anybodys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert warned(tmp_path, {".env": "A_OF_ABOVE=1\n"}, caplog, name="api") == []


def test_settings_above_another_directory_are_meant_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = warned(tmp_path, {"pyproject.toml": TABLE}, caplog, name="api")
    assert warning.startswith("../pyproject.toml is not read")
