"""What every server is given where the project sets nothing."""

from __future__ import annotations

import os

__all__ = ["THREADS", "usable_cpus"]

# Threads keep a worker answering while a handler waits for a database.
THREADS = 8


def usable_cpus() -> int:
    """The usable_cpus that this process may use, which in a container is not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
