"""A bare virtual environment, in which an archive is installed with what it needs, and nothing else.

In: a directory and an archive. Out: the environment's programs, and what pip has installed. Raises:
`ReleaseError` if the archive cannot be installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from tools.release.errors import ReleaseError

__all__ = ["Environment"]


class Environment:
    """An environment without even pip; `installed` is pip's report of what it installed.

    The report's form: https://pip.pypa.io/en/stable/reference/installation-report/.
    """

    def __init__(self, directory: Path, archive: Path) -> None:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(directory)
        self.directory = directory
        self.python = directory / "bin/python"
        report = directory / "report.json"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        command = [*pip, "install", "--quiet", "--report", str(report), str(archive)]
        run = subprocess.run(
            command,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if run.returncode:
            raise ReleaseError(f"{run.stdout}\n{archive.name} cannot be installed.")
        self.installed: list[dict[str, Any]] = json.loads(report.read_text())["install"]

    @property
    def variables(self) -> dict[str, str]:
        """The variables of a process in it: those of this process, but for what would show it the clone."""
        hidden = ("PYTHON", "APIROUTES_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return {**kept, "PATH": f"{self.directory / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
