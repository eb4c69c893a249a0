"""A directory of files, written as a whole or not at all; existing files are never overwritten.

In: a directory, which may have files already, and texts by path. Raises OSError, after which everything is as
before.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

__all__ = ["is_project", "obstacles", "write_project"]

_TABLE = re.compile(r"^\[tool\.apiroutes[.\]]", re.M)


def obstacles(directory: Path, paths: Iterable[str]) -> list[str]:
    """Return what is in the way of these files there, by path. Raises OSError if it is not a directory.

    In the way is whatever has the path of one, and above it whatever is not a directory or is a link to one.
    """
    try:
        os.listdir(directory)
    except FileNotFoundError:
        if directory.is_symlink():  # to nothing
            raise
        return []
    found = {_obstacle(directory, PurePosixPath(path)) for path in paths}
    return sorted(path.as_posix() for path in found if path is not None)


def is_project(directory: Path) -> bool:
    """Return whether a project of apiroutes is there: a pyproject.toml with its table."""
    try:
        text = (directory / "pyproject.toml").read_text(encoding="utf-8", errors="replace")
    except OSError:  # there is none, or it is no file
        return False
    return _TABLE.search(text) is not None


def _obstacle(directory: Path, path: PurePosixPath) -> PurePosixPath | None:
    for parent in reversed(path.parents[:-1]):
        if os.path.lexists(directory / parent) and not _is_directory(directory / parent):
            return parent
    return path if os.path.lexists(directory / path) else None


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()  # a link leads to another place


def write_project(directory: Path, files: Mapping[str, str]) -> None:
    """Write the files. Whatever goes wrong meanwhile, even Ctrl-C, all of them are there, or none."""
    if directory.is_dir():
        with _temporary(directory) as temporary:
            _fill(temporary, files)
            _move(temporary, directory)
    else:
        with _parents(directory), _temporary(directory.parent) as temporary:
            _fill(temporary, files)
            temporary.rename(directory)  # fails if there is something by now, other than an empty directory


@contextlib.contextmanager
def _parents(directory: Path) -> Iterator[None]:
    """Make the directories above it; they are removed again if the block fails."""
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
def _temporary(parent: Path) -> Iterator[Path]:
    """Make a directory, with the permissions that the user's umask gives; it is gone after the block."""
    directory = parent / f".new-{secrets.token_hex(4)}"
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
    """Move what is in one directory into another of the same file system, without overwriting anything."""
    moved: list[tuple[Path, Path]] = []
    try:
        for old, new in _moves(source, target):
            if os.path.lexists(new):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
            moved.append((old, new))
            os.rename(old, new)
    except BaseException:
        for old, new in moved:
            if not os.path.lexists(old):  # the last one may be where it was
                os.rename(new, old)  # which is removed
        raise


def _moves(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield what is to be moved, and where to: a directory as a whole, unless one of its name exists."""
    for name in sorted(os.listdir(source)):
        if _is_directory(source / name) and _is_directory(target / name):
            yield from _moves(source / name, target / name)
        else:
            yield source / name, target / name
