"""`register` in its own thread, in which it also ends.

In: the function, and its life. Out: the values that it makes, and its end. What it opens in a thread, such as
an SQLite connection, can only be closed in that thread.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from apiroutes.lifespan.failures import MisuseError
from apiroutes.lifespan.life import Life
from apiroutes.threads import native_threads

__all__ = ["NEVER_YIELDED", "YIELDED_TWICE", "ThreadRunner"]

_HOW_TO_YIELD = "Write one `yield`: the code before it runs at the start, the code after it at the end."
NEVER_YIELDED = "`register` has ended without reaching its `yield`", _HOW_TO_YIELD
YIELDED_TWICE = "`register` has yielded a second time", _HOW_TO_YIELD


class ThreadRunner:
    """Runs a plain function, or a generator function. Under gevent the thread is a greenlet."""

    def __init__(self, register: Callable[[], Any], life: Life) -> None:
        self._register = register
        self._life = life
        self._resumed = native_threads.mailbox()
        self._find_frame: Callable[[], FrameType | None] | None = None

    def begin(self) -> None:
        """Begin to run it. Raises RuntimeError if no thread can start."""
        threading.Thread(target=self._run, name="apiroutes-register", daemon=True).start()

    def resume(self, seconds: float) -> None:
        """Resume it after its `yield`."""
        self._resumed.put(None)

    def give_up(self) -> None:
        """Do nothing: no exception is raised in a running thread."""

    def is_here(self) -> bool:
        """Return False: it has its own thread."""
        return False

    def frames(self) -> list[FrameType]:
        """Return its current frames, the outermost first."""
        frames: list[FrameType] = []
        frame = None if self._find_frame is None else self._find_frame()
        while frame is not None and frame.f_code is not self._live.__code__:
            frames.insert(0, frame)
            frame = frame.f_back
        return frames

    def _run(self) -> None:
        self._find_frame = native_threads.frame_finder()
        try:
            self._live()
        except BaseException as error:
            self._life.has_ended(error)
        else:
            self._life.has_ended()

    def _live(self) -> None:
        made = self._register()
        if not inspect.isgenerator(made):
            self._life.has_made(made)
            return
        try:
            first = next(made)
        except StopIteration:
            raise MisuseError(*NEVER_YIELDED) from None
        if self._life.has_made(first):
            self._resumed.get()
        try:
            next(made)
        except StopIteration:
            return
        made.close()
        raise MisuseError(*YIELDED_TWICE)
