"""Many threads over one App: nothing hangs, nothing of one request is in another, every lock is free."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.costly

TOP = Path(__file__).parents[1]
SECONDS = 90  # its own limit is 60


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What ten rounds of 64 threads found, in a process of their own; see tests/concurrent_requests.py."""
    command = [sys.executable, "-m", "tests.concurrent_requests", str(tmp_path_factory.mktemp("project"))]
    done = subprocess.run(command, cwd=TOP, timeout=SECONDS, capture_output=True, text=True)
    assert not done.returncode, f"It did not end:\n{done.stderr[-4_000:]}"
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def test_no_request_hangs(found: dict[str, Any]) -> None:
    assert found["answers"] > 64 * 10 * 10


def test_nothing_of_one_request_is_in_another(found: dict[str, Any]) -> None:
    assert (found["problems"], found["shown"]) == (0, [])


def test_deadlines_have_passed_meanwhile(found: dict[str, Any]) -> None:
    assert found["late"] == 10 * 64 // 4


@pytest.mark.parametrize("whose", ["logging", "ours"])
def test_every_lock_is_free_at_the_end(found: dict[str, Any], whose: str) -> None:
    assert found["locks"][whose]
    assert found["held"][whose] == []
