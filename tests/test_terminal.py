"""When text gets colours, and that they change nothing else."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from apiroutes.errors import Problem, report
from apiroutes.terminal import BOLD, RED, Paint, paint_for, painted_report


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


# The environment, and whether a terminal and a pipe get colours.
ENVIRONMENTS: list[tuple[dict[str, str], bool, bool]] = [
    ({}, True, False),
    ({"TERM": "xterm-256color"}, True, False),
    ({"TERM": "dumb"}, False, False),
    ({"NO_COLOR": "1"}, False, False),
    ({"NO_COLOR": "0"}, False, False),
    ({"NO_COLOR": ""}, True, False),  # no-color.org: not an empty string
    ({"FORCE_COLOR": "1"}, True, True),
    ({"FORCE_COLOR": ""}, True, False),
    ({"FORCE_COLOR": "0"}, True, False),
    ({"CLICOLOR_FORCE": "1"}, True, True),
    ({"CLICOLOR_FORCE": "0"}, True, False),
    ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
]


@pytest.mark.parametrize(("environ", "on_screen", "in_pipe"), ENVIRONMENTS)
def test_the_environment_and_the_stream_decide(
    environ: dict[str, str], on_screen: bool, in_pipe: bool
) -> None:
    assert paint_for(Screen(), environ).is_on is on_screen
    assert paint_for(io.StringIO(), environ).is_on is in_pipe


def test_a_stream_that_is_closed_gets_none() -> None:
    stream = io.StringIO()
    stream.close()
    assert not paint_for(stream, {}).is_on


def test_paint_is_ended_behind_the_text() -> None:
    assert Paint(True)("text", BOLD, RED) == "\x1b[1;31mtext\x1b[0m"
    assert (Paint(True)("", RED), Paint(False)("text", RED)) == ("", "text")


PROBLEMS: list[dict[str, Any]] = [
    {"file": "a.py", "message": "is wrong.", "remedy": "Correct it."},
    {"file": "a.py", "message": "is\nwrong.", "remedy": "Correct it,\nor remove it.", "line": 3},
    {"file": "[a.py", "message": "m", "remedy": "r", "source": "pages/[a.py", "span": (6, 8)},
]


def test_a_painted_report_has_the_same_text() -> None:
    problems = [Problem(**problem) for problem in PROBLEMS]
    assert painted_report(problems, Paint(False)) == report(problems)
    painted = painted_report(problems, Paint(True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == report(problems)
    assert "\x1b[1ma.py:3\x1b[0m" in painted
    assert "\x1b[1;31m          ^^\x1b[0m" in painted
    assert "\x1b[36m  Correct it.\x1b[0m" in painted
