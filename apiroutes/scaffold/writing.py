"""A directory of files, written as a whole or not at all.

In: a directory that is empty or does not exist, and texts by path. Raises OSError, after which there is
nothing that was not there before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["obstacles", "write_project"]

# What a directory may have before: version control, a virtual environment, an editor's files.
_WELCOME = {".git", ".hg", ".jj", ".svn", ".venv", "venv", ".idea", ".vscode", ".DS_Store"}


def obstacles(directory: Path) -> list[str]:
    """Return what is in the way of a new project there, by name; raises OSError for what is no directory."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        if directory.is_symlink():  # to nothing
            raise
        return []
    return sorted(name for name in names if name not in _WELCOME)


def write_project(directory: Path, files: Mapping[str, str]) -> None:
    """Write the files. Whatever goes wrong meanwhile, also Ctrl-C, they all stand there, or none."""
    if directory.is_dir():
        with _temporary(directory / f".new-{secrets.token_hex(4)}") as temporary:
            _fill(temporary, files)
            _move(temporary, directory)
    else:
        with _parents(directory), _temporary(_beside(directory)) as temporary:
            _fill(temporary, files)
            temporary.rename(directory)  # fails if there is something by now, other than an empty directory


def _beside(directory: Path) -> Path:
    return directory.with_name(f".new-{secrets.token_hex(4)}")


@contextlib.contextmanager
def _parents(directory: Path) -> Iterator[None]:
    """Make the directories above; they are removed again if the block fails."""
    missing = [parent for parent in directory.parents if not parent.exists()]
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


@contextlib.contextmanager
def _temporary(directory: Path) -> Iterator[Path]:
    """Make a directory, with the permissions that the user's umask gives; it is gone after the block."""
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _fill(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _move(source: Path, target: Path) -> None:
    """Move what is in one directory into another of the same file system, over nothing that is there."""
    moved: list[Path] = []
    try:
        for name in sorted(os.listdir(source)):
            path = target / name
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            os.rename(source / name, path)
            moved.append(path)
    except BaseException:
        for path in moved:
            os.rename(path, source / path.name)  # which is removed
        raise
