"""Small clones, as releases are built from."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support import project

__all__ = ["clone"]


def clone(directory: Path, files: Mapping[str, str], moment: int = 1_700_000_000) -> Path:
    """Make a repository of these files with one commit, at `moment` in seconds since 1970."""
    root = project(directory / "clone", files)
    who = {"NAME": "Ada", "EMAIL": "ada@example.org", "DATE": f"{moment} +0000"}
    variables = {
        f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in who.items()
    }
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Begin"]):
        subprocess.run(["git", *command], cwd=root, check=True, env={**os.environ, **variables})
    return root
