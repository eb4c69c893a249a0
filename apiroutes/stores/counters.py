"""How much was used of a limit within a sliding window of time, whatever keeps the numbers. It knows no HTTP.

In: keys, which are digests, and limits. Out: whether they leave room for what is asked for. A store raises
StoreError, within 0.25 s, where it cannot do what it was asked for.

The window that slides is made of two that stand: what was used in the current one counts in full, what was
used in the one before as much as that still covers of the last `seconds`, as if it had been used evenly.
Rounded down, both together never pass the limit. The first use begins a window, so that as much as the limit
allows is let through at once, and more no sooner than `seconds` later, little by little.
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

    The moments are in seconds by the store's clock, which nobody else's can be compared with.
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
        """Return after how many seconds no more than `room`, from 0, counts, if nothing is used by then."""
        if self.used(seconds) <= room:
            return 0.0
        elapsed = self.now - self.start
        if self.current <= room:
            return max(0.0, seconds * (1 - (room + 1 - self.current) / self.previous) - elapsed)
        return self.ends_in(seconds) + max(0.0, seconds * (1 - (room + 1) / self.current))


class Counters(Protocol):
    """Counts for one worker, one machine or several. Any thread may call its methods.

    `is_local`: whether they take some microseconds at most, as a rule, so that an event loop may call them.
    """

    is_local: bool

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        """Use all of these if there is room for all, or nothing; return whether, and the windows after it.

        This is one step: no other use, of any worker, comes in between. The keys are different ones.
        """
        ...

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        """Take uses back that had room, with the windows that `take` returned."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...


def advance(window: Window | None, now: float, seconds: int) -> Window:
    """Return a window as it is at a later moment, when another one may have begun."""
    if window is None:
        return Window(now, 0, 0, now)
    elapsed = now - window.start
    if elapsed < 0:  # a clock that was set back: what was used lasts no longer than it would have
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
    """Return a window without a use, which was taken when the window was another one."""
    if window.start == taken.start:
        return replace(window, current=max(0, window.current - use.cost))
    if window.start == taken.start + use.seconds:
        return replace(window, previous=max(0, window.previous - use.cost))
    return window  # it counts no longer
