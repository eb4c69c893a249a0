"""Many threads over one App: none hangs, requests do not mix, and every lock is free at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.costly

TOP = Path(__file__).parents[2]
SECONDS = 90  # the process ends itself after 60


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The findings of ten rounds of 64 threads, in a process of their own; see `concurrent_requests`."""
    directory = str(tmp_path_factory.mktemp("project"))
    command = [sys.executable, "-m", "tests.concurrency.concurrent_requests", directory]
    done = subprocess.run(command, cwd=TOP, timeout=SECONDS, capture_output=True, text=True)
    assert not done.returncode, f"It did not end:\n{done.stderr[-4_000:]}"
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_no_request_hangs(findings: dict[str, Any]) -> None:
    assert findings["answers"] > 64 * 10 * 10


def test_requests_do_not_mix(findings: dict[str, Any]) -> None:
    assert (findings["problems"], findings["shown"]) == (0, [])


def test_some_requests_were_too_late(findings: dict[str, Any]) -> None:
    assert findings["late"] == 10 * 64 // 4


@pytest.mark.parametrize("owner", ["logging", "ours"])
def test_every_lock_is_free_at_the_end(findings: dict[str, Any], owner: str) -> None:
    assert findings["locks"][owner]
    assert findings["held"][owner] == []
