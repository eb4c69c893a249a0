"""`python -m tools.examples` with examples that are right and wrong: it tells which, and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import project

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RIGHT = {
    "pages/api/a.py": "def GET(n: int = 1) -> int:\n    return n\n",
    "test_a.py": "def test_a(apiroutes_client): assert apiroutes_client.get('/api/a').json == 1\n",
    "pyproject.toml": "[tool.pytest.ini_options]\n[tool.mypy]\n",
    "README.md": "",
}
# The file that is wrong, what is written there, and what is told of it.
WRONG = {
    "test": ("test_a.py", "def test_a(): assert 1 + 1 == 3\n", "assert (1 + 1) == 3"),
    "type": ("pages/api/a.py", f"{RIGHT['pages/api/a.py']}x: int = ''\n", "[assignment]"),
}


def test_what_fails_is_told(tmp_path: Path) -> None:
    project(tmp_path / "right", RIGHT)
    for name, (file, content, _) in WRONG.items():
        project(tmp_path / name, {**RIGHT, file: content})
    command = [sys.executable, "-m", "tools.examples", "--directory", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True
    )
    rows = done.stdout.splitlines()[1 : 2 + len(WRONG)]
    assert {row.split()[0]: "FAILED" in row for row in rows} == {"right": False, **dict.fromkeys(WRONG, True)}
    for _, _, told in WRONG.values():
        assert told in done.stdout
    assert "2 of 3 examples failed." in done.stdout
    assert done.returncode == 1
