"""Defaults that all servers share."""

from __future__ import annotations

import os

__all__ = ["THREADS", "usable_cpus"]

# Threads keep a worker responding while a handler waits for a database.
THREADS = 8


def usable_cpus() -> int:
    """Return how many CPUs this process may use, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
