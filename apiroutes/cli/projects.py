"""The project that a command is about.

In: its directory. Out: its App. Ends the command with the report of its mistakes and exit status 1.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from apiroutes.app import App
from apiroutes.app_file import app_of
from apiroutes.cli.progress import progress
from apiroutes.errors import Problem, ProjectError
from apiroutes.secret_keys import new_secret_key
from apiroutes.terminal import paint_for, painted_report

__all__ = ["build", "build_unsigned", "end_with_report", "print_painted"]


def build(root: Path, **settings: Any) -> App:
    """Return the App of the project in `root`; while that takes long, a line on the terminal says so."""
    try:
        with progress("Importing the project"):
            return app_of(root, **settings)
    except ProjectError as error:
        end_with_report(error.problems)


def build_unsigned(root: Path) -> App:
    """Return the App for a command that signs nothing, such as one in CI: it needs no `secret_key`."""
    return build(root, secret_key=new_secret_key())


def end_with_report(problems: Sequence[Problem]) -> NoReturn:
    """Print the mistakes of a project, and end with status 1."""
    print_painted(painted_report(problems, paint_for(sys.stderr)), err=True)
    sys.exit(1)


def print_painted(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text whose colours suit the stream already."""
    click.echo(text, err=err, nl=nl, color=True)
