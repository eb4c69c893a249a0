"""Which files the development server watches; the reload itself is tested with real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apiroutes.development.watching import is_watched

WATCHED = [
    ("pages/api/x.py", True),
    ("pyproject.toml", True),
    (".env.local", True),
    ("notes.db", False),
    ("pages/api/.#x.py", False),
    ("pages/__pycache__/x.py", False),
    (".venv/lib/x.py", False),
    (".git/x.py", False),
    (".apiroutes/x.toml", False),
    ("client/node_modules/gyp/x.py", False),
    (".apiroutes/x.py", False),
]


@pytest.mark.parametrize(("name", "watched"), WATCHED)
def test_sources_and_settings_are_watched(tmp_path: Path, name: str, watched: bool) -> None:
    assert is_watched(tmp_path, os.path.join(tmp_path, name)) is watched


def test_a_project_below_a_directory_that_is_left_out_is_watched(tmp_path: Path) -> None:
    root = tmp_path / ".git/worktree"
    assert is_watched(root, str(root / "pages/api/x.py"))
