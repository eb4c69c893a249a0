"""The log on the developer's terminal: records of the project and its libraries, and a line for each request.

In: log records, and requests. Out: lines on standard error. A project that configures `logging`, before or
while it is imported, gets what it configured.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from apiroutes.code_origin import without_package
from apiroutes.terminal import BLUE, BOLD, CYAN, DIM, GREEN, RED, YELLOW, Paint, paint_for

__all__ = ["request_line", "show_log"]

_LEVELS = {
    logging.DEBUG: (DIM,),
    logging.INFO: (BLUE,),
    logging.WARNING: (YELLOW,),
    logging.ERROR: (RED,),
    logging.CRITICAL: (BOLD, RED),
}
_CLASSES = {"1": CYAN, "2": GREEN, "3": CYAN, "4": YELLOW, "5": RED}  # of status codes
# They log at INFO what the development server prints itself.
_CHATTY = ("werkzeug", "watchfiles")


class _Level(int):
    """The level that `show_log` gives the root logger, unlike the same level set by a project."""


class _Formatter(logging.Formatter):
    """Level, logger and message."""

    def __init__(self, paint: Paint) -> None:
        super().__init__("%(message)s")
        self._paint = paint

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = self._paint(f"{record.levelname:<7} ", *_LEVELS.get(record.levelno, ()))
        return f"{level}{self._paint(without_package(record.name), BOLD)}: {super().formatMessage(record)}"


def show_log() -> None:
    """Show records from INFO on that no handler takes; for a process that is the development server's own.

    `logging` has a handler of last resort for such records, from WARNING on. Ours takes its place, because
    one at the root logger would keep `logging.basicConfig` of the project from having an effect, and repeat
    what a library's own handlers write.
    """
    root = logging.getLogger()
    if root.handlers or root.level != logging.WARNING:
        return
    level = _Level(logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(paint_for(sys.stderr)))
    logging.lastResort = handler
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    _yield_to_project(root, level)


def _yield_to_project(root: logging.Logger, level: _Level) -> None:
    """Give the root logger its own level back as soon as the project gives it a handler."""
    add_handler, configure = root.addHandler, logging.basicConfig

    def add(handler: logging.Handler) -> None:
        if root.level is level:
            root.setLevel(logging.WARNING)
        add_handler(handler)

    def configure_unless_by_itself(**arguments: Any) -> None:
        # `logging.info` and its like configure a root logger without handlers on their own.
        if sys._getframe(1).f_globals is not vars(logging):
            configure(**arguments)

    root.addHandler = add  # type: ignore[assignment,method-assign]
    logging.basicConfig = configure_unless_by_itself


def request_line(paint: Paint, request: str, status: str, milliseconds: float) -> str:
    """Return the line of a request: method and path, status and time."""
    coloured = paint(status, _CLASSES.get(status[:1], DIM))
    return f"{request} {coloured} {paint(f'{milliseconds:.1f} ms', DIM)}"
