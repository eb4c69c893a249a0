"""A project with a lock file, made by the commands of the page of reproducible installs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "deployment"
PAGE = ROOT / "docs" / "deployment" / "reproducible-installs.md"

# What clients of the registry say if they do not reach it.
_UNREACHABLE = re.compile(
    r"Failed to fetch|error sending request|NewConnectionError|Name or service not known|timed out|"
    r"Temporary failure in name resolution|Network is unreachable",
)
SECONDS = 120


def command(start: str) -> list[str]:
    """Return the words of a command that the page shows."""
    (line,) = re.findall(rf"^\$ ({re.escape(start)} .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return shlex.split(line)


def lock(directory: Path) -> Path:
    """Write the example with its lock file and all wheels, and return it; skip without a registry."""
    if find_spec("uv") is None:
        pytest.skip("uv is not installed")
    project = directory / "project"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    clone(directory)  # where the command has it: beside the project
    run([sys.executable, "-m", *command("pip wheel")], project)
    run([sys.executable, "-m", *command("uv pip compile")], project)
    return project


def clone(directory: Path) -> Path:
    """Copy what a clone has: a build leaves files in its directory."""
    copy = directory / "apiroutes"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.startswith("apiroutes/") or "/" not in name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def run(words: list[str], directory: Path) -> None:
    """Run a command that needs the registry; skip the test if it cannot be reached."""
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=SECONDS)
    output = done.stdout + done.stderr
    if done.returncode != 0 and _UNREACHABLE.search(output):
        pytest.skip("the registry of packages cannot be reached")
    assert done.returncode == 0, output
