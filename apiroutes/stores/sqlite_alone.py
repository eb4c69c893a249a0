"""Who may open connections to databases of SQLite: one thread of one process at a time.

In: the file of a database's generation. Out: blocks that run alone. Raises TimeoutError.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from apiroutes.stores.generation import GenerationFile
from apiroutes.stores.sqlite_connection import BUSY_TIME
from apiroutes.threads import native_threads

__all__ = ["FORK_TIME", "alone", "begin_fork", "end_fork"]

# Seconds for which a fork waits for threads that use a connection. They need less, unless they are stopped.
FORK_TIME = 1.0

# Its holder may open connections: threads of one process share the descriptor of the generation's file, and
# so the lock on that file. It is held for 0.25 s at most, or by a thread that forks.
_opening = native_threads.native_lock()
_forks: list[bool] = []  # of the forks that have begun: whether they have the lock


@contextlib.contextmanager
def alone(generation: GenerationFile) -> Iterator[None]:
    """Keep all threads and processes from opening connections. Raises TimeoutError."""
    is_alone = _opening.acquire(timeout=BUSY_TIME)
    if not (is_alone or _opening.acquire(timeout=2 * FORK_TIME if _forks else 0.01)):
        raise TimeoutError("another thread opens a database")
    try:
        with generation.locked(BUSY_TIME):
            yield
    finally:
        _opening.release()


def begin_fork() -> None:
    """Keep all threads from opening connections until the fork is over."""
    _forks.append(_opening.acquire(timeout=FORK_TIME))


def end_fork() -> None:
    """Let the threads of the parent, or of the child, open connections again."""
    if _forks.pop():
        _opening.release()
