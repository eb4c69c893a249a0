"""Limits on the cost of checking a large value, in memory and time.

In: contents and values. Out: whether they are dense or small; garbage collections are postponed.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["collecting_paused", "is_dense", "is_small"]

_LARGE = 100_000  # bytes
_SHORTEST = 8  # bytes of the shortest object with a member, such as `{"a":1},`


def is_dense(content: bytes) -> bool:
    """Return whether a document is large and full of nearly empty objects, which take many times its size."""
    return len(content) > _LARGE and content.count(b"{") * _SHORTEST > len(content)


def is_small(value: Any, most: int) -> bool:
    """Return whether a value has at most `most` parts, counting itself and the parts of its parts."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        most -= 1
        if isinstance(part, (Mapping, list, tuple)):
            if len(part) > most:
                return False
            waiting += part.values() if isinstance(part, Mapping) else part
    return most >= 0


@contextlib.contextmanager
def collecting_paused() -> Iterator[None]:
    """Pause garbage collection, for work that creates many objects at once and frees them itself.

    Each collection would walk all objects created so far, which is most of the time that a large body costs.
    In a process that has turned collection off, it stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
