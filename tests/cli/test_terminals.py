"""The commands in a terminal: colours, widths and progress."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminals import APIROUTES, environment, on_terminal, terminal, without_styles
from tests.support import HELLO, project

pytestmark = pytest.mark.costly

MISTAKE = {"pages/api/x.py": HELLO, "pages/api/[y.py": HELLO}


def in_pipe(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*APIROUTES, *arguments],
        capture_output=True,
        text=True,
        env=environment(**variables),
        timeout=60,
        check=False,
    )


COMMANDS = [["routes"], ["routes", "/api/x"], ["check"], ["-h"], ["start", "-h"]]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_terminal_gets_colours_and_a_pipe_the_text_alone(tmp_path: Path, arguments: list[str]) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": HELLO}))
    status, shown = on_terminal("--root", root, *arguments, COLUMNS="80")
    plain = in_pipe("--root", root, *arguments, COLUMNS="80")
    assert (status, plain.returncode) == (0, 0)
    assert "\x1b[" in shown
    assert "\x1b" not in plain.stdout
    if arguments != ["routes"]:  # which fits its columns to a terminal
        assert without_styles(shown) == plain.stdout


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_none_gets_no_colours(tmp_path: Path, variables: dict[str, Any]) -> None:
    root = str(project(tmp_path, MISTAKE))
    for arguments in (["check"], ["-h"]):
        assert "\x1b" not in on_terminal("--root", root, *arguments, **variables)[1]


def test_colours_can_be_forced_into_a_pipe(tmp_path: Path) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": HELLO}))
    assert "\x1b[32m" in in_pipe("--root", root, "check", FORCE_COLOR="1").stdout


@pytest.mark.parametrize("command", ["check", "start"])
def test_a_report_of_mistakes_is_coloured(tmp_path: Path, command: str) -> None:
    root = str(project(tmp_path, MISTAKE))
    status, shown = on_terminal("--root", root, command)
    assert status == 1
    assert "\x1b[1mpages/api/[y.py" in shown
    assert in_pipe("--root", root, "check").stderr in without_styles(shown)


# Columns of the terminal, and the last column of the table that is shown.
WIDTHS = [(200, "LIMITS"), (79, "RUNS"), (50, "MIDDLEWARE"), (42, "FILE"), (10, "FILE")]


@pytest.mark.parametrize(("columns", "last"), WIDTHS)
def test_the_table_of_routes_leaves_out_what_does_not_fit(tmp_path: Path, columns: int, last: str) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": HELLO}))
    shown = without_styles(on_terminal("--root", root, "routes", columns=columns)[1])
    assert shown.splitlines()[0].split()[-1] == last
    assert ("--json has all" in shown) is (last != "LIMITS")


def test_what_is_cached_is_left_out_last(tmp_path: Path) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": "revalidate = 60\n" + HELLO}))
    lines = without_styles(on_terminal("--root", root, "routes", columns=45)[1]).splitlines()
    assert lines[0].split() == ["URL", "METHODS", "FILE", "CACHE"]
    assert "Too narrow for MIDDLEWARE, RUNS, LIMITS" in lines[-1]


SLOW = "import time\ntime.sleep(1.6)\n" + HELLO


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["check"], "Importing the project … 1 s"),
        (["start", "--port", "0"], "Starting the project to find its mistakes … 1 s"),
    ],
)
def test_what_takes_long_says_so_on_a_terminal(tmp_path: Path, arguments: list[str], line: str) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": SLOW}))
    with terminal([*APIROUTES, "--root", root, *arguments]) as shown:
        shown.read_until(line)
        shown.read_until("\r\x1b[K")


def test_a_pipe_gets_no_progress(tmp_path: Path) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": SLOW}))
    assert in_pipe("--root", root, "check", FORCE_COLOR="1").stderr == ""


def test_ctrl_c_is_status_130(tmp_path: Path) -> None:
    source = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"
    root = str(project(tmp_path, {"pages/api/x.py": source}))
    command = ["bash", "-c", f"{' '.join(APIROUTES)} --root {root} check; echo status $?"]
    with terminal(command) as shown:
        shown.read_until("importing")
        shown.type("\x03")
        shown.read_until("status 130")


def test_ctrl_c_stops_the_development_server_with_status_0(tmp_path: Path) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": HELLO}))
    command = ["bash", "-c", f"{' '.join(APIROUTES)} --root {root} dev --port 0; echo status $?"]
    with terminal(command) as shown:
        shown.read_until("Ready in")
        shown.type("\x03")
        shown.read_until("status 0")
