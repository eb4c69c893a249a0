"""The files of SQLiteStore: who may read them, their names, and where damaged ones go.

In: the path of a database. Out: files and directories. Raises OSError.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = [
    "address_of",
    "log_of",
    "make_directory",
    "make_file",
    "move_aside",
    "remove",
    "remove_log",
    "why_unwritable",
]

# How many databases that were moved aside are kept, the last ones.
_MOST_ASIDE = 3


def why_unwritable(path: Path) -> str | None:
    """Return why a store cannot use a path, as far as permissions tell; it changes nothing."""
    if os.path.exists(path):
        if not os.path.isfile(path):
            return f"{path} is not a file"
        if not os.access(path, os.R_OK | os.W_OK):
            return f"the file {path} is not writable for the user of this process"
    directory = path.absolute().parent
    while not os.path.exists(directory):  # the first existing one, in which the others would be made
        directory = directory.parent
    if not os.path.isdir(directory):
        return f"{directory} is not a directory"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"the directory {directory} is not writable for the user of this process"
    return None


def address_of(path: Path) -> str:
    """Return the URI with which SQLite opens a file but makes none, which would have other permissions."""
    return f"{path.as_uri()}?mode=rw"


def make_file(path: Path) -> None:
    """Make an empty file for this user alone; SQLite gives the log the same permissions."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def make_directory(directory: Path) -> None:
    """Make the directory for what belongs only to this machine, which Git ignores."""
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError:  # it may be one of the project's, whose other files Git has to see
        return
    with contextlib.suppress(FileExistsError), open(directory / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def log_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return Path(f"{path}-wal")


def remove(path: Path) -> None:
    """Remove a database with its log."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    remove_log(path)


def remove_log(path: Path) -> None:
    """Remove the log of a database, with the index that processes share."""
    for file in (log_of(path), Path(f"{path}-shm")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file)


def move_aside(path: Path) -> Path:
    """Give a database, with its log, another name, and remove the oldest of those that have such names."""
    start = f"{path.name}.aside-"
    ends = [file.name[len(start) :] for file in path.parent.iterdir() if file.name.startswith(start)]
    numbers = [int(end) for end in ends if end.isdecimal()]
    number = max(numbers, default=0) + 1
    for old in numbers:
        if old <= number - _MOST_ASIDE:
            remove(path.with_name(f"{start}{old}"))
    aside = path.with_name(f"{start}{number}")
    os.rename(path, aside)
    with contextlib.suppress(FileNotFoundError):
        os.rename(log_of(path), log_of(aside))
    remove(path)
    return aside
