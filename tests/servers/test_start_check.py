"""A trial start reports why a project does not start; how servers use it is tested with real ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apiroutes.servers.start_check import RouteCounts, StartCheck
from tests.support import HELLO, project


@pytest.fixture(autouse=True)
def _short_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The check passes sys.path on, to which every App of other tests has added its directory.
    kept = [entry for entry in sys.path if not entry.startswith(str(tmp_path.parent))]
    monkeypatch.setattr(sys, "path", kept)


def start(root: Path, source: str, within: float | None = None) -> StartCheck:
    return StartCheck(project(root, {"pages/api/x.py": source}), within=within)


def test_a_project_that_starts_has_no_report(tmp_path: Path) -> None:
    assert start(tmp_path, "print('imported')\n" + HELLO).wait() is None


REPORTS = [
    ("", "exports no handler"),
    ("raise SystemExit('enough')\n", "enough"),
    ("import os\nos._exit(0)\n", "Starting the project ended the process."),
]


@pytest.mark.parametrize(("source", "report"), REPORTS)
def test_a_project_that_does_not_start_has_a_report(tmp_path: Path, source: str, report: str) -> None:
    assert report in (start(tmp_path, source).wait() or "")


HANGS = "import time\ntime.sleep(3600)\n"


@pytest.fixture
def late(tmp_path: Path) -> Iterator[StartCheck]:
    with closing(start(tmp_path, HANGS, within=0.05)) as check:
        yield check


def test_a_start_that_takes_too_long_is_ended(late: StartCheck) -> None:
    assert late.wait() == "The project did not start within 0.05 seconds."


def test_a_check_can_be_polled(late: StartCheck) -> None:
    while not late.is_done():
        pass
    assert late.report() == "The project did not start within 0.05 seconds."


def test_settings_are_those_of_the_app(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    assert "workers" in (StartCheck(root, {"workers": 0}).wait() or "")


def test_a_start_counts_the_routes_that_an_event_loop_answers(tmp_path: Path) -> None:
    files = {"one.py": "async def GET(): ...\n", "two.py": "async def GET(): ...\ndef POST(): ...\n"}
    root = project(tmp_path, {f"pages/api/{name}": source for name, source in files.items()})
    check = StartCheck(root)
    assert check.wait() is None
    assert check.routes == RouteCounts(on_loop=1, all=2)
