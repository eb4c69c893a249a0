"""The `pages` convention, Next.js's Pages Router: `post/[pid].py`, `[...slug].py`, `index.py`.

    path     = *( segment "/" ) file
    file     = "index" | segment              ; "index" stands for its directory

In: the parts of a path. Out: segments. Raises PatternError with the wrong characters marked.
"""

from __future__ import annotations

from apiroutes.routing.conventions.segments import read_segment
from apiroutes.routing.pattern import Placed

__all__ = ["read"]


def read(parts: tuple[str, ...]) -> tuple[Placed, ...]:
    """path = *( segment "/" ) file"""
    if parts[-1] == "index":
        parts = parts[:-1]
    return tuple(Placed(read_segment(part, index), index, 0, len(part)) for index, part in enumerate(parts))
