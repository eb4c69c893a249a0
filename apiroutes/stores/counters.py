"""How much was used of a limit within a sliding window of time, whatever keeps the numbers. It knows no HTTP.

In: keys, which are digests, and limits. Out: whether they leave room for new uses. A store raises StoreError,
within 0.25 s, if it cannot do what it was asked to.

The sliding window is computed from two fixed ones: uses in the current window count in full, uses in the
previous one in proportion to how much of the last `seconds` it still covers, as if they had been spread
evenly. Rounded down, both together never exceed the limit. The first use begins a window, so as much as the
limit allows is let through at once, and more no sooner than `seconds` later, little by little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from apiroutes.structs import Struct, replace

__all__ = ["Counters", "Use", "Window", "advance", "has_room", "without"]


class Use(Struct, frozen=True):
    """What is to be used of one limit: `cost` of `amount` within `seconds`, all ints from 1."""

    key: bytes
    amount: int
    seconds: int
    cost: int


class Window(Struct, frozen=True):
    """What was used until the moment `now`: in the window from `start`, and in the one before it.

    The moments are in seconds by the store's clock, which cannot be compared with any other.
    """

    start: float
    previous: int
    current: int
    now: float

    def used(self, seconds: int) -> int:
        """Return how much of the limit was used within the last `seconds`."""
        return int(self.previous * (1 - (self.now - self.start) / seconds)) + self.current

    def ends_in(self, seconds: int) -> float:
        """Return in how many seconds the current window ends."""
        return seconds - (self.now - self.start)  # in this order, or rounding makes it more than `seconds`

    def seconds_until(self, room: int, seconds: int) -> float:
        """Return after how many seconds at most `room`, from 0, counts, if nothing is used by then."""
        if self.used(seconds) <= room:
            return 0.0
        elapsed = self.now - self.start
        if self.current <= room:
            return max(0.0, seconds * (1 - (room + 1 - self.current) / self.previous) - elapsed)
        return self.ends_in(seconds) + max(0.0, seconds * (1 - (room + 1) / self.current))


class Counters(Protocol):
    """Counts for one worker, one machine or several. Any thread may call its methods.

    `is_local`: whether they usually take only microseconds, so that an event loop may call them.
    """

    is_local: bool

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        """Use all of these if there is room for all, or none; return whether, and the windows after it.

        This is one atomic step across all workers. The keys all differ.
        """
        ...

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        """Return uses that had room, with the windows that `take` returned."""
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...


def advance(window: Window | None, now: float, seconds: int) -> Window:
    """Return a window as of a later moment, when another window may have begun."""
    if window is None:
        return Window(now, 0, 0, now)
    elapsed = now - window.start
    if elapsed < 0:  # the clock was set back: uses count no longer than they would have
        return Window(now, window.previous, window.current, now)
    if elapsed < seconds:
        return Window(window.start, window.previous, window.current, now)
    if elapsed < 2 * seconds:
        return Window(window.start + seconds, window.current, 0, now)
    return Window(now, 0, 0, now)


def has_room(use: Use, window: Window) -> bool:
    """Return whether a use fits into a window that was advanced to this moment."""
    return window.used(use.seconds) + use.cost <= use.amount


def without(use: Use, taken: Window, window: Window) -> Window:
    """Return a window without a use, which was taken when the window was `taken`."""
    if window.start == taken.start:
        return replace(window, current=max(0, window.current - use.cost))
    if window.start == taken.start + use.seconds:
        return replace(window, previous=max(0, window.previous - use.cost))
    return window  # it no longer counts
