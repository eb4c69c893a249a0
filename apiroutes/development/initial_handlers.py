"""The initial handler of a new route file that is empty, so that the route works at once.

In: files that are new. Out: source text, written into the file as long as it is empty; a file with content
is never written to. The scan of the project decides what a route file is.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import stat
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from apiroutes.routing import Convention, Kind, RoutePattern, convention_of, scan
from apiroutes.settings import read_settings

__all__ = ["Outcome", "fill_in", "initial_handlers_of"]

_LONGEST_LINE = 79


class Outcome(Enum):
    """What became of a file: it was filled in, or left as it is, or somebody has it open."""

    FILLED = 1
    LEFT = 2
    BUSY = 3


def initial_handlers_of(root: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return those of the files that are empty and routes of the project, each with its initial handler.

    None are returned if the setting `initial_handlers` is off or cannot be read.
    """
    empty = [path for path in paths if _is_empty(path)]
    if not empty:
        return {}
    settings, problems = read_settings(root, dict(os.environ), {"mode": "development"})
    if problems or not settings.initial_handlers:
        return {}
    found = {}
    for path in empty:
        file = Path(path).relative_to(root).as_posix()
        convention = convention_of(file)
        if convention is None or convention.name not in settings.conventions:
            continue
        for route in scan(root, convention, (), settings.page_extensions).routes:
            if route.file == file:
                found[path] = _source(convention, route.pattern)
    return found


def fill_in(path: str, source: str) -> Outcome:
    """Write `source` into a file that is empty. Raises OSError if it cannot be written.

    On Linux nobody can open the file between the look at its size and the end of the writing.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return Outcome.LEFT
    try:
        if not _is_alone_with(descriptor):
            return Outcome.BUSY
        if os.fstat(descriptor).st_size or not _is_same_file(path, descriptor):
            return Outcome.LEFT
        os.write(descriptor, source.encode())
        return Outcome.FILLED
    finally:
        os.close(descriptor)


def _is_empty(path: str) -> bool:
    """Return whether it is a file of no bytes, and no link to one."""
    with contextlib.suppress(OSError):  # it is gone
        status = os.lstat(path)
        return stat.S_ISREG(status.st_mode) and status.st_size == 0
    return False


def _is_alone_with(descriptor: int) -> bool:
    """Return False if others have the file open; otherwise make them wait until the descriptor is closed.

    The kernel grants a lease on a file that nobody else has open (fcntl(2), F_SETLEASE). A program that has
    created the file and still works on what it will write would overwrite what we write, in part.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        # A signal announces a process that waits: choose one that does nothing, instead of SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:  # other errors: the file system has no leases, or the file another owner
        return error.errno != errno.EAGAIN
    return True


def _is_same_file(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


# -- the source --------------------------------------------------------------------------------------


def _source(convention: Convention, pattern: RoutePattern) -> str:
    """Return a handler in the spelling of the convention's documents, which responds with its parameters."""
    is_whole = convention.name == "pages"
    holder = "req.query" if is_whole else "params"
    values = {'"message"': '"Hello"'}
    captures = [segment for segment in pattern.segments if segment.kind is not Kind.STATIC]
    if captures:
        values = {}
    for segment in captures:
        name = json.dumps(segment.text, ensure_ascii=False)
        may_be_absent = segment.kind is Kind.OPTIONAL_CATCH_ALL and not segment.joined
        values[name] = f"{holder}.get({name}, [])" if may_be_absent else f"{holder}[{name}]"
    if is_whole:
        head, before, after = "def handler(req, res):", "res.status(200).json(", ")"
    else:
        head, before, after = f"def GET({'params' if captures else ''}):", "return ", ""
    pairs = [f"{name}: {value}" for name, value in values.items()]
    line = f"    {before}{{{', '.join(pairs)}}}{after}"
    if len(line) > _LONGEST_LINE:
        inner = "".join(f"        {pair},\n" for pair in pairs)
        line = f"    {before}{{\n{inner}    }}{after}"
    return f"{head}\n{line}\n"
