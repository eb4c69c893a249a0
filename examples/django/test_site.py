"""The site's own tests, where pytest finds them, and that its migrations are complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [["test"], ["makemigrations", "--check"], ["check"]])
def test_by_the_sites_own_commands(command: list[str], tmp_path: Path) -> None:
    variables = {"DJANGO_SECRET_KEY": "of the tests alone", "NOTES_DB": str(tmp_path / "notes.db")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *command],
        cwd=Path(__file__).parent,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
