"""Where code is, as a traceback.

In: frames. Out: a traceback, as an exception raised there would have it.
"""

from __future__ import annotations

from types import FrameType, TracebackType

__all__ = ["traceback_of"]


def traceback_of(frames: list[FrameType]) -> TracebackType | None:
    """Return a traceback through the frames, of which the first is the outermost; None without any."""
    traceback: TracebackType | None = None
    for frame in reversed(frames):
        traceback = TracebackType(traceback, frame, frame.f_lasti, frame.f_lineno or 0)
    return traceback
