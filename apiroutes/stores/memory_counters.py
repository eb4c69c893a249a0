"""Counts of uses in the memory of one worker.

In: uses of limits. Out: whether there is room for them. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apiroutes.stores.clock import now
from apiroutes.stores.counters import Use, Window, advance, has_room, without
from apiroutes.structs import replace
from apiroutes.threads import native_threads

__all__ = ["MemoryCounters"]

# How many keys are kept at most: about 20 MB. When there are more, the tenth that ends first goes.
_MOST_KEYS = 50_000
# Keys before the first check which of them have ended.
_FEWEST_KEYS = 1_000


class MemoryCounters:
    """Keeps counts for as long as they matter, and no more than `most_keys`. `clock` counts seconds."""

    is_local = True

    def __init__(self, *, most_keys: int = _MOST_KEYS, clock: Callable[[], float] = now) -> None:
        self._most_keys = most_keys
        self._clock = clock
        self._windows: dict[bytes, tuple[float, Window]] = {}  # each with when it ends
        self._sweep_at = min(_FEWEST_KEYS, most_keys)
        self._lock = native_threads.native_lock()

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        with self._lock:
            moment = self._clock()
            windows = [self._window(use, moment) for use in uses]
            if not all(map(has_room, uses, windows)):
                return False, windows
            windows = [
                replace(window, current=window.current + use.cost) for use, window in zip(uses, windows)
            ]
            for use, window in zip(uses, windows):
                self._windows[use.key] = window.start + 2 * use.seconds, window
            if len(self._windows) > self._sweep_at:
                self._sweep(moment)
            return True, windows

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        with self._lock:
            for use, taken in zip(uses, windows):
                end, window = self._windows.get(use.key, (0.0, None))
                if window is not None:
                    self._windows[use.key] = end, without(use, taken, window)

    def close(self) -> None:
        self._windows.clear()

    def _window(self, use: Use, moment: float) -> Window:
        _, window = self._windows.get(use.key, (0.0, None))
        return advance(window, moment, use.seconds)

    def _sweep(self, moment: float) -> None:
        """Forget what has ended, and if there are too many keys, those that end first."""
        windows = {key: kept for key, kept in self._windows.items() if kept[0] > moment}
        if len(windows) > self._most_keys:
            last = sorted(windows, key=lambda key: windows[key][0])
            for key in last[: len(windows) - self._most_keys + self._most_keys // 10]:
                del windows[key]
        self._windows = windows
        self._sweep_at = min(self._most_keys, max(_FEWEST_KEYS, 2 * len(windows)))
