"""Defaults that all servers share."""

from __future__ import annotations

import os

__all__ = ["THREADS", "pass_threads", "usable_cpus"]

# Threads keep a worker responding while a handler waits for a database.
THREADS = 8


def usable_cpus() -> int:
    """Return how many CPUs this process may use, which in a container can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pass_threads(threads: int | None) -> None:
    """Have the App in every worker use so many threads, unless None.

    Through ASGI the threads are the App's and not the server's, and a flag of `apiroutes start` is not among
    what a worker reads.
    """
    if threads is not None:
        os.environ["APIROUTES_THREADS"] = str(threads)
