"""`apiroutes check`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import root
from apiroutes.cli.projects import build, print_painted
from apiroutes.terminal import GREEN, YELLOW, paint_for

__all__ = ["check"]


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes check", "apiroutes check --root shop    another directory, in CI for instance"
    ),
)
@root
def check(root: Path) -> None:
    """Find all mistakes that would prevent the start; exit with status 1 if there are any.

    A project without routes exits with status 1 too. It is imported as by a server, but answers no request.
    """
    warnings = _Warnings()
    log = logging.getLogger("apiroutes")
    log.addHandler(warnings)
    try:
        resources = build(root).resources.values()
    finally:
        log.removeHandler(warnings)
    and_warnings = f", {_counted(warnings.count, 'warning')}" if warnings.count else ""
    count = len(resources)
    cached = sum(resource.is_cached for resource in resources)
    of_them = f", {cached} cached" if cached else ""
    line = f"{_counted(count, 'route')}{of_them}, no problems{and_warnings}."
    print_painted(paint_for(sys.stdout)(line, YELLOW if warnings.count else GREEN))
    if not count:
        sys.exit(1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class _Warnings(logging.Handler):
    """Prints the warnings of a start, and counts them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        paint = paint_for(sys.stderr)
        print_painted(f"{paint('Warning:', YELLOW)} {record.getMessage()}", err=True)
