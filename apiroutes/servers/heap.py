"""The objects that a server's processes create at start and keep.

In: nothing. Out: nothing; the garbage collector no longer visits the objects that exist.
"""

from __future__ import annotations

import gc

__all__ = ["freeze_heap"]


def freeze_heap() -> None:
    """Discard garbage, and leave what remains out of every later collection.

    A full collection would visit the project's objects each time, tens of milliseconds for thousands of
    routes. In a process that forks afterwards, they also stay in memory that its children share: a
    collection writes to every object that it visits.
    """
    gc.collect()
    gc.freeze()
