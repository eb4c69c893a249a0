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

__all__ = ["shared_directory", "with_directory"]

_NAME = "PROMETHEUS_MULTIPROC_DIR"
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
    process = os.getpid()
    path = tempfile.mkdtemp(prefix="apiroutes-metrics-", dir=_runtime_directory())
    os.environ[_NAME] = path
    try:
        with _kept(path):
            yield
    finally:
        if os.getpid() == process:  # and not a worker that was forked in the block
            del os.environ[_NAME]
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _kept(path: str) -> Iterator[None]:
    """Keep systemd from removing old files: it passes by a directory that is locked (tmpfiles.d(5))."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _runtime_directory() -> str | None:
    """Return the user's directory for what lasts as long as a process; None for that of temporary files."""
    path = os.environ.get("XDG_RUNTIME_DIR", "")
    return path if os.access(path, os.W_OK | os.X_OK) else None
