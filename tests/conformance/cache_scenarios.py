"""The scenarios of the response cache, with the project that they send requests to and what runs them.

`cache/` holds all three; they come from outside and stay as they are.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.servers import environment

HERE = Path(__file__).parent / "cache"
TOP = Path(__file__).parents[2]
SECONDS = 170
SIDE_BY_SIDE = 12

APPLICATION = "scenario_app:app"  # in the project
OVER_ASGI = "tests.conformance.over_asgi:asgi"

Scenario = dict[str, Any]


def load() -> list[Scenario]:
    lines = (HERE / "scenarios.given.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def quick_ones() -> list[Scenario]:
    """Return the scenarios that wait for less than a second."""
    return [each for each in load() if sum(map(_seconds_of, each["steps"])) < 1]


def _seconds_of(step: Any) -> float:
    """Return how long a step waits, and a handler by its order, at most."""
    if isinstance(step, list):
        return sum(map(_seconds_of, step))
    told = re.search(r"[?&]delay=([\d.]+)", step.get("request", ""))
    at_once = max(map(_seconds_of, step.get("at_once", [])), default=0.0)
    return float(step.get("sleep", 0)) + (float(told[1]) if told else 0.0) + at_once


def copy_project(directory: Path) -> Path:
    """Return a copy of the project below `directory`, with nothing stored."""
    left_out = shutil.ignore_patterns("__pycache__", ".state", ".apiroutes")
    return shutil.copytree(HERE / "project", directory / "project", ignore=left_out)


def failures(target: Sequence[str], scenarios: Iterable[Scenario], directory: Path, **variables: str) -> str:
    """Run scenarios against `target`, an application or `--url` with a server's; return what is wrong.

    `directory` is for a file; an application runs in a copy of the project, with `variables`.
    """
    chosen = [each for each in scenarios if not ("--url" in target and each.get("inside"))]
    file = directory / "scenarios.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in chosen), encoding="utf-8")
    command = [sys.executable, str(HERE / "run.py"), *target, str(file), "--jobs", str(SIDE_BY_SIDE)]
    done = subprocess.run(
        command,
        cwd=TOP,
        env=environment(PYTHONPATH=str(TOP), **variables),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    passed = f"{len(chosen)} passed, 0 failed"
    return "" if done.stdout.splitlines()[-1:] == [passed] else done.stdout + done.stderr
