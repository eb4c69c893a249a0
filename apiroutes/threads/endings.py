"""What runs for a while, and the functions that wait for its end.

In: functions, from any thread. Out: their calls, each once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

__all__ = ["Ending"]


class Ending:
    """Something that runs until `note_end` is called."""

    def __init__(self) -> None:
        self.is_running = True
        self._at_end: list[Callable[[], object]] = []

    def call_at_end(self, function: Callable[[], object]) -> None:
        """Have a function that raises nothing called once it has ended, or now if it has."""
        self._at_end.append(function)
        if not self.is_running:
            self._call_functions()

    def note_end(self) -> None:
        """It has ended."""
        self.is_running = False
        self._call_functions()

    def _call_functions(self) -> None:
        with contextlib.suppress(IndexError):  # another thread may be here as well
            while True:
                self._at_end.pop()()
