"""Attacks known from advisories of other frameworks, each in a process of its own, with its limits.

`runner.py` and `corpus.jsonl` come from outside and stay unchanged; they attack `app.py` and `project/`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import interfaces

HERE = Path(__file__).parent
TOP = HERE.parents[1]
SECONDS = 170


APPS = {
    "wsgi": "tests.attacks.app:app",
    "asgi": "tests.attacks.over_asgi:asgi",
    "asgi-loop": "tests.attacks.over_asgi:asgi_loop",
}


def attack(results: Path, *flags: str) -> list[dict[str, Any]]:
    command = [sys.executable, str(HERE / "runner.py"), APPS[interfaces.chosen()]]
    command += ["--corpus", str(HERE / "corpus.jsonl"), "--known", str(known(results.parent))]
    # The time limits assume an idle machine.
    command += ["--json", str(results), "--scale", "3", *flags]
    done = subprocess.run(command, cwd=TOP, timeout=SECONDS, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    cases: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
    return cases


def known(directory: Path) -> Path:
    """Write the list of the cases that fail through the tests' interface."""
    lines = (HERE / "known.txt").read_text(encoding="utf-8").splitlines()
    corpus = "tests/attacks/corpus.jsonl::"
    for deviation in interfaces.deviations():
        if interfaces.chosen() in deviation.interfaces and deviation.pattern.startswith(corpus):
            lines.append(f"{deviation.pattern.removeprefix(corpus)}  # {deviation.reason}")
    path = directory / "known.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("flags", [(), ("--terminated",)], ids=["plain", "as under gunicorn"])
def test_every_attack_is_withstood(tmp_path: Path, flags: tuple[str, ...]) -> None:
    if flags and interfaces.chosen() != "wsgi":
        pytest.skip("every ASGI server says where content ends")
    results = attack(tmp_path / "results.json", *flags)
    failures = {
        case["id"]: case["problems"] for case in results if case["outcome"] in ("fail", "unexpected-pass")
    }
    assert failures == {}
    assert sum(case["outcome"] == "pass" for case in results) > 600


def test_exceptions_are_few_and_have_reasons() -> None:
    lines = (HERE / "known.txt").read_text(encoding="utf-8").splitlines()
    cases = [line.partition("#") for line in lines if not line.startswith("#")]
    assert len(cases) < 15
    assert all(name.strip() and reason.strip() for name, _, reason in cases)
