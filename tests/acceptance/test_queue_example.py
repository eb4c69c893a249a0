"""The example of a queue: its own tests pass, and its README shows the command that they run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.servers import environment

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "queue"


def test_the_tests_of_the_example_pass() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:ddtrace"]
    done = subprocess.run(
        command, cwd=EXAMPLE, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_shows_the_worker_of_the_tests() -> None:
    shown = re.findall(r"huey_consumer (tasks\.huey [\w -]+?)(?: &)?$", _read("README.md"), re.MULTILINE)
    noted = re.findall(r"huey_consumer (tasks\.huey [\w -]+)$", _read("tasks.py"), re.MULTILINE)
    tested = re.findall(r'"huey\.bin\.huey_consumer", (.+)\]', _read("test_worker.py"))
    assert [text.replace('"', "").replace(",", "") for text in tested] == shown == noted


def _read(file: str) -> str:
    return (EXAMPLE / file).read_text(encoding="utf-8")
