"""A trial start reports why a project does not start; how servers use it is tested with real ones."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from apiroutes import App, ProjectError
from apiroutes.servers.start_check import RouteCounts, StartCheck
from tests.support import HELLO, project


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


def test_the_report_has_the_problems_as_data(tmp_path: Path) -> None:
    (tmp_path / "pages" / "api").mkdir(parents=True)
    (tmp_path / "pages" / "api" / "[x.py").write_text(HELLO)
    check = StartCheck(tmp_path)
    assert check.wait() is not None
    with pytest.raises(ProjectError) as caught:
        App(tmp_path)
    assert check.problems == caught.value.problems


def test_a_path_of_any_length_reaches_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, *(f"/{number}/{'x' * 250}" for number in range(1000))])
    source = f"import sys\nassert len(sys.path) >= {len(sys.path)}\n" + HELLO
    assert start(tmp_path, source).wait() is None


def test_what_the_project_prints_is_no_outcome(tmp_path: Path) -> None:
    source = "print('apiroutes-start-check:{\"routes\": [1, 1]}', end='')\n"
    assert "exports no handler" in (start(tmp_path, source).wait() or "")


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors by Linux's /proc")
def test_a_check_that_is_forgotten_leaves_no_files_and_no_process(tmp_path: Path) -> None:
    before = open_files()
    check = start(tmp_path, HANGS)
    pid = check._process.pid
    del check
    gc.collect()
    assert open_files() == before
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_settings_are_those_of_the_app(tmp_path: Path) -> None:
    root = project(tmp_path, {"pages/api/x.py": HELLO})
    assert "workers" in (StartCheck(root, {"workers": 0}).wait() or "")


def test_a_start_counts_the_routes_that_an_event_loop_answers(tmp_path: Path) -> None:
    files = {"one.py": "async def GET(): ...\n", "two.py": "async def GET(): ...\ndef POST(): ...\n"}
    root = project(tmp_path, {f"pages/api/{name}": source for name, source in files.items()})
    check = StartCheck(root)
    assert check.wait() is None
    assert check.routes == RouteCounts(on_loop=1, all=2)


@pytest.mark.parametrize(("source", "caches"), [("revalidate = 60\n", True), ("revalidate = 0\n", False)])
def test_a_start_tells_whether_a_route_is_cached(tmp_path: Path, source: str, caches: bool) -> None:
    check = start(tmp_path, source + HELLO)
    assert check.wait() is None
    assert check.caches is caches
    assert not (tmp_path / ".apiroutes").exists()
