"""For the tests of start errors: links, directories and pipes in the place of a file."""

from __future__ import annotations

import os
from pathlib import Path


def broken_link(path: Path) -> None:
    path.symlink_to("/nonexistent/auth.py")


def looping_link(path: Path) -> None:
    path.symlink_to(path.name)


def link_to_a_directory(path: Path) -> None:
    path.symlink_to(path.parent)


def directory(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)
