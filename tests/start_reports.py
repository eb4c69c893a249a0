"""For the tests of start errors: the problems and the warnings of a project."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, Problem, ProjectError
from apiroutes.cli import main
from tests.support import project


def problems_of(root: Path, files: Mapping[str, str] | None = None, **arguments: Any) -> tuple[Problem, ...]:
    """The problems that stop the start of the project in `root`, with `files` written into it."""
    with pytest.raises(ProjectError) as caught:
        App(project(root, files or {}), **arguments)
    return caught.value.problems


def warnings_of(root: Path, files: dict[str, str], caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of the start; `check` shows the same ones, each once."""
    App(project(root, files))
    assert {(record.name, record.levelno) for record in caplog.records} <= {("apiroutes", logging.WARNING)}
    warnings = [record.getMessage() for record in caplog.records]
    result = CliRunner().invoke(main, ["check", "--root", str(root)])
    assert result.exit_code == 0
    assert re.findall("^Warning: (.*)$", result.output, re.MULTILINE) == warnings
    return warnings
