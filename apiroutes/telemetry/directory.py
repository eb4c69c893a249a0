"""The directory in which the workers of a server share their metrics.

In: the environment. Out: a variable in it, which prometheus_client reads when a worker imports it: nothing
here may import it before.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_alive", "shared_directory", "with_directory"]

_NAME = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "apiroutes-metrics-"
_OLD_NAME = "prometheus_multiproc_dir"


def shared_directory() -> Path | None:
    """Return the directory of all workers' metrics, there or not; None in a process that is on its own."""
    path = os.environ.get(_NAME, "")
    return Path(path) if path else None


@contextlib.contextmanager
def with_directory() -> Iterator[None]:
    """Make a directory for the processes that start in this block, and remove it.

    One that the user has named is made as well, unless it is there, and kept.
    """
    own = os.environ.get(_NAME) or os.environ.get(_OLD_NAME)
    if own:
        os.makedirs(own, exist_ok=True)
        yield
        return
    _remove_left_behind(_runtime_directory() or tempfile.gettempdir())
    process = os.getpid()
    path, lock = _make()
    os.environ[_NAME] = path
    try:
        yield
    finally:
        if os.getpid() == process:  # and not a worker that was forked in the block
            del os.environ[_NAME]
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _make() -> tuple[str, int | None]:
    """Make the directory; the lock is held until what is returned with it is closed.

    It keeps systemd from removing old files (tmpfiles.d(5)), and servers that start later from removing
    this directory, as they do with what others have left behind.
    """
    while True:
        path = tempfile.mkdtemp(prefix=_PREFIX, dir=_runtime_directory())
        if fcntl is None:
            return path, None
        lock = os.open(path, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if os.path.isdir(path):
            return path, lock
        os.close(lock)  # another server took it for left behind before it was locked


def _remove_left_behind(place: str) -> None:
    """Remove this user's directories of servers that were killed: those that no process holds the lock of.

    The workers of a server that have been forked hold its lock too.
    """
    if fcntl is None:
        return
    for entry in _own_directories(place):
        try:
            lock = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # it has just been removed
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _has_files_of_workers(entry):
                shutil.rmtree(entry, ignore_errors=True)
        except OSError:  # its server runs
            pass
        finally:
            os.close(lock)


def _has_files_of_workers(path: str) -> bool:
    """Return whether a worker that runs has files there: one may have made the directory again."""
    processes = {name.removesuffix(".db").rpartition("_")[2] for name in os.listdir(path)}
    return any(process.isdecimal() and is_alive(int(process)) for process in processes)


def is_alive(process: int) -> bool:
    """Return whether a process of this id runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _own_directories(place: str) -> list[str]:
    try:
        with os.scandir(place) as entries:
            return [
                entry.path
                for entry in entries
                if entry.name.startswith(_PREFIX)
                and entry.is_dir(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
            ]
    except OSError:
        return []


def _runtime_directory() -> str | None:
    """Return the user's directory for what lasts as long as a process; None for that of temporary files."""
    path = os.environ.get("XDG_RUNTIME_DIR", "")
    return path if os.access(path, os.W_OK | os.X_OK) else None
