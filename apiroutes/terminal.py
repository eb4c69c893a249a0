"""What a terminal adds to text: colours, a width, and a line of progress.

In: a stream and the environment. Out: text with escape sequences (ECMA-48 section 8.3.117, SGR) if the stream
supports them, otherwise the text as it is. Colours are the terminal's own sixteen, so its theme decides how
they look.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from typing import TextIO

from apiroutes.errors import Problem, report

__all__ = [
    "BLUE",
    "BOLD",
    "CYAN",
    "DIM",
    "GREEN",
    "RED",
    "YELLOW",
    "Paint",
    "is_interactive",
    "paint_for",
    "painted_report",
    "width_of",
]

BOLD, DIM, RED, GREEN, YELLOW, BLUE, CYAN = "1", "2", "31", "32", "33", "34", "36"


class Paint:
    """Paints text: `paint("text", BOLD, RED)`. It returns the text as it is unless `is_on`."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on

    def __call__(self, text: str, *styles: str) -> str:
        return f"\x1b[{';'.join(styles)}m{text}\x1b[0m" if self.is_on and styles and text else text


def paint_for(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Paint:
    """Return the Paint for a stream.

    `NO_COLOR` turns colours off (no-color.org); `FORCE_COLOR` and `CLICOLOR_FORCE` turn them on even for a
    stream that is not a terminal, such as a pipe; NO_COLOR wins. Without them, a terminal gets colours unless
    `TERM` is `dumb`.
    """
    if environ.get("NO_COLOR"):
        return Paint(False)
    if any(environ.get(name, "0") not in ("", "0", "false") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return Paint(True)
    return Paint(is_interactive(stream, environ))


def is_interactive(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is a terminal that understands escape sequences."""
    try:
        is_terminal = stream.isatty()
    except ValueError:  # it is closed
        return False
    return is_terminal and environ.get("TERM") != "dumb"


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a terminal has; None if lines may have any length, as in a file."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def painted_report(problems: Iterable[Problem], paint: Paint) -> str:
    """Return the text of `errors.report`, painted: places bold, marks red, remedies cyan."""
    listed = list(problems)
    title = report(listed).partition("\n")[0]
    paragraphs = [_painted(problem, paint) for problem in listed]
    return "\n\n".join([paint(title, BOLD, RED), *paragraphs])


def _painted(problem: Problem, paint: Paint) -> str:
    place, *lines = report([problem]).partition("\n\n")[2].split("\n")
    # The remedy is the last of a paragraph.
    first_of_remedy = len(lines) - len(problem.remedy.split("\n"))
    painted = [paint(place, BOLD)]
    for number, line in enumerate(lines):
        if line.strip() and not line.strip(" ^"):
            painted.append(paint(line, BOLD, RED))
        else:
            painted.append(paint(line, CYAN) if number >= first_of_remedy else line)
    return "\n".join(painted)
