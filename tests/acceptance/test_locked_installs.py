"""Reproducible installs: the commands of the page, in order, with the registry."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.locks import ROOT, command, run

pytestmark = pytest.mark.slow


def test_every_package_is_locked_with_hashes(locked_project: Path) -> None:
    text = (locked_project / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if re.match(r"[a-z]", line)]
    assert {"apiroutes", "werkzeug", "gunicorn", "markupsafe"} <= {
        line.partition("==")[0] for line in requirements
    }
    assert all(re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in requirements)


def test_a_lock_for_the_python_of_lambda_has_no_conditions(locked_project: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/deployment/lambda.md").read_text(encoding="utf-8")
    (options,) = re.findall(r"^`(--python-version .*)` replaces `--universal`", page, re.MULTILINE)
    words = [sys.executable, "-m", *command("uv pip compile")[:-1], str(tmp_path / "requirements.txt")]
    run([word for word in words if word != "--universal"] + options.split(), locked_project)
    conditions = {
        path: re.findall(r" ; .*", (path / "requirements.txt").read_text(encoding="utf-8"))
        for path in (locked_project, tmp_path)
    }
    assert conditions[locked_project]
    assert conditions[tmp_path] == []


def test_what_is_locked_is_installed_and_serves(locked_project: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    run([sys.executable, "-m", "venv", str(environment)], tmp_path)
    python, program = environment / "bin" / "python", environment / "bin" / "apiroutes"
    run([str(python), "-m", *command("pip install")], locked_project)
    checked = subprocess.run([program, "check"], cwd=locked_project, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_a_file_that_was_changed_is_refused(locked_project: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    run([sys.executable, "-m", "venv", str(environment)], tmp_path)
    (wheel,) = (locked_project / "wheels").glob("apiroutes-*.whl")
    whole = wheel.read_bytes()
    wheel.write_bytes(whole + b"\n")
    try:
        install = [str(environment / "bin" / "python"), "-m", *command("pip install")]
        refused = subprocess.run(install, cwd=locked_project, capture_output=True, text=True)
    finally:
        wheel.write_bytes(whole)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
