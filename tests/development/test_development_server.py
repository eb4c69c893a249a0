"""Which files the development server watches; the reload itself is tested with real processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from apiroutes.development import server as development

WATCHED = [
    ("pages/api/x.py", True),
    ("pyproject.toml", True),
    (".env.local", True),
    ("notes.db", False),
    ("pages/__pycache__/x.py", False),
    (".venv/lib/x.py", False),
    (".git/x.py", False),
]


@pytest.mark.parametrize(("name", "watched"), WATCHED)
def test_sources_and_settings_are_watched(tmp_path: Path, name: str, watched: bool) -> None:
    assert development._is_watched(None, os.path.join(tmp_path, name)) is watched
