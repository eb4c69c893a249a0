"""The moments of a session: when it began, when it was used, and when it ends.

In: a moment by one clock, in seconds, and lifetimes. Out: the same moments for every store that computes them
here. The scripts of Redis compute the same by the clock of its server.
"""

from __future__ import annotations

from collections.abc import Mapping

from apiroutes.stores.session_store import MOST_BYTES, Lifetime, SessionTooLarge
from apiroutes.structs import Struct

__all__ = ["Times", "checked_size", "note_step"]


class Times(Struct, frozen=True):
    """When a session began, when its last noted use was, when it ends, and when it ends if it is not used."""

    begun: float
    used: float
    whole_end: float
    end: float

    @classmethod
    def at_beginning(cls, moment: float, lifetime: Lifetime) -> Times:
        """Return the times of a session that begins."""
        whole_end = moment + lifetime.whole
        return cls(moment, moment, whole_end, _end(moment, whole_end, lifetime))

    def have_ended(self, moment: float, lifetime: Lifetime) -> bool:
        """Return whether a session has ended: by its noted times, or by the current lifetime."""
        return (
            moment >= self.end
            or moment >= self.begun + lifetime.whole
            or (lifetime.idle is not None and moment >= self.used + lifetime.idle)
        )

    def when_used(self, moment: float, lifetime: Lifetime) -> Times:
        """Return the times of a session that is used at a moment."""
        return Times(self.begun, moment, self.whole_end, _end(moment, self.whole_end, lifetime))

    def need_note(self, moment: float, lifetime: Lifetime) -> bool:
        """Return whether the use of a session has to be noted.

        It has to be also when the current lifetime gives it a later end than the noted one, and when the
        clock was set back: a session used later than now would seem in use until then.
        """
        step = note_step(lifetime)
        if lifetime.idle is not None and abs(moment - self.used) >= step:
            return True
        return _end(moment, self.whole_end, lifetime) - self.end >= step


def note_step(lifetime: Lifetime) -> float:
    """Return after how many seconds the use of a session is noted again."""
    idle = lifetime.idle
    return 1.0 if idle is None else min(max(1.0, idle / 10), idle / 2)


def _end(used: float, whole_end: float, lifetime: Lifetime) -> float:
    return whole_end if lifetime.idle is None else min(whole_end, used + lifetime.idle)


def checked_size(values: Mapping[str, bytes]) -> int:
    """Return how many bytes the values of a session take. Raises SessionTooLarge."""
    size = sum(len(name.encode("utf-8", "surrogatepass")) + len(value) for name, value in values.items())
    if size > MOST_BYTES:
        raise SessionTooLarge(size)
    return size
